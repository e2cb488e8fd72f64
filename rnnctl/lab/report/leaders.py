"""Of an examination: the leaderboards of a page, and what each run reached."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from rnnctl.lab.examine import ConfigurationResult, Examination, TaskTable
from rnnctl.measures import MEASURES, Measure
from rnnctl.report.gradients import in_words
from rnnctl.report.page.content import Cell, Column, Item, Number, Record, Row, Table, Words
from rnnctl.report.results import Result
from rnnctl.spread import Spread
from rnnctl.words import duration, number

UNITS = {"mean squared error": "MSE"}


def leaderboards(examination: Examination, anchors: Mapping[str, str]) -> list[Table]:
    """Return a table for each task and unit. anchors: of runs in the page, by id."""
    several = len({group.study for group in examination.configurations}) > 1
    first: dict[tuple[str, str], str] = {}
    for run in examination.every_run:
        first.setdefault((run.study, run.config), anchors.get(run.run, ""))
    return [_leaderboard(position, table, several, first) for position, table in enumerate(examination.tables, start=1)]


def _leaderboard(position: int, table: TaskTable, several: bool, first: Mapping[tuple[str, str], str]) -> Table:
    groups = table.configurations
    varied = list(dict.fromkeys(name for group in groups for name in group.parameters))
    measures = [measure for measure in MEASURES.values() if any(group.spreads[measure.key] for group in groups)]
    unit = table.unit if len({group.loss_unit for group in groups}) > 1 else groups[0].loss_unit
    references = list({measure.reference.field: measure for measure in measures}.values())
    columns = [
        *([Column("study", "study")] if several else []),
        Column("configuration", "configuration"),
        *(Column(name, name, "a hyper-parameter that varies", optional=True) for name in varied),
        Column("parameters", "parameters", "number of weights of the network", optional=True, numbers=True),
        Column("runs", "runs", "replicates, which differ in their seed alone", optional=True, numbers=True),
        *(
            Column(measure.key, _heading(measure, unit), measure.label, optional=measure.key != "loss", numbers=True)
            for measure in measures
        ),
        *(
            Column(measure.reference.field, _reference_heading(measure, unit), optional=True, numbers=True)
            for measure in references
        ),
        Column(
            "broke_floor_at",
            "broke floor at update",
            "median over the replicates that broke it, and how many did",
            optional=True,
            numbers=True,
        ),
        Column("below_floor", "checks below floor", "mean share of checks", optional=True, numbers=True),
        Column("gradient", "gradient at the end", "shares of |dL/dh_t| at the newest diagnosis", optional=True),
        Column("status", "status"),
        Column("ended", "ended", optional=True),
        Column("seconds", "training time", "mean share of the time of its packs", optional=True, numbers=True),
    ]
    rows = [_row(group, several, varied, measures, references, first) for group in groups]
    return Table(
        f"leaderboard-{position}",
        f"{table.task}, losses in {unit}" if unit else table.task,
        columns,
        rows,
        notes=["± is the standard deviation over replicates; of a floor, its standard error."],
        filtered=True,
    )


def _heading(measure: Measure, unit: str) -> str:
    return f"{measure.heading} ({UNITS.get(unit, unit)})" if measure.unit == "loss" else measure.heading


def _reference_heading(measure: Measure, unit: str) -> str:
    heading = measure.reference.heading
    return f"{heading} ({UNITS.get(unit, unit)})" if measure.unit == "loss" else heading


def _row(
    group: ConfigurationResult,
    several: bool,
    varied: Sequence[str],
    measures: Sequence[Measure],
    references: Sequence[Measure],
    first: Mapping[tuple[str, str], str],
) -> Row:
    spreads = group.spreads
    cells = [
        *([Cell([group.study])] if several else []),
        Cell([group.label], link=first.get((group.study, group.config), "")),
        *(_parameter(group.parameters.get(name)) for name in varied),
        _count(group.parameter_count, "parameter_count"),
        _count(group.runs, "runs"),
        *(_measured(spreads[measure.key], measure) for measure in measures),
        *(_reference(group, measure) for measure in references),
        _broke(group),
        _share(spreads["below_floor"], "below_floor"),
        _gradient(group),
        Cell([_counts(group.status, group.runs)]),
        Cell([_counts(group.ended, group.runs)]),
        _time(spreads["share_seconds"]),
    ]
    return Row(cells, Record("configurations", {"study": group.study, "config": group.config}))


def _parameter(value: float | str | None) -> Cell:
    if value is None:
        return Cell(["-"])
    return Cell([value], value) if isinstance(value, str) else Cell([f"{value:g}"], value)


def _count(value: int | None, field: str) -> Cell:
    return Cell(["-"]) if value is None else Cell([Number(f"{value:,}", value, field)], value)


def _spread(spread: Spread | None, field: str, scale: float = 1.0) -> Words:
    """Return mean and standard deviation of a spread as examinations print them."""
    if spread is None:
        return ["-"]
    mean = Number(number(scale * spread.mean), spread.mean, f"{field}.mean")
    if spread.sd is None:
        return [mean]
    return [mean, " ± ", Number(number(scale * spread.sd, 2), spread.sd, f"{field}.sd")]


def _measured(spread: Spread | None, measure: Measure) -> Cell:
    value = None if spread is None else spread.mean
    return Cell(_spread(spread, measure.key, measure.scale), value)


def _reference(group: ConfigurationResult, measure: Measure) -> Cell:
    reference = measure.reference
    value: float | None = getattr(group, reference.field)
    se: float | None = getattr(group, reference.se) if reference.se else None
    if value is None:
        return Cell(["-"])
    words: list[str | Number] = [Number(number(measure.scaled(value)), value, reference.field)]
    if se and reference.se:
        words += [" ± ", Number(number(se, 2), se, reference.se)]
    return Cell(words, value)


def _broke(group: ConfigurationResult) -> Cell:
    updates = group.broke_floor_at
    if not updates:
        return Cell(["-"])
    median = round(statistics.median(updates))
    words: list[str | Number] = [Number(f"{median:,}", median, "broke_floor_at.median")]
    if group.runs > 1:
        words += [" (", Number(str(len(updates)), len(updates), "broke_floor_at.count"), f" of {group.runs})"]
    return Cell(words, median)


def _share(spread: Spread | None, field: str) -> Cell:
    if spread is None:
        return Cell(["-"])
    return Cell([Number(f"{100 * spread.mean:.0f} %", spread.mean, f"{field}.mean")], spread.mean)


def _gradient(group: ConfigurationResult) -> Cell:
    shares = [group.spreads[f"gradient_{word}"] for word in ("zero", "vanished", "exploded")]
    known = [share.mean for share in shares if share is not None]
    return Cell([in_words(*known)]) if len(known) == len(shares) else Cell(["-"])


def _counts(counts: Mapping[str, int], runs: int) -> str:
    words = {word.replace("_", " "): n for word, n in counts.items()}
    return ", ".join(f"{n} {word}" if runs > 1 else word for word, n in words.items()) or "-"


def _time(spread: Spread | None) -> Cell:
    if spread is None:
        return Cell(["-"])
    return Cell([Number(duration(spread.mean), spread.mean, "share_seconds.mean")], spread.mean)


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
