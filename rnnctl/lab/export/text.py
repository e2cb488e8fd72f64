"""Exports as text: tables of checks as CSV or JSON lines, logs, and the script that repeats a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.export.selection import Selection, checked, histories, is_folder, started, write
from rnnctl.lab.workspaces import NamedRuns, archived_studies, in_archive, runs_named, study_named
from rnnctl.report.export.commands import script
from rnnctl.report.export.log import log_lines
from rnnctl.report.export.table import check_rows, csv_lines, identities, json_lines
from store import Store, history, queries
from store.history import History
from store.queries import RunRow

MOST_KEPT = 500  # runs whose scalars are kept in memory instead of being read twice: about 100 MB at 2,500 checks


@dataclass(frozen=True)
class TextExport:
    """Lines without line ends, made while they are read. name_file: makes the name of a file for them."""

    lines: Iterator[str]
    name_file: Callable[[], str]
    notes: list[str]

    @property
    def file(self) -> str:
        """The name of a file for the lines."""
        return self.name_file()

    def write(self, out: str) -> Path | None:
        """Write the lines into a file or a folder (see `is_folder`), and return the path; None for a device or a pipe.

        Raises StoreError.
        """

        def fill(file: BinaryIO) -> None:
            file.writelines(f"{line}\n".encode() for line in self.lines)

        return write(Path(out) / self.file if is_folder(out) else Path(out), fill)


def checks(
    store: Store, named: NamedRuns, format_: Literal["csv", "jsonl"] = "csv", *, traces: bool = False
) -> TextExport:
    """Return a table with a row for each check. In that of a study, the first columns say which run it is.

    traces: also the arrays of each check; of jsonl only. Raises LabError.
    """
    if traces and format_ != "jsonl":
        raise LabError(f"applies to jsonl, not to {format_}", argument="traces")
    selection = checked(store, named)
    columns = _first_columns(selection)
    if format_ == "jsonl":
        lines = json_lines(_rows(histories(store, selection.runs, traces=traces), columns, traces))
    else:
        # The header needs the names of all scalars, and only the histories know them. Many are read twice.
        kept = list(histories(store, selection.runs, traces=False)) if len(selection.runs) <= MOST_KEPT else None
        scalars = dict.fromkeys(
            name for _, past in kept or histories(store, selection.runs, traces=False) for name in past.scalars
        )
        rows = _rows(kept or histories(store, selection.runs, traces=False), columns)
        lines = csv_lines([*columns[selection.runs[0].run_id], "step", *scalars], rows)
    return TextExport(lines, lambda: f"{selection.file}.{format_}", selection.notes)


def log(store: Store, named: NamedRuns) -> TextExport:
    """Return the log of one run (see `rnnctl.report.export.log`). Raises LabError if it was never begun."""
    selection = started(store, named)
    return TextExport(log_of(store, selection.runs[0]), lambda: f"{selection.file}.log", selection.notes)


def log_of(store: Store, run: RunRow) -> Iterator[str]:
    """Return the lines of the log of a run."""
    checkpoints = queries.checkpoints_of(store, run.run_id)
    return log_lines(run, queries.attempts(store, run.run_id), history.checks_of(store, run.run_id), checkpoints)


def rows_of_checks(store: Store, named: NamedRuns) -> Iterator[dict[str, Any]]:
    """Yield what `checks` writes, a row for each check. Raises LabError."""
    selection = checked(store, named)
    yield from _rows(histories(store, selection.runs, traces=False), _first_columns(selection))


def _first_columns(selection: Selection) -> dict[str, dict[str, Any]]:
    """Return the columns that say which run a row is of, by run id; none if all rows are of one run."""
    if not selection.whole:
        return dict.fromkeys((row.run_id for row in selection.runs), {})
    return {row.run_id: identity for row, identity in zip(selection.runs, identities(selection.runs), strict=True)}


def _rows(
    pasts: Iterable[tuple[RunRow, History]], columns: Mapping[str, dict[str, Any]], traces: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield a row for each check of the runs. columns: the first ones, by run id."""
    return (row for run, past in pasts for row in check_rows(past, columns[run.run_id], traces))


def _whole_study(store: Store, name: str) -> str:
    """Return the name if it is that of a study. Raises LabError, which says so if it is that of a run."""
    try:
        return study_named(store, name)
    except LabError as unknown:
        try:
            study = runs_named(store, name).study
        except LabError:
            raise unknown from None
    raise LabError(f"{name} is a run, and --commands writes those of a whole study: rnnctl export {study} --commands")


def commands(store: Store, study: str | None = None, hidden: bool = False) -> TextExport:
    """Return the shell script that repeats a study, or all studies. Raises LabError.

    hidden: also archived studies, and runs that the files of their studies no longer name.
    """
    wanted = None if study is None else _whole_study(store, study)
    studies = [
        row
        for row in queries.studies(store)
        if row.name == wanted or (wanted is None and (hidden or row.archived is None))
    ]
    if not studies:
        archived = archived_studies(store)
        raise LabError(in_archive(archived) if archived else "no study is registered", Code.NOTHING)
    runs = [queries.runs_of(store, row.name, hidden=hidden) for row in studies]
    attempts = {row.run_id: queries.attempts(store, row.run_id) for rows in runs for row in rows}
    lines = script(list(zip(studies, runs, strict=True)), attempts)
    return TextExport(lines, lambda: f"{wanted or 'commands'}.sh", [])
