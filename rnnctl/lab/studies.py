"""The studies that come with rnnctl, and those of a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnnctl.lab.errors import Code, LabError
from rnnctl.study.packaged import indexed, packaged_studies
from rnnctl.words import did_you_mean

if TYPE_CHECKING:
    from store import Store


@dataclass(frozen=True)
class PackagedStudy:
    """A study that comes with rnnctl. runs: how many it has, None if it cannot be read on this machine."""

    study: str
    runs: int | None
    about: str
    file: str


def packaged() -> list[PackagedStudy]:
    """Return the packaged studies. One that cannot be read, because it needs an extra, says so in `about`.

    They are listed from the index; a study is read only if its entry is missing, out of date or needs an extra.
    """
    entries = indexed()
    return [
        PackagedStudy(name, entries[name].runs, entries[name].about, str(path))
        if name in entries
        else _read(name, path)
        for name, path in packaged_studies().items()
    ]


def _read(name: str, path: Path) -> PackagedStudy:
    from rnnctl.study.errors import SpecError
    from rnnctl.study.loading import load_study

    try:
        study = load_study(name)
    except SpecError as error:
        return PackagedStudy(name, None, f"cannot be read here: {error}", str(path))
    return PackagedStudy(name, len(study.runs), study.about, study.file)


def copied(name: str, file: str | None = None) -> Path:
    """Copy a packaged study into a file, by default NAME.yaml in the current folder; return its path.

    file: a folder takes NAME.yaml; a path that ends with / is one, and is made. Raises LabError if there is no such
    study, and if the file exists or cannot be written.
    """
    studies = packaged_studies()
    if name not in studies:
        hint = f"{did_you_mean(name, studies)}; rnnctl studies lists all"
        raise LabError(f"no study {name!r} comes with rnnctl{hint}", Code.NOTHING)
    path = Path(file or ".")
    makes_folder = (file or "").endswith("/")
    if path.is_file() and makes_folder:
        raise LabError(f"{path} cannot be a folder: there is a file of that name", Code.FAILURE)
    if path.is_dir() or makes_folder:
        path /= f"{name}.yaml"
    text = studies[name].read_bytes()
    try:
        if makes_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as copy:
            copy.write(text)
    except FileExistsError:
        raise LabError(f"{path} exists; name another file") from None
    except OSError as error:
        raise LabError(f"{path} cannot be written: {error.strerror or error}", Code.FAILURE) from None
    return path


@dataclass(frozen=True)
class StudyHere:
    """A registered study. runs: that its file names. unnamed: that it named before. archived: when, or None."""

    study: str
    runs: int
    unnamed: int
    archived: float | None
    note: str
    about: str


def registered(store: Store, hidden: bool = False) -> list[StudyHere]:
    """Return the studies of a workspace. hidden: also those in the archive."""
    from store import queries

    return [
        StudyHere(row.name, row.runs, row.unnamed, row.archived, row.note, row.about)
        for row in queries.studies(store)
        if hidden or row.archived is None
    ]
