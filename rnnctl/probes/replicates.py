"""Answers about the runs of a study, configuration by configuration: mean and spread over replicates.

Replicates are runs that differ in their seed alone. The spread is the sample standard deviation over them; a
configuration with a single run has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnctl.probes.base import Answer, Asked, Table, weights_heading
from rnnctl.spread import Spread
from rnnctl.words import number

# A number of a run's answers; None where it has none, such as a horizon that was not reached.
Value = Callable[[Asked], float | None]
# A curve of a run's answers, None where it has no value.
Curve = Callable[[Asked], Sequence[float | None]]


@dataclass(frozen=True)
class Configuration:
    """Runs of a study that differ in their seed alone. label: that of the run if there is one, else of the group."""

    label: str
    group: str
    runs: Sequence[Asked]

    def spread(self, value: Value) -> Spread | None:
        """Return mean and spread of a number over the runs that have it; None if none has."""
        return Spread.of(value(run) for run in self.runs)

    def cell(self, value: Value, scale: float = 1.0, digits: int = 4) -> str:
        """Return a number for a table: `mean ± spread`, followed by how many runs have it if not all do.

        scale: the number is multiplied by it.
        """
        spread = self.spread(value)
        if spread is None:
            return "-"
        text = spread.text(scale, digits)
        return text if spread.n == len(self.runs) else f"{text} ({spread.n} of {len(self.runs)})"

    @property
    def updates(self) -> str:
        """The updates that the weights of the runs have had, for a table: `20,000`, or `18,000 to 30,000`."""
        first, last = min(run.step for run in self.runs), max(run.step for run in self.runs)
        return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def configurations(runs: Sequence[Asked]) -> list[Configuration]:
    """Return the configurations of runs, in the order of their first run."""
    groups: dict[tuple[str, str], list[Asked]] = {}
    for run in runs:
        groups.setdefault((run.study, run.group), []).append(run)
    return [
        Configuration(members[0].label if len(members) == 1 else group, group, members)
        for (_, group), members in groups.items()
    ]


def the_answer(run: Asked) -> Answer:
    """Return the answer about a run that was asked one question."""
    ((_, answer),) = run.answers
    return answer


def number_named(key: str) -> Value:
    """Return the value of this name at the top level of the answer about a run that was asked one question."""
    return lambda run: the_answer(run)[key]


def means_table(
    runs: Sequence[Asked], columns: Mapping[str, Value], scale: float = 1.0, digits: int = 4, updates: bool = True
) -> Table:
    """Return a table with a row for each configuration: its runs, the updates of their weights, and these numbers.

    columns: the value below each head. scale: all numbers are multiplied by it. updates: False leaves out the updates,
    where a table above has them. The number of runs is left out if no configuration has more than one.
    """
    groups = configurations(runs)
    several = any(len(group.runs) > 1 for group in groups)
    first = ["configuration" if several else "label", *(["runs"] if several else [])]
    heads = [*first, *([weights_heading(runs)] if updates else []), *columns]
    rows = [
        [
            group.label,
            *([str(len(group.runs))] if several else []),
            *([group.updates] if updates else []),
            *(group.cell(value, scale, digits) for value in columns.values()),
        ]
        for group in groups
    ]
    return Table(heads, rows)


def range_named(runs: Sequence[Asked], key: str, digits: int = 3) -> str:
    """Return the value of this name at the top level of answers for a line of text: `0.18`, or `0.1 to 0.18`.

    It is meant for what follows from the task, and is the same for all runs of one.
    """
    values = sorted({value for run in runs if (value := the_answer(run).get(key)) is not None})
    shown = list(dict.fromkeys(number(value, digits) for value in values))
    return "-" if not shown else shown[0] if len(shown) == 1 else f"{shown[0]} to {shown[-1]}"


@dataclass(frozen=True, eq=False)
class MeanCurve:
    """Mean of a curve over the runs of a configuration, (n,), with the lowest and the highest value at each point.

    NaN where no run has a value. low and high are equal to the mean for a single run.
    """

    configuration: Configuration
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def values(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, lowest and highest values."""
        return self.mean, self.low, self.high


def mean_curves(runs: Sequence[Asked], curve: Curve) -> list[MeanCurve]:
    """Return the mean curve of each configuration. curve: values of a run, equally many for all runs of one."""
    curves = []
    for group in configurations(runs):
        values_RN = np.array([[np.nan if v is None else v for v in curve(run)] for run in group.runs], dtype=float)
        known = np.isfinite(values_RN)
        low, high = (
            np.where(known.any(0), edge, np.nan)
            for edge in (np.where(known, values_RN, np.inf).min(0), np.where(known, values_RN, -np.inf).max(0))
        )
        curves.append(MeanCurve(group, _mean(values_RN), low, high))
    return curves


def mean_over(curves: Sequence[MeanCurve]) -> np.ndarray:
    """Return the mean of the mean curves of configurations, (n,); NaN where none has a value."""
    return _mean(np.array([curve.mean for curve in curves]))


def _mean(values_RN: np.ndarray) -> np.ndarray:
    """Return the mean of the finite values of each column, (N,); NaN where there are none."""
    known = np.isfinite(values_RN)
    count = known.sum(0)
    total = np.where(known, values_RN, 0.0).sum(0)
    mean: np.ndarray = np.divide(total, count, where=count > 0, out=np.full(values_RN.shape[1], np.nan))
    return mean
