"""Of an examination: the leaderboards of a page, and what each run reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rnnctl.lab.examine import ConfigurationResult, Examination, TaskTable
from rnnctl.lab.in_words import InWords
from rnnctl.lab.report import cells
from rnnctl.measures import MEASURES, Measure
from rnnctl.report.page.content import Cell, Column, Item, Number, Record, Row, Table, Words
from rnnctl.report.results import Result
from rnnctl.words import counts_in_words, duration, gates_in_words, number

UNITS = {"mean squared error": "MSE"}
VERDICTS = ("gradient", "saturation")  # topics of remarks whose verdicts a leaderboard shows


def leaderboards(examination: Examination, anchors: Mapping[str, str]) -> list[Table]:
    """Return a table for each task and unit. anchors: of runs in the page, by id."""
    several = len({group.study for group in examination.configurations}) > 1
    runs: dict[tuple[str, str], list[Result]] = {}
    for run in examination.every_run:
        runs.setdefault((run.study, run.config), []).append(run)
    return [
        _leaderboard(f"leaderboard-{position}", table, several, runs, examination.words, anchors)
        for position, table in enumerate(examination.tables, start=1)
    ]


def _leaderboard(
    name: str,
    table: TaskTable,
    several: bool,
    runs: Mapping[tuple[str, str], Sequence[Result]],
    words: InWords,
    anchors: Mapping[str, str],
) -> Table:
    """Return the table of one task. runs: by study and configuration."""
    groups = table.configurations
    varied = list(dict.fromkeys(name for group in groups for name in group.parameters))
    measures = [measure for measure in MEASURES.values() if any(group.spreads[measure.key] for group in groups)]
    unit = table.unit if len({group.loss_unit for group in groups}) > 1 else groups[0].loss_unit
    of = {(group.study, group.config): runs[group.study, group.config] for group in groups}
    verdicts = {key: words.verdicts(some) for key, some in of.items()}
    gated = any(gates_in_words(each, 1) for each in verdicts.values())
    columns = [
        *([Column("study", "study")] if several else []),
        Column("configuration", "configuration"),
        Column("runs", "runs", "replicates, which differ in their seed alone", optional=True, numbers=True),
        *_measured(measures, unit),
        Column(
            "broke_floor_at",
            "broke floor at update",
            "median over the replicates that broke it, and how many did",
            optional=True,
            numbers=True,
        ),
        Column("below_floor", "checks below floor", "mean share of checks", optional=True, numbers=True),
        Column("status", "status"),
        Column("ended", "ended", optional=True),
        *(Column(topic, topic, "verdicts on the runs, as under Diagnostics", optional=True) for topic in VERDICTS),
        *([Column("gates", "gates", "verdicts on the runs, as under Diagnostics", optional=True)] if gated else []),
        *(Column(name, name, "a hyper-parameter that varies", optional=True) for name in varied),
        Column("weights", "weights", "number of weights of the network", optional=True, numbers=True),
        Column("seconds", "training time", "mean share of the time of its packs", optional=True, numbers=True),
    ]
    rows = [
        Row(
            [
                *([Cell([group.study])] if several else []),
                Cell([group.label], link=anchors.get(of[key][0].run, "")),
                cells.count(group.runs, "runs"),
                *_measures(group, measures),
                cells.broke_floor(group),
                cells.share(group.spreads["below_floor"], "below_floor"),
                Cell([counts_in_words(group.status, group.runs)]),
                Cell([counts_in_words(group.ended, group.runs)]),
                *(Cell([counts_in_words(verdicts[key].get(topic, {}), group.runs)]) for topic in VERDICTS),
                *([Cell([gates_in_words(verdicts[key], group.runs) or "-"])] if gated else []),
                *(cells.parameter(group.parameters.get(name)) for name in varied),
                cells.count(group.parameter_count, "parameter_count"),
                cells.seconds(group.spreads["share_seconds"], "share_seconds"),
            ],
            Record("configurations", {"study": group.study, "config": group.config}),
        )
        for key, group in zip(of, groups, strict=True)
    ]
    return Table(
        name,
        f"{table.task}, losses in {unit}" if unit else table.task,
        columns,
        rows,
        notes=["± is the standard deviation over replicates; of a floor, its standard error."],
        filtered=True,
    )


def _measured(measures: Sequence[Measure], unit: str) -> Iterator[Column]:
    """Yield a column for each measure, and after the last measure that is shown beside it, one for its reference."""
    for measure in measures:
        heading = heading_of(measure, measure.heading, unit)
        yield Column(measure.key, heading, measure.label, optional=measure.key != "loss", numbers=True)
        if _is_last(measure, measures):
            reference = measure.reference
            yield Column(reference.field, heading_of(measure, reference.heading, unit), optional=True, numbers=True)


def _measures(group: ConfigurationResult, measures: Sequence[Measure]) -> Iterator[Cell]:
    """Yield the cells of these columns."""
    for measure in measures:
        yield cells.measured(group.spreads[measure.key], measure)
        if _is_last(measure, measures):
            yield cells.reference(group, measure)


def _is_last(measure: Measure, measures: Sequence[Measure]) -> bool:
    return [each for each in measures if each.reference.field == measure.reference.field][-1] is measure


def heading_of(measure: Measure, heading: str, unit: str) -> str:
    """Return a heading with the unit of losses, where it is that of a loss."""
    return f"{heading} ({UNITS.get(unit, unit)})" if measure.unit == "loss" else heading


def run_facts(run: Result, unit: str) -> list[Item]:
    """Return what a run reached, as a list of facts."""
    items = []
    for measure in MEASURES.values():
        value = run.value(measure.key)
        if value is None:
            continue
        suffix = f" {unit}" if measure.unit == "loss" else " %" if measure.unit == "share" else ""
        words: list[str | Number] = [Number(number(measure.scaled(value)), value, measure.key), suffix]
        if measure.key == "loss" and run.best_at is not None:
            words += [" at update ", Number(f"{run.best_at:,}", run.best_at, "best_at")]
        reference = run.value(measure.reference.field)
        if reference is not None and measure.moment == "best":
            text = number(measure.scaled(reference))
            words += [
                f" ({measure.reference.label} ",
                Number(text, reference, measure.reference.field),
                suffix + ")",
            ]
        items.append(Item(measure.label, words))
    if run.checked:
        broke = run.broke_floor_at
        items.append(
            Item(
                "broke the floor",
                ["at no check"] if broke is None else ["at update ", Number(f"{broke:,}", broke, "broke_floor_at")],
            )
        )
    updates: Words = [
        Number(f"{run.updates:,}", run.updates, "updates"),
        " of ",
        Number(f"{run.budget:,}", run.budget, "budget"),
    ]
    items.append(Item("updates", updates))
    if run.parameter_count is not None:
        items.append(Item("weights", [Number(f"{run.parameter_count:,}", run.parameter_count, "parameter_count")]))
    if run.share_seconds is not None:
        items.append(Item("training time", [Number(duration(run.share_seconds), run.share_seconds, "share_seconds")]))
    return items
