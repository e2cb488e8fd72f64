"""Cells of tables about configurations. Their numbers are those of `examine --json`, and name the field they are of."""

from __future__ import annotations

import statistics

from rnnctl.lab.examine import ConfigurationResult
from rnnctl.measures import Measure
from rnnctl.report.page.content import Cell, Number, Words
from rnnctl.spread import Spread
from rnnctl.words import duration, number

NOTHING = Cell(["-"])


def parameter(value: float | str | None) -> Cell:
    """Return the value of a hyper-parameter."""
    if value is None:
        return NOTHING
    return Cell([value], value) if isinstance(value, str) else Cell([f"{value:g}"], value)


def count(value: int | None, field: str) -> Cell:
    """Return a whole number."""
    return NOTHING if value is None else Cell([Number(f"{value:,}", value, field)], value)


def measured(spread: Spread | None, measure: Measure) -> Cell:
    """Return the mean of a measure with its standard deviation over replicates."""
    if spread is None:
        return NOTHING
    words: list[str | Number] = [Number(number(measure.scaled(spread.mean)), spread.mean, f"{measure.key}.mean")]
    if spread.sd is not None:
        words += [" ± ", Number(number(measure.scaled(spread.sd), 2), spread.sd, f"{measure.key}.sd")]
    return Cell(words, spread.mean)


def reference(group: ConfigurationResult, measure: Measure) -> Cell:
    """Return what a measure is shown beside, with its standard error."""
    of = measure.reference
    value: float | None = getattr(group, of.field)
    se: float | None = getattr(group, of.se) if of.se else None
    if value is None:
        return NOTHING
    words: list[str | Number] = [Number(number(measure.scaled(value)), value, of.field)]
    if se and of.se:
        words += [" ± ", Number(number(se, 2), se, of.se)]
    return Cell(words, value)


def broke_floor(group: ConfigurationResult) -> Cell:
    """Return the median update at which replicates broke the floor, and how many did."""
    updates = group.broke_floor_at
    if not updates:
        return NOTHING
    median = round(statistics.median(updates))
    words: Words = [Number(f"{median:,}", median, "broke_floor_at.median")]
    if group.runs > 1:
        words = [*words, " (", Number(str(len(updates)), len(updates), "broke_floor_at.count"), f" of {group.runs})"]
    return Cell(words, median)


def share(spread: Spread | None, field: str) -> Cell:
    """Return the mean of a share, in per cent."""
    if spread is None:
        return NOTHING
    return Cell([Number(f"{100 * spread.mean:.0f} %", spread.mean, f"{field}.mean")], spread.mean)


def seconds(spread: Spread | None, field: str) -> Cell:
    """Return the mean of a time."""
    return (
        NOTHING if spread is None else Cell([Number(duration(spread.mean), spread.mean, f"{field}.mean")], spread.mean)
    )
