"""`examine`: the leaderboard, the runs below a threshold, and the figures."""

from __future__ import annotations

import gc
import statistics
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import (
    AllOption,
    JsonOption,
    StudyArgument,
    WhereOption,
    WorkspaceOption,
    opened,
)
from rnnctl.cli.output import UserError, duration, notes, out, out_csv, out_json, table
from rnnctl.measures import MEASURES
from rnnctl.words import counted, number, with_se

if TYPE_CHECKING:
    from rnnctl.lab.examine import ConfigurationResult, Examination
    from rnnctl.lab.figures import DrawnFigures
    from rnnctl.report.leaderboard import Spread


def examine(
    study: StudyArgument = None,
    below: Annotated[
        float | None,
        typer.Option(
            "--below",
            metavar="X",
            help="Also list and plot the runs with a best loss below X."
            " For texts at several levels: with bits per byte below X.",
        ),
    ] = None,
    where: WhereOption = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="KEY",
            help="Order by loss, error, updates, label, ..., or a hyper-parameter.",
            show_default="loss, or bits_per_byte of texts at several levels",
        ),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=0, metavar="N", help="Only the first N configurations; 0 for all.")
    ] = 0,
    hidden: AllOption = False,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV on stdout, one row for each run.")] = False,
    figures: Annotated[bool, typer.Option(help="Draw figures into the workspace's figures folder.")] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Rank configurations by their results. Beside them stands what is reached without learning.

    Losses are validation losses in nats (for text, nats per symbol), or mean squared errors for addition and
    multiplication. ± is the standard deviation over replicates; of a floor, its standard error. A run breaks the floor
    at the first check that is more than 1 % below it and, for text, clearly more than chance explains. The table shows
    the median update over the replicates that broke it.
    """
    from rnnctl.lab import examine as lab

    if as_json and as_csv:
        raise UserError("--json and --csv exclude each other")
    # Thousands of records are read once, and without cycles: looking for them took a quarter of the time.
    gc.disable()
    try:
        with opened(workspace) as store:
            examination = lab.examine(store, study, where=where or [], below=below, sort=sort, top=top, hidden=hidden)
            if as_json:
                out_json(examination)
            elif as_csv:
                _print_csv(examination)
            else:
                _print(examination)
                gc.enable()  # figures are full of cycles
                if figures:
                    _tell(lab.draw(store, examination))
    finally:
        gc.enable()


def _print_csv(examination: Examination) -> None:
    from rnnctl.report.results import COLUMNS

    out_csv(COLUMNS, [run.as_dict() for run in examination.runs])


def _print(examination: Examination) -> None:
    groups = examination.configurations
    several = len({group.study for group in groups}) > 1
    text = any(group.spreads["bits_per_byte"] is not None for group in groups)
    columns = [
        *_if(several, "study"),
        "configuration",
        "runs",
        MEASURES["loss"].heading,
        *_if(text, MEASURES["bits_per_byte"].heading),
        MEASURES["last_loss"].heading,
        MEASURES["loss"].reference.heading,
        MEASURES["error"].heading,
        MEASURES["error"].reference.heading,
        "broke floor at",
        "ended",
        "wall time",
    ]
    out(*table(columns, [[*_if(several, group.study), *_cells(group, text)] for group in groups]))
    if examination.more:
        out(f"... and {counted(examination.more, 'more configuration')} (--top 0 shows all)")
    if not all(run.exact for run in examination.every_run):
        out("note: some runs went on in another environment than they began in; rnnctl show RUN says which")
    if any(run.has_former_floor for run in examination.every_run):
        out("note: floors of text without ± are those of an earlier version, which were too high for short texts")
    if examination.below is not None:
        out()
        every = counted(len(examination.every_run), "run")
        out(f"{len(examination.runs)} of {every} below {examination.below:g}")
        if examination.runs:
            _print_below(examination, several)


def _if(condition: bool, cell: str) -> list[str]:
    """Return a cell of a column that a table has only under a condition."""
    return [cell] if condition else []


def _cells(group: ConfigurationResult, text: bool) -> list[str]:
    spreads, broke, error = group.spreads, group.broke_floor_at, MEASURES["error"]
    update = f"{round(statistics.median(broke)):,}" if broke else "-"
    seconds = spreads["seconds"]
    return [
        group.label,
        str(group.runs),
        _spread(spreads["loss"]),
        *_if(text, _spread(spreads["bits_per_byte"])),
        _spread(spreads["last_loss"]),
        with_se(group.floor, group.floor_se),
        _spread(spreads["error"], error.scale),
        number(error.scaled(group.chance_error)),
        f"{update} ({len(broke)} of {group.runs})" if group.runs > 1 else update,
        ", ".join(f"{n} {end}" if group.runs > 1 else end for end, n in group.ended.items()),
        duration(None if seconds is None else seconds.mean),
    ]


def _print_below(examination: Examination, several: bool) -> None:
    by, last_loss, error = (MEASURES[key] for key in (examination.by, "last_loss", "error"))
    headings = [by.heading, "at update", last_loss.heading, error.heading]
    cells = [
        [
            *_if(several, run.study),
            run.label,
            run.run,
            number(run.value(by.key)),
            f"{run.best_at:,}",
            number(run.last_loss),
            number(error.scaled(run.error)),
            run.ended,
        ]
        for run in examination.runs
    ]
    out(*table([*_if(several, "study"), "run", "id", *headings, "ended"], cells))


def _spread(spread: Spread | None, scale: float = 1.0) -> str:
    if spread is None:
        return "-"
    mean = number(scale * spread.mean)
    return mean if spread.sd is None else f"{mean} ± {number(scale * spread.sd, 2)}"


def _tell(drawn: DrawnFigures) -> None:
    notes(drawn.notes)
    out()
    if drawn.names:
        out(f"{counted(len(drawn.names), 'figure')} in {drawn.folder}: {', '.join(drawn.names)}")
    else:
        out("no run was checked yet: no figures")
