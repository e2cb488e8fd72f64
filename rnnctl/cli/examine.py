"""`examine`: the leaderboard, the runs below a threshold, and the figures."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import (
    AllOption,
    AllowCodeOption,
    JsonOption,
    StudyArgument,
    WhereOption,
    WorkspaceOption,
    opened,
)
from rnnctl.cli.output import UserError, notes, out, out_csv, out_json
from rnnctl.measures import MEASURES
from rnnctl.words import counted, counts_in_words, duration, gates_in_words, number, with_se

if TYPE_CHECKING:
    from rnnctl.lab.examine import ConfigurationResult, Examination, TaskTable
    from rnnctl.lab.figures import DrawnFigures
    from rnnctl.lab.in_words import InWords
    from rnnctl.report.results import Result
    from rnnctl.spread import Spread

# The number of runs by verdict, by topic.
Verdicts = Mapping[str, Mapping[str, int]]


def examine(
    study: StudyArgument = None,
    below: Annotated[
        float | None,
        typer.Option(
            "--below",
            metavar="X",
            help="Also list and plot the runs whose measure (see --by) is below X, such as the floor.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="MEASURE",
            help=f"The measure that ranks: {MEASURES.help()}.",
            show_default="loss, or bits_per_byte of texts at several levels",
        ),
    ] = None,
    where: WhereOption = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="KEY",
            help="Order by loss, error, updates, label, ..., or a hyper-parameter.",
            show_default="the measure of --by",
        ),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=0, metavar="N", help="Only the first N configurations of each task; 0 for all.")
    ] = 0,
    hidden: AllOption = False,
    allow_code: AllowCodeOption = False,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV on stdout, one row for each run.")] = False,
    figures: Annotated[bool, typer.Option(help="Draw figures into the workspace's figures folder.")] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Rank configurations by their results, beside the floor. Each task has a table of its own.

    The floor is the loss that the best predictor without memory reaches on the same sequences. Losses are validation
    losses, in the unit in the column's head. ± is the standard deviation over replicates; of a floor, its standard
    error. A run breaks the floor at the first check that is more than 1 % below it and, for text, clearly more than
    chance explains. The table shows the median update over the replicates that broke it, and the mean share of their
    checks that are so far below the floor. Verdicts on gradients through time, saturation and gates are those of show
    RUN. Below the table are who broke the floor, what is best, and what mattered most, as far as seeds tell; --json
    also has the verdicts on each run and each difference between two configurations.
    """
    from rnnctl.lab import examine as lab

    if as_json and as_csv:
        raise UserError("--json and --csv exclude each other")
    # Thousands of records are read once, and without cycles: looking for them took a quarter of the time.
    gc.disable()
    try:
        with opened(workspace) as store:
            examination = lab.examine(
                store,
                study,
                by=by,
                where=where or [],
                below=below,
                sort=sort,
                top=top,
                hidden=hidden,
                words=not as_csv,
            )
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

    parameters = dict.fromkeys(name for each in examination.configurations for name in each.parameters)
    columns = dict.fromkeys([*COLUMNS, "task", "loss_unit", *parameters])
    out_csv(tuple(columns), examination.rows())


def _print(examination: Examination) -> None:
    several = len({group.study for group in examination.configurations}) > 1
    tables = examination.tables
    for position, task in enumerate(tables):
        if position:
            out()
        if len(tables) > 1:
            out(f"{task.task} ({task.unit})")
        _print_table(task, examination, several)
        if (task.task, task.by_unit) not in [(other.task, other.by_unit) for other in tables[position + 1 :]]:
            _print_answer(task, examination.words)
    if not all(run.exact for run in examination.every_run):
        out("note: some runs went on in another environment than they began in; rnnctl show RUN says which")
    if any(run.has_former_floor for run in examination.every_run):
        out("note: floors of text without ± are those of an earlier version, which were too high for short texts")
    if examination.below is None:
        return
    for task in tables:
        out()
        of = f" of {task.task}" if len(tables) > 1 else ""
        out(f"{len(task.below)} of {counted(len(task.runs), 'run')}{of} below {examination.below:g} ({task.by_unit})")
        if task.below:
            _print_below(task, examination.by, several)


def _print_table(task: TaskTable, examination: Examination, several: bool) -> None:
    groups, words, by = task.configurations, examination.words, MEASURES[examination.by]
    runs: dict[tuple[str, str], list[Result]] = {}
    for run in task.runs:
        runs.setdefault((run.study, run.config), []).append(run)
    verdicts = [words.verdicts(runs[group.study, group.config]) for group in groups]
    gated = any(gates_in_words(of_group, 1) for of_group in verdicts)
    text = any(group.spreads["bits_per_byte"] is not None for group in groups)
    units = list(dict.fromkeys(group.loss_unit for group in groups))
    # Texts at several levels have losses in several units, which are not to be compared: bits per byte are.
    losses = len(units) == 1
    unit = f" ({units[0].replace('mean squared error', 'MSE')})" if losses else ""
    last_error = by.key == "last_error"  # all others are there in any case
    sized = len({group.parameter_count for group in groups}) > 1
    columns = [
        *_if(several, "study"),
        "configuration",
        *_if(sized, "parameters"),
        "runs",
        *_if(losses, MEASURES["loss"].heading + unit),
        *_if(text, MEASURES["bits_per_byte"].heading),
        *_if(losses, MEASURES["last_loss"].heading + unit),
        *_if(losses, MEASURES["loss"].reference.heading + unit),
        *_if(not losses, MEASURES["bits_per_byte"].reference.heading),
        MEASURES["error"].heading,
        *_if(last_error, MEASURES["last_error"].heading),
        MEASURES["error"].reference.heading,
        "broke floor at",
        "checks below floor",
        "gradient",
        "saturation",
        *_if(gated, "gates"),
        "status",
        "ended",
        "wall time",
    ]
    drop = [
        "parameters",
        "wall time",
        "status",
        "checks below floor",
        "gates",
        "saturation",
        "gradient",
        MEASURES["error"].reference.heading,
        MEASURES["last_loss"].heading + unit,
        "runs",
        "broke floor at",
        MEASURES["error"].heading,
        "ended",
    ]
    rows = [
        [*_if(several, group.study), *_cells(group, of_group, text, losses, last_error, sized, gated)]
        for group, of_group in zip(groups, verdicts, strict=True)
    ]
    kept = by.heading + (unit if by.unit == "loss" else "")  # runs are ranked by it
    out(*table(columns, rows, [column for column in drop if column != kept]), whole=True)
    if task.more:
        out(f"... and {counted(task.more, 'more configuration')} (--top 0 shows all)")


def _if(condition: bool, cell: str) -> list[str]:
    """Return a cell of a column that a table has only under a condition."""
    return [cell] if condition else []


def _print_answer(task: TaskTable, words: InWords) -> None:
    """Print the answer in three lines."""
    for answer in words.answers:
        if (answer.task, answer.unit) == (task.task, task.by_unit):
            out("", *answer.lines)


def _cells(
    group: ConfigurationResult,
    verdicts: Verdicts,
    text: bool,
    losses: bool,
    last_error: bool,
    sized: bool,
    gated: bool,
) -> list[str]:
    spreads, broke, error = group.spreads, group.broke_floor_at, MEASURES["error"]
    below = spreads["below_floor"]
    update = f"{round(statistics.median(broke)):,}" if broke else "-"
    seconds = spreads["share_seconds"]  # `show` and --json also have the time of the packs
    return [
        group.label,
        *_if(sized, "-" if group.parameter_count is None else f"{group.parameter_count:,}"),
        str(group.runs),
        *_if(losses, _spread(spreads["loss"])),
        *_if(text, _spread(spreads["bits_per_byte"])),
        *_if(losses, _spread(spreads["last_loss"])),
        *_if(losses, with_se(group.floor, group.floor_se)),
        *_if(not losses, with_se(group.floor_bits_per_byte, group.floor_bits_per_byte_se)),
        _spread(spreads["error"], error.scale),
        *_if(last_error, _spread(spreads["last_error"], error.scale)),
        number(error.scaled(group.chance_error)),
        f"{update} ({len(broke)} of {group.runs})" if group.runs > 1 else update,
        "-" if below is None else f"{100 * below.mean:.0f} %",
        counts_in_words(verdicts.get("gradient", {}), group.runs),
        counts_in_words(verdicts.get("saturation", {}), group.runs),
        *_if(gated, gates_in_words(verdicts, group.runs) or "-"),
        counts_in_words(group.status, group.runs),
        counts_in_words(group.ended, group.runs),
        duration(None if seconds is None else seconds.mean),
    ]


def _print_below(task: TaskTable, key: str, several: bool) -> None:
    by, last_loss, error = (MEASURES[name] for name in (key, "last_loss", "error"))
    others = [measure for measure in (last_loss, error) if measure is not by]
    headings = [by.heading, "at update", *(measure.heading for measure in others)]
    cells = [
        [
            *_if(several, run.study),
            run.label,
            run.run,
            number(by.scaled(run.value(by.key))),
            "-" if run.best_at is None else f"{run.best_at:,}",
            *(number(measure.scaled(run.value(measure.key))) for measure in others),
            run.ended,
        ]
        for run in task.below
    ]
    drop = ["ended", *(measure.heading for measure in reversed(others)), "at update"]
    out(*table([*_if(several, "study"), "run", "id", *headings, "ended"], cells, drop), whole=True)


def _spread(spread: Spread | None, scale: float = 1.0) -> str:
    return "-" if spread is None else spread.text(scale)


def _tell(drawn: DrawnFigures) -> None:
    notes(drawn.notes)
    out()
    if drawn.names:
        out(f"{counted(len(drawn.names), 'figure')} in {drawn.folder}: {', '.join(drawn.names)}")
    else:
        out("no run was checked yet: no figures")
