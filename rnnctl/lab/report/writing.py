"""Write a page, or an index of pages, as files."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

from rnnctl import __version__
from rnnctl.errors import Failed, InvalidArgument, NotFound
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.figures import safe_name, selection_name
from rnnctl.lab.report.gather import gathered
from rnnctl.lab.report.single import moment
from rnnctl.lab.workspaces import NamedRuns, archived_studies, in_archive, runs_together
from rnnctl.report.page import render
from rnnctl.report.page.content import Card, Index, Page, Picture
from rnnctl.report.page.pdf import find_browser, printed
from rnnctl.words import lines_of
from store import Store, places, queries
from store.files import write_whole

FOLDER, INDEX = "reports", "index.html"
HTML, PDF = (".html", ".htm"), ".pdf"


@dataclass(frozen=True)
class Reported:
    """The file that was written, what it lacks, and how many of its runs are still queued or running."""

    file: Path
    notes: list[str]
    unfinished: int
    page: Page


def report(
    store: Store,
    names: Sequence[str],
    *,
    where: Sequence[str] = (),
    out: str | None = None,
    browser: str | None = None,
    refresh: int = 0,
    hidden: bool = False,
) -> Reported:
    """Write the report of studies or runs together.

    where, hidden: see `runs_together`. out: a file, .html or .pdf, or a folder if it exists or ends with /; by default
    in the workspace's folder for reports. browser: which prints a .pdf, by default one that is installed. refresh:
    seconds after which the page reloads itself, 0 for never. Raise LabError, and StoreError if the file cannot be
    written.
    """
    named = runs_together(store, names, where, hidden)
    path = _path(store, named, out)
    program = _browser(path, browser, refresh)
    result = gathered(store, named, refresh)
    _write(path, result.page, program, follow=out is not None)
    return Reported(path, [*named.notes, *result.notes], result.unfinished, result.page)


@dataclass(frozen=True)
class Indexed:
    """The index over the studies of a workspace, and the pages beside it. notes: which studies have no page."""

    file: Path
    pages: list[Path]
    notes: list[str]


def report_all(store: Store, out: str | None = None, told: Callable[[Path], None] | None = None) -> Indexed:
    """Write a page of each study that is not archived, and an index with a picture of each.

    out: a folder, by default the workspace's folder for reports. told: is given each page as soon as it is written.
    Raise LabError, and StoreError if a file cannot be written.
    """
    folder = _folder(store, out)
    studies = [study for study in queries.studies(store) if study.archived is None]
    if not studies:
        archived = archived_studies(store)
        raise LabError(in_archive(archived) if archived else "no study is registered", Code.NOTHING)
    cards, pages, notes = [], [], []
    files = file_names([study.name for study in studies])
    for number, (study, name) in enumerate(zip(studies, files, strict=True), start=1):
        anchor, about = f"study-{number}", lines_of(study.about)
        if not study.runs:
            cards.append(Card(anchor, study.name, about, "its file names no run any more", [], "", None))
            notes.append(f"{study.name} has no page: its file names no run any more")
            continue
        path = folder / name
        result = gathered(store, runs_together(store, [study.name]))
        _write(path, result.page, None, follow=out is not None)
        pages.append(path)
        if told is not None:
            told(path)
        picture = next(iter(result.page.curves), None)
        shown = None if picture is None else picture_of_card(picture, anchor)
        cards.append(Card(anchor, study.name, about, result.page.subtitle, result.page.answer, path.name, shown))
        notes += [f"{study.name}: {note}" for note in result.notes]
    index = Index(f"Studies of {store.workspace.root.name}", moment(time.time()), __version__, cards)
    file = folder / INDEX
    text = render.index(index)
    write_whole(file, lambda target: target.write(text.encode()), durable=False, follow=out is not None)
    return Indexed(file, pages, notes)


def file_names(studies: Sequence[str]) -> list[str]:
    """Return the names of the studies' pages: also where case does not tell names apart, no two are the same, and none
    is that of the index.
    """
    names: list[str] = []
    for study in studies:
        stem = safe_name(study)
        taken = {name.lower() for name in names}
        numbered = (f"{stem}-{number}" for number in count(2))
        names.append(next(name for each in chain([stem], numbered) if (name := _page(each)).lower() not in taken))
    return names


def _page(stem: str) -> str:
    """Return the name of a page, which is never that of the index."""
    return f"{stem}-page.html" if f"{stem}.html".lower() == INDEX else f"{stem}.html"


def picture_of_card(picture: Picture, anchor: str) -> Picture:
    """Return a picture for the index: without the numbers of its curves, and with ids of its own."""
    return replace(picture, name=anchor, curves=None, svg=picture.svg.replace(f"{picture.name}-", f"{anchor}-"))


def _folder(store: Store, out: str | None) -> Path:
    if out is None:
        return places.own_folder(store.workspace, FOLDER)
    path = Path(out)
    if out.endswith("/") or path.is_dir():
        return path
    raise LabError(
        "an index with its pages needs a folder; name one that exists, or end it with /", argument="out", value=out
    )


def settled(reported: Reported) -> None:
    """Write a page once more, that no longer reloads itself. Raises StoreError."""
    _write(reported.file, replace(reported.page, refresh=0), None, follow=True)


def _path(store: Store, named: NamedRuns, out: str | None) -> Path:
    stem = safe_name(named.title) + (f"-{selection_name(named.selection)}" if named.selection else "")
    if out is None:
        return places.own_folder(store.workspace, FOLDER) / _page(stem)
    path = Path(out)
    if out.endswith("/") or path.is_dir():
        return path / _page(stem)
    if path.suffix.lower() not in (*HTML, PDF) and not _is_device(path):
        raise LabError("a report is a .html or a .pdf; a folder ends with /", argument="out", value=out)
    return path


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _browser(path: Path, named: str | None, refresh: int) -> Path | None:
    if path.suffix.lower() != PDF:
        if named is not None:
            raise LabError("only a .pdf is printed by a browser", argument="browser", value=named)
        return None
    if refresh:
        raise LabError("a .pdf does not reload itself; name a .html", argument="out", value=path)
    try:
        return find_browser(named)
    except InvalidArgument as error:
        raise LabError(str(error), argument="browser") from None
    except NotFound as error:
        raise LabError(str(error), Code.FAILURE) from None


def _write(path: Path, page: Page, browser: Path | None, *, follow: bool) -> None:
    text = render.page(page)
    try:
        content = text.encode() if browser is None else printed(text, browser)
    except Failed as error:
        raise LabError(str(error), Code.FAILURE) from None
    write_whole(path, lambda file: file.write(content), durable=False, follow=follow)
