"""`export`: results in the forms that other programs read, and the commands that made them."""

from __future__ import annotations

import io
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import AllOption, AllowCodeOption, WorkspaceOption, named, opened, path_text
from rnnctl.cli.output import UserError, notes, out, out_script, terminal

if TYPE_CHECKING:
    from rnnctl.lab.export.files import FileExport
    from rnnctl.lab.export.text import TextExport


class Format(StrEnum):
    npz = "npz"
    safetensors = "safetensors"
    csv = "csv"
    jsonl = "jsonl"
    tensorboard = "tensorboard"
    log = "log"


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
        typer.Option("--format", "-f", help="csv and jsonl have a row for each check.", show_default=False),
    ] = None,
    out_: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            callback=path_text,
            metavar="FILE|DIR",
            help="Where to write. Default: stdout; for npz, safetensors, tensorboard and the logs of a study the "
            "workspace's folder exports/STUDY.",
            show_default=False,
        ),
    ] = None,
    best: Annotated[
        bool,
        typer.Option("--best", help="npz, safetensors: take the weights of the best validation loss, not the last."),
    ] = False,
    traces: Annotated[bool, typer.Option("--traces", help="jsonl: add the arrays of each check.")] = False,
    commands: Annotated[
        bool, typer.Option("--commands", help="Print a shell script that repeats the study, or all studies.")
    ] = False,
    hidden: AllOption = False,
    allow_code: AllowCodeOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Write runs for other programs: npz, safetensors, csv, jsonl, tensorboard. One run, or all runs of a study. Also
    logs to read.

    npz writes LABEL_final_state.npz, with the arrays that course code plots; of an unfinished run
    LABEL_unfinished_at_UPDATE_state.npz. safetensors writes the weights alone, as LABEL_final_weights.safetensors.
    Either file can be the model.init of another run. The csv of a study is one tidy table.
    A log tells, with times, the attempts, checks and end of a run; of a study, each run has a file LABEL.log.
    Files that exist are replaced. The paths of written files are printed on stdout.
    """
    _check_options(name, format_, best, traces, commands)
    if isinstance(stdout := terminal(sys.stdout), io.TextIOWrapper):
        stdout.reconfigure(encoding="utf-8", errors="replace")  # as study files are, whatever the terminal is
    # Names of files depend on all runs of the study.
    only = [name] if name is not None and out_ is None and format_ in (Format.csv, Format.jsonl, Format.log) else []
    with opened(workspace, readonly=True, runs=only) as store:
        if commands:
            from rnnctl.lab.export.text import commands as script

            _print_text(script(store, name, hidden), out_)
            return
        runs = named(store, name or "", hidden=hidden)
        if format_ is Format.csv or format_ is Format.jsonl:
            from rnnctl.lab.export.text import checks

            _print_text(checks(store, runs, "csv" if format_ is Format.csv else "jsonl", traces=traces), out_)
        elif format_ is Format.npz:
            from rnnctl.lab.export.files import npz

            _print_paths(npz(store, runs, out_, best=best))
        elif format_ is Format.safetensors:
            from rnnctl.lab.export.files import safetensors

            _print_paths(safetensors(store, runs, out_, best=best))
        elif format_ is Format.log:
            if runs.whole:
                from rnnctl.lab.export.files import logs

                _print_paths(logs(store, runs, out_))
            else:
                from rnnctl.lab.export.text import log

                _print_text(log(store, runs), out_)
        else:
            from rnnctl.lab.export.files import tensorboard

            _print_paths(tensorboard(store, runs, out_))


def _check_options(name: str | None, format_: Format | None, best: bool, traces: bool, commands: bool) -> None:
    if commands:
        if format_ or best or traces:
            raise UserError("--commands is a script: --format, --best and --traces do not apply")
        return
    if name is None:
        raise UserError("name a study or a run to export (rnnctl status shows what there is)")
    if format_ is None:
        raise UserError(f"--format is missing; it is one of {', '.join(Format)}")
    if best and format_ not in (Format.npz, Format.safetensors):
        raise UserError(f"--best chooses weights: it applies to --format npz and safetensors, not to {format_}")
    if traces and format_ is not Format.jsonl:
        raise UserError(f"--traces applies to --format jsonl, not to {format_}")


def _print_text(export: TextExport, out_: str | None) -> None:
    """Print the lines, or write them into a file and print its path."""
    notes(export.notes)
    if out_ is None:
        out_script(export.lines)
    elif (path := export.write(out_)) is not None:
        out(str(path), whole=True)


def _print_paths(export: FileExport) -> None:
    notes(export.notes)
    for file in export.files:
        notes(file.notes)
        if file.path is not None:
            out(str(file.path), whole=True)
