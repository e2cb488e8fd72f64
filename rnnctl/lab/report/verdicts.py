"""All runs in one table: what can be said of each in a word, and the course of what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rnnctl.measures import SCALARS
from rnnctl.report.page.content import Cell, Column, Row, Table, Verdict
from rnnctl.report.page.sparklines import sparkline
from rnnctl.report.results import Result
from rnnctl.words import number
from store.history import History

# The scalars of a history whose course is drawn for every run, with what stands above it.
COURSES = {
    "grad_norm": "gradient norm",
    "reach": "reach",
    "grad_decay": "gradient decay (decades a step)",
    "saturation": "saturation distance",
    "rho": "rho",
    "clip_share": "clip share",
}
LOGARITHMIC = ("grad_norm",)  # those whose axis has powers of ten


def overview(
    runs: Sequence[Result],
    verdicts: Mapping[str, Sequence[Verdict]],
    pasts: Mapping[str, History],
    anchors: Mapping[str, str],
) -> Table | None:
    """Return a table with a row for each run that was checked; None if none was. anchors: of runs, by id."""
    shown = [run for run in runs if run.run in pasts]
    if not shown:
        return None
    topics = list(dict.fromkeys(each.topic for run in shown for each in verdicts.get(run.run, ())))
    courses = {name: _limits(name, [pasts[run.run] for run in shown]) for name in COURSES}
    courses = {name: limits for name, limits in courses.items() if limits is not None}
    columns = [
        Column("run", "run"),
        Column("ended", "ended"),
        *(Column(topic, topic, optional=True) for topic in topics),
        *(Column(name, COURSES[name], SCALARS[name], optional=True) for name, limits in courses.items() if limits),
    ]
    several = len({run.study for run in shown}) > 1
    rows = []
    for run in shown:
        by_topic = {each.topic: each for each in verdicts.get(run.run, ())}
        label = f"{run.study}/{run.label}" if several else run.label
        cells = [Cell([label], link=anchors.get(run.run, "")), Cell([run.ended.replace("_", " ")])]
        cells += [_verdict(by_topic.get(topic)) for topic in topics]
        cells += [_course(name, pasts[run.run], limits) for name, limits in courses.items() if limits]
        rows.append(Row(cells))
    axes = "; ".join(f"{COURSES[name]} {_range(name, limits)}" for name, limits in courses.items() if limits)
    notes = [
        "Beside each number, which is that of the last check that has one, is its course through all checks.",
        f"The curves of a column share a vertical axis: {axes}.",
    ]
    return Table("verdicts", "every run", columns, rows, notes, filtered=True)


def _verdict(verdict: Verdict | None) -> Cell:
    return Cell(["-"]) if verdict is None else Cell([verdict.verdict], verdict=verdict.verdict)


def _values(name: str, past: History) -> npt.NDArray[np.float64]:
    values = past.scalars.get(name)
    if values is None:
        return np.empty(0)
    if name not in LOGARITHMIC:
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0, np.log10(values), np.nan)


def _limits(name: str, pasts: Sequence[History]) -> tuple[float, float] | None:
    """Return the limits of an axis for all runs, None if none has two values. Outliers leave the axis."""
    values = np.concatenate([_values(name, past) for past in pasts])
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return None
    low, high = (float(limit) for limit in np.quantile(values, (0.005, 0.995)))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _range(name: str, limits: tuple[float, float]) -> str:
    low, high = (10**limit for limit in limits) if name in LOGARITHMIC else limits
    return f"{number(low, 3)} to {number(high, 3)}"


def _course(name: str, past: History, limits: tuple[float, float]) -> Cell:
    values = _values(name, past)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Cell(["-"])
    last = float(finite[-1])
    shown = 10**last if name in LOGARITHMIC else last
    svg = sparkline(values, *limits) if math.isfinite(last) else ""
    return Cell([number(shown, 3)], float(number(shown, 6)), svg=svg)
