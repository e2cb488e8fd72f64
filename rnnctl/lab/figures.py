"""Figures as files: their names, folders and formats."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnnctl.words import one_line
from store import places

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.report.results import Result
    from store import Store

DPI = 130
PRINTED_DPI = 300  # of pixels in files of vectors, and of figures as wide as a column of a paper
COLUMN = 4.0  # inches
LONGEST = 100  # characters of a label; file systems allow names of 255 bytes


@dataclass(frozen=True)
class DrawnFigures:
    """The figures that were drawn into a folder, by the names of their files without suffix."""

    folder: Path
    names: list[str]
    notes: list[str]


def safe_name(label: str) -> str:
    """Return a label as part of a file's name, on any file system.

    A long label is cut. It is followed by its hash, and so is one with characters that are not printable ASCII, because
    the hash is all that tells some of them apart.
    """
    name = re.sub(r"[^A-Za-z0-9._+=-]+", "-", label).strip("-.")
    if name and len(name) <= LONGEST and label.isascii() and label.isprintable():
        return name
    digest = hashlib.sha256(label.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{name[:LONGEST]}-{digest}" if name else digest


def save(figure: Figure, path: Path, *, title: str, run: str | None = None, follow: bool = False) -> None:
    """Write a figure in the format that the path's suffix names. Raises StoreError if it cannot be written.

    title: the study, or STUDY/LABEL, for the properties of the file. run: the id of the run if the figure is of one.
    follow: whether to follow a symbolic link at the path, as for a file that the user names.
    """
    from store.files import write_whole

    form = path.suffix[1:].lower()
    properties = {"Title": one_line(f"{title}: {path.stem}"), "Keywords": one_line(f"study {title.partition('/')[0]}")}
    if run is not None:
        properties["Keywords"] += f", run {run}"
    dpi = DPI if form == "png" and figure.get_figwidth() > COLUMN else PRINTED_DPI
    write_whole(
        path,
        lambda file: figure.savefig(file, dpi=dpi, format=form, metadata=properties),
        durable=False,
        follow=follow,
    )


def remove(folder: Path, names: Sequence[str]) -> None:
    """Remove figures of an earlier call, so that they do not lie beside those of this one. Raises StoreError."""
    from store.errors import translated

    with translated(folder):
        for name in names:
            (folder / f"{name}.png").unlink(missing_ok=True)


def title_of(study: str | None, results: Sequence[Result]) -> str:
    """Return the name of these runs together: their study, or `all studies`."""
    return study or (results[0].study if len({run.study for run in results}) == 1 else "all studies")


def figures_folder(store: Store, *names: str) -> Path:
    """Return the workspace's folder for figures, or one inside of it.

    Raises StoreError if there is a symbolic link in its place.
    """
    return places.own_folder(store.workspace, store.workspace.figures.name, *names)


def folder_of(store: Store, title: str, selection: Sequence[str] = ()) -> Path:
    """Return the folder for the figures of runs with this title. Raises StoreError.

    selection: the conditions that choose some of these runs. Their figures have a folder of their own, so that they
    never replace those of all runs.
    """
    return figures_folder(store, title.replace(" ", "-"), *([selection_name(selection)] if selection else []))


def selection_name(selection: Sequence[str]) -> str:
    """Return the conditions of a selection as part of a file's name."""
    words = "_".join(selection)
    for sign, word in (("<", "-lt-"), (">", "-gt-"), ("!", "-not-")):
        words = words.replace(sign, word)
    return safe_name(words)
