"""`export`: results in the forms that other programs read, and the commands that made them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from rnnctl.cli.options import WorkspaceOption, opened, runs_named
from rnnctl.cli.output import FAILURE, NOTHING, UserError, counted, out, say

if TYPE_CHECKING:
    from store import Store
    from store.history import History
    from store.queries import RunRow

AT_ONCE = 50  # histories of so many runs are in memory at a time


class Format(StrEnum):
    npz = "npz"
    csv = "csv"
    jsonl = "jsonl"
    tensorboard = "tensorboard"


def export(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="STUDY|RUN",
            help="A registered study, or a run: its id or the beginning of it, its label, or STUDY/LABEL.",
            show_default=False,
        ),
    ] = None,
    format_: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="csv and jsonl have a row a check.", show_default=False),
    ] = None,
    out_: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE|DIR",
            help="Where to. Default: stdout; for npz and tensorboard the workspace's folder exports/STUDY.",
            show_default=False,
        ),
    ] = None,
    best: Annotated[bool, typer.Option("--best", help="npz: the weights of the best validation loss.")] = False,
    traces: Annotated[bool, typer.Option("--traces", help="jsonl: also the arrays of each check.")] = False,
    commands: Annotated[
        bool, typer.Option("--commands", help="Print the script that makes the study, or all studies, again.")
    ] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Write a run, or all runs of a study, for other programs: npz, csv, jsonl, tensorboard.

    npz is LABEL_final_state.npz, with the arrays that course code plots; the csv of a study is one tidy table. A file
    that is there is replaced. What was written is named on stdout.
    """
    _check_options(name, format_, best, traces, commands)
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # as study files are, whatever the terminal is
    with opened(workspace, readonly=True) as store:
        if commands:
            _commands(store, name, out_)
            return
        selection = _select(store, name)
        if format_ in (Format.csv, Format.jsonl):
            _table(store, selection, format_, out_, traces)
        elif format_ is Format.npz:
            _npz(store, selection, out_, best)
        else:
            _tensorboard(store, selection, out_)


def _check_options(name: str | None, format_: Format | None, best: bool, traces: bool, commands: bool) -> None:
    if commands and (format_ or best or traces):
        raise UserError("--commands is a script: --format, --best and --traces do not apply")
    if commands:
        return
    if name is None:
        raise UserError("name a study or a run to export (rnnctl status shows what there is)")
    if format_ is None:
        raise UserError(f"--format is missing; it is one of {', '.join(Format)}")
    if best and format_ is not Format.npz:
        raise UserError(f"--best chooses weights: it applies to --format npz, not to {format_}")
    if traces and format_ is not Format.jsonl:
        raise UserError(f"--traces applies to --format jsonl, not to {format_}")


@dataclass(frozen=True)
class _Selection:
    """The runs of a study, or one of them."""

    study: str
    runs: list[RunRow]
    files: dict[str, str]  # run id -> file name, of all runs of the study
    whole: bool

    @property
    def file(self) -> str:
        return self.study if self.whole else self.files[self.runs[0].run_id]

    def __str__(self) -> str:
        return f"study {self.study}" if self.whole else f"run {self.study}/{self.runs[0].label}"


def _select(store: Store, word: str) -> _Selection:
    from rnnctl.report.export.names import file_names
    from store import queries

    rows, whole = runs_named(store, word)
    study = rows[0].study
    return _Selection(study, rows, file_names(queries.runs_of(store, study)), whole)


def _histories(store: Store, rows: list[RunRow], traces: bool) -> Iterator[tuple[RunRow, History]]:
    """The runs that have been checked, with their histories."""
    from store import history

    for start in range(0, len(rows), 1 if traces else AT_ONCE):
        part = rows[start : start + (1 if traces else AT_ONCE)]
        found = history.read(store, [row.run_id for row in part], traces)
        yield from ((row, found[row.run_id]) for row in part if row.run_id in found)


def _checked(selection: _Selection) -> list[RunRow]:
    """The runs that have been checked. Raises UserError where there is none."""
    # A run's summary comes with its first commit, and knows a validation once there was a check.
    rows = [row for row in selection.runs if row.summary.get("last")]
    if not rows:
        raise UserError(f"{selection} has not been checked yet: there is nothing to export", NOTHING)
    if len(rows) < len(selection.runs):
        say(f"note: {counted(len(selection.runs) - len(rows), 'run')} not checked yet, left out")
    return rows


# --- tables ----------------------------------------------------------------------------------------------------------


def _table(store: Store, selection: _Selection, format_: Format, out_: str | None, traces: bool) -> None:
    from rnnctl.report.export.table import check_rows, csv_lines, identities, json_lines

    runs = _checked(selection)
    who = dict.fromkeys((row.run_id for row in runs), {})
    if selection.whole:
        who = {row.run_id: one for row, one in zip(runs, identities(runs), strict=True)}
    rows = (
        row for run, history in _histories(store, runs, traces) for row in check_rows(history, who[run.run_id], traces)
    )
    if format_ is Format.jsonl:
        lines = json_lines(rows)
    else:
        # A header needs the names of all scalars, and only the histories know them: they are read twice.
        scalars = dict.fromkeys(name for _, history in _histories(store, runs, False) for name in history.scalars)
        lines = csv_lines([*who[runs[0].run_id], "step", *scalars], rows)
    _tell(lines, out_, f"{selection.file}.{format_}")


def _commands(store: Store, name: str | None, out_: str | None) -> None:
    from rnnctl.lab.workspaces import study_named
    from rnnctl.report.export.commands import script
    from store import queries

    wanted = study_named(store, name) if name is not None else None
    studies = [study for study in queries.studies(store) if wanted in (None, study.name)]
    if not studies:
        raise UserError("no study is registered", NOTHING)
    runs = [queries.runs_of(store, study.name) for study in studies]
    attempts = {row.run_id: queries.attempts(store, row.run_id) for of_study in runs for row in of_study}
    _tell(script(list(zip(studies, runs, strict=True)), attempts), out_, f"{wanted or 'commands'}.sh")


def _tell(lines: Iterator[str], out_: str | None, file: str) -> None:
    """Lines of text to stdout, or into a file."""
    if out_ is None:
        for line in lines:
            out(line)
        return

    def fill(target: BinaryIO) -> None:
        target.writelines(f"{line}\n".encode() for line in lines)

    _replace(Path(out_) / file if _is_folder(out_) else Path(out_), fill)


# --- files of runs ---------------------------------------------------------------------------------------------------


def _npz(store: Store, selection: _Selection, out_: str | None, best: bool) -> None:
    runs = _checked(selection)  # before torch is loaded
    import numpy as np

    from rnnctl.lab.trained import newest
    from rnnctl.report.export.npz import final_state

    folder, file = _destination(store, selection, out_)
    for row, history in _histories(store, runs, True):
        try:
            state = newest(store, row)
            for note in state.notes:
                say(f"note: {note}")
            if state.trained is None:
                raise ValueError("it has no sound checkpoint; csv and jsonl need none")
            arrays = final_state(row, history, state.trained, "best" if best else "last")
        except ValueError as error:
            raise UserError(f"run {row.study}/{row.label}: {error}", FAILURE) from None

        def fill(target: BinaryIO, arrays=arrays) -> None:
            np.savez_compressed(target, **arrays)

        which = "best" if best else "final"
        _replace(file or folder / f"{selection.files[row.run_id]}_{which}_state.npz", fill)


def _tensorboard(store: Store, selection: _Selection, out_: str | None) -> None:
    runs = _checked(selection)
    folder, file = _destination(store, selection, out_)
    if file is not None:
        raise UserError(f"--out {out_}: tensorboard reads folders; name one that exists, or end it with /")
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError("--format tensorboard needs a package: pip install 'rnnctl[tensorboard]'", FAILURE) from None
    from rnnctl.report.export.tensorboard import write_events

    for row, history in _histories(store, runs, True):

        def fill(target: BinaryIO, row=row, history=history) -> None:
            with TemporaryDirectory() as name:
                with SummaryWriter(name) as writer:
                    write_events(writer, row, history)
                (made,) = Path(name).iterdir()
                with made.open("rb") as source:
                    shutil.copyfileobj(source, target)

        # One name a run: TensorBoard would show the events of two files in a folder as one run that did all twice.
        _replace(folder / selection.files[row.run_id] / f"events.out.tfevents.{row.run_id}", fill)


def _destination(store: Store, selection: _Selection, out_: str | None) -> tuple[Path, Path | None]:
    """The folder for an export's files, and the file where one was named for a single run."""
    if out_ is None:
        return store.workspace.root / "exports" / selection.study, None
    if selection.whole or _is_folder(out_):
        return Path(out_), None
    return Path(out_).parent, Path(out_)


def _is_folder(text: str) -> bool:
    return text.endswith("/") or Path(text).is_dir()


def _replace(path: Path, fill: Callable[[BinaryIO], None]) -> None:
    """Write a file with `fill` and print its path, unless it is a device or a pipe."""
    from store.files import write_whole

    write_whole(path, fill, durable=False)
    if path.is_file():
        out(str(path))
