"""The studies that come with rnnctl."""

from __future__ import annotations

from dataclasses import dataclass

from rnnctl.study.errors import SpecError
from rnnctl.study.loading import load_study, packaged_studies


@dataclass(frozen=True)
class PackagedStudy:
    """A study that comes with rnnctl. runs: how many it has, None if it cannot be read on this machine."""

    study: str
    runs: int | None
    about: str
    file: str


def packaged() -> list[PackagedStudy]:
    """Return the packaged studies. One that cannot be read, because it needs an extra, says so in `about`."""
    studies = []
    for name, path in packaged_studies().items():
        try:
            study = load_study(name)
        except SpecError as error:
            studies.append(PackagedStudy(name, None, f"cannot be read here: {error}", str(path)))
        else:
            studies.append(PackagedStudy(name, len(study.runs), study.about, study.file))
    return studies
