"""Which configurations differ in one hyper-parameter alone, and the results of both sides by seed.

Configurations are grouped by all other hyper-parameters. In a group of up to FEW, each is compared with each other one;
in a greater group, each with the next one only. So the number of pairs grows with the number of configurations, and not
with its square.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from plots.values import category_order
from rnnctl.report.effects.factors import Factor
from rnnctl.report.effects.spans import differing
from rnnctl.report.effects.trials import Trials
from rnnctl.report.parameters import flat_name
from rnnctl.report.units import best_measure, by_task
from store.queries import OUTCOMES

if TYPE_CHECKING:
    from rnnctl.report.results import Result
    from rnnctl.study.written import WrittenKeys

FEW = 4  # values of which each is compared with each other one
Value = float | str


@dataclass(frozen=True)
class Pair:
    """Two configurations, by their index, that differ in one hyper-parameter. low, high: its values."""

    key: str
    low: Value
    high: Value
    first: int  # the configuration with the value `low`
    second: int


@dataclass(frozen=True)
class Table:
    """The finished runs of one task whose results have one unit.

    runs: of each configuration. by_seed: the finite results of each configuration.
    """

    task: str
    unit: str
    measure: str
    trials: Trials
    runs: list[list[Result]]
    by_seed: list[dict[int, float]]

    def pairs(self) -> Iterator[Pair]:
        """Yield all pairs to compare, hyper-parameter by hyper-parameter. Those with many numbers have none."""
        for factor in self.trials.factors:
            if not factor.drawn:
                yield from self._pairs(factor)

    def _pairs(self, factor: Factor) -> Iterator[Pair]:
        others = [other.values for other in self.trials.factors if other is not factor]
        groups: dict[tuple[Value, ...], list[int]] = {}
        for i in range(len(self.runs)):
            groups.setdefault(tuple(values[i] for values in others), []).append(i)
        for group in groups.values():
            ordered = sorted(group, key=lambda i: category_order(factor.values[i]))
            for i, j in combinations(ordered, 2) if len(ordered) <= FEW else pairwise(ordered):
                low, high = factor.values[i], factor.values[j]
                if low != high:
                    yield Pair(factor.name, low, high, i, j)

    def also(self, pair: Pair) -> list[str]:
        """Return the other hyper-parameters in which the two configurations differ, as they follow from this one."""
        name = flat_name(pair.key.split("."))
        a, b = self.runs[pair.first][0].parameters, self.runs[pair.second][0].parameters
        return [other for other in differing(a, b) if other != name and not other.startswith(f"{name}.")]


def tables(results: Iterable[Result], by: str | None, keys: WrittenKeys | None) -> list[Table]:
    """Return the finished runs of each task and unit. Arguments are those of `table_of`; None for the best measure."""
    results = told_apart(results)
    measure = by or best_measure(results)
    return [table_of(task, unit, measure, runs, keys) for (task, unit), runs in by_task(results, measure).items()]


def told_apart(results: Iterable[Result]) -> list[Result]:
    """Return each run once: several studies can share it. Labels of configurations begin with the study if there are
    several, because two studies can give one label to different configurations.
    """
    unique: dict[str, Result] = {}
    for run in results:
        unique.setdefault(run.run, run)
    if len({run.study for run in unique.values()}) == 1:
        return list(unique.values())
    return [run.named(label=run.label, group=f"{run.study}/{run.group}") for run in unique.values()]


def table_of(task: str, unit: str, measure: str, results: Iterable[Result], keys: WrittenKeys | None) -> Table:
    """Return those of these runs that have finished. All are of one task, each comes once, and their results have one
    unit.

    keys: those that the studies of these runs set, to name hyper-parameters by.
    """
    results = [run for run in results if run.ended in OUTCOMES]
    trials = Trials.of(results, measure, keys=keys, empty=True)
    index = {config: i for i, config in enumerate(trials.configs)}
    runs: list[list[Result]] = [[] for _ in index]
    for run in results:
        runs[index[run.config]].append(run)
    by_seed: list[dict[int, float]] = [{} for _ in index]
    for i, of_config in enumerate(runs):
        for run in of_config:
            value = run.value(measure)
            if value is not None and math.isfinite(value):
                by_seed[i][run.seed] = value
    return Table(task, unit, measure, trials, runs, by_seed)
