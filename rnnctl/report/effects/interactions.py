"""Interactions: whether the effect of one hyper-parameter depends on another, and whether the others change the order
of its values.

An interaction contrast compares four values of two hyper-parameters, all else equal and with the same seed:

    d = y(a, b) - y(a, b0) - y(a0, b) + y(a0, b0)

with a0 and b0 the first values: how much more the step from b0 to b adds to the result at a than at a0. It is 0 where
effects add up. Its error is that of `Estimate`: over seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from rnnctl.report.effects.factors import Factor
from rnnctl.report.effects.levels import Estimate, estimate
from rnnctl.report.effects.trials import Trials

Value = float | str
Rest = tuple[Value, ...]  # the values of all other hyper-parameters


@dataclass(frozen=True)
class Cell:
    """The mean at a value of each of two hyper-parameters, and the contrast there: None in the first row and column,
    and where no four configurations are alike in all else.
    """

    first: Value
    second: Value
    mean: Estimate
    contrast: Estimate | None


@dataclass(frozen=True)
class Interaction:
    """The table of means of two hyper-parameters, row by row."""

    first: str
    second: str
    cells: list[Cell]


@dataclass(frozen=True)
class Order:
    """Two values of a hyper-parameter: which one has the lower mean, and in how many of n settings of the others it
    has, by the mean over seeds.
    """

    lower: Value
    higher: Value
    same: int
    n: int


@dataclass(frozen=True)
class Consistency:
    """Whether the values of a hyper-parameter come in the same order at all settings of the others.

    order: the values by their means over the settings that have all values, lowest first. tau: Kendall's tau between
    this order and that of a single setting, the mean over settings; 1 is the same order, -1 the reverse. lowest: the
    lowest tau. settings: their number.
    """

    name: str
    order: list[Value]
    tau: float
    lowest: float
    settings: int
    pairs: list[Order]


def interactions(trials: Trials) -> list[Interaction]:
    """Return the interactions of all pairs of hyper-parameters. Those with many numbers are left out: no two runs share
    a value.
    """
    crossed = [factor for factor in trials.factors if not factor.drawn]
    return [_interaction(trials, first, second) for first, second in combinations(crossed, 2)]


def consistencies(trials: Trials) -> list[Consistency]:
    """Return, for each hyper-parameter, whether the order of its values depends on the others. Left out are those with
    many numbers, and those whose values never all occur with the same other settings.
    """
    results = (_consistency(trials, factor) for factor in trials.factors if not factor.drawn)
    return [result for result in results if result is not None]


def kendall(a: np.ndarray, b: np.ndarray) -> float:
    """Return Kendall's tau-a of two lists of numbers, (n,) each: (concordant - discordant pairs) / all pairs."""
    pairs = list(combinations(range(len(a)), 2))
    return float(sum(np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]) for i, j in pairs)) / len(pairs)


def _results(trials: Trials) -> dict[int, dict[int, float]]:
    """Return the results by configuration and seed."""
    results: dict[int, dict[int, float]] = {}
    for value, i, seed in zip(trials.values.tolist(), trials.config.tolist(), trials.seed.tolist(), strict=True):
        results.setdefault(i, {})[seed] = value
    return results


def _by_rest(trials: Trials, *factors: Factor) -> dict[Rest, dict[tuple[Value, ...], int]]:
    """Return the configurations that have a run, by their other settings, and by their values of these factors."""
    others = [factor.values for factor in trials.factors if factor not in factors]
    table: dict[Rest, dict[tuple[Value, ...], int]] = {}
    for i in np.flatnonzero(trials.counts).tolist():
        rest = tuple(values[i] for values in others)
        table.setdefault(rest, {})[tuple(factor.values[i] for factor in factors)] = i
    return table


def _interaction(trials: Trials, first: Factor, second: Factor) -> Interaction:
    results, table = _results(trials), _by_rest(trials, first, second)
    magnitude = float(np.abs(trials.values).max())
    a0, b0 = first.levels[0].value, second.levels[0].value
    cells = []
    for one, other in product(first.levels, second.levels):
        here = one.at[trials.config] & other.at[trials.config]
        mean = estimate(trials.values[here], trials.config[here], trials.seed[here])
        if mean is None:
            continue
        a, b = one.value, other.value
        contrast = None if a == a0 or b == b0 else _contrast(results, table, (a0, a), (b0, b), magnitude)
        cells.append(Cell(a, b, mean, contrast))
    return Interaction(first.name, second.name, cells)


def _contrast(
    results: Mapping[int, Mapping[int, float]],
    table: Mapping[Rest, Mapping[tuple[Value, ...], int]],
    a: tuple[Value, Value],
    b: tuple[Value, Value],
    magnitude: float,
) -> Estimate | None:
    values, groups, seeds = [], [], []
    corners = [((a[1], b[1]), 1), ((a[1], b[0]), -1), ((a[0], b[1]), -1), ((a[0], b[0]), 1)]
    for group, by_values in enumerate(table.values()):
        if not all(corner in by_values for corner, _ in corners):
            continue
        four = [(results[by_values[corner]], sign) for corner, sign in corners]
        for seed in sorted(set.intersection(*(set(by_seed) for by_seed, _ in four))):
            values.append(sum(sign * by_seed[seed] for by_seed, sign in four))
            groups.append(group)
            seeds.append(seed)
    return estimate(np.array(values), np.array(groups, dtype=int), np.array(seeds), magnitude)


def _consistency(trials: Trials, factor: Factor) -> Consistency | None:
    results, levels = _results(trials), [level.value for level in factor.levels]
    rows = [
        [float(np.mean(list(results[by_value[value,]].values()))) for value in levels]
        for by_value in _by_rest(trials, factor).values()
        if all((value,) in by_value for value in levels)
    ]
    if not rows or len(levels) < 2:
        return None
    means = np.array(rows)  # (settings, levels)
    overall = means.mean(0)
    taus = [kendall(row, overall) for row in means]
    ranked = np.argsort(overall, kind="stable").tolist()
    pairs = [
        Order(levels[i], levels[j], int(np.sum(means[:, i] < means[:, j])), len(means))
        for i, j in combinations(ranked, 2)
    ]
    order = [levels[i] for i in ranked]
    return Consistency(factor.name, order, float(np.mean(taus)), min(taus), len(means), pairs)
