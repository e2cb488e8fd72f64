"""One value of a hyper-parameter against another, everything else equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnctl.report.effects.factors import Factor
from rnnctl.report.effects.levels import Estimate, estimate
from rnnctl.report.effects.trials import Trials
from rnnctl.rounding import beyond_rounding


@dataclass(frozen=True)
class Signs:
    """How many of n differences are improvements, and how many are zero.

    This is a count and not a test: the settings of a study have most keys in common and their runs share seeds, so the
    n differences are not independent.
    """

    better: int
    equal: int
    n: int


@dataclass(frozen=True)
class Comparison:
    """Results at value `other` minus results at value `first` of one hyper-parameter.

    Compared are pairs of runs with the same seed, of two configurations that are equal in all other hyper-parameters.

    difference      negative is better. Its configurations are pairs of configurations, and their replicates are the
                    differences over seeds: an effect that a seed has on both cancels. None without a pair.
    lowest, highest the range of the pairs' means over seeds: the effect depends on the setting
    configurations  signs over pairs of configurations, by those means
    runs            signs over pairs of runs
    alone           the number of configurations, at either value, without a partner with a common seed
    """

    name: str
    first: float | str
    other: float | str
    difference: Estimate | None
    lowest: float | None
    highest: float | None
    configurations: Signs
    runs: Signs
    alone: int


def comparisons(trials: Trials) -> list[Comparison]:
    """Compare, for each hyper-parameter, each value with the first.

    A hyper-parameter with many numbers is left out: no two runs differ in it alone.
    """
    all_comparisons = []
    for factor in trials.factors:
        if factor.drawn:
            continue
        first, *others = [level.value for level in factor.levels]
        all_comparisons += [_compare(trials, factor, first, other) for other in others]
    return all_comparisons


def _compare(trials: Trials, factor: Factor, first: float | str, other: float | str) -> Comparison:
    rest = [another.values for another in trials.factors if another is not factor]
    sides: dict[float | str, dict[tuple[float | str, ...], int]] = {first: {}, other: {}}
    for i, value in enumerate(factor.values):
        if value in sides and trials.counts[i]:
            sides[value][tuple(values[i] for values in rest)] = i
    results: dict[int, dict[int, float]] = {}
    for value, i, seed in zip(trials.values.tolist(), trials.config.tolist(), trials.seed.tolist(), strict=True):
        results.setdefault(i, {})[seed] = value
    differences, pair, seeds = [], [], []
    pairs = 0
    for key, i in sides[first].items():
        if key not in sides[other]:
            continue
        before, after = results[i], results[sides[other][key]]
        common = [seed for seed in before if seed in after]
        if common:
            differences += [_difference(before[seed], after[seed]) for seed in common]
            pair += [pairs] * len(common)
            seeds += common
            pairs += 1
    d, groups = np.array(differences), np.array(pair, dtype=int)
    means = np.bincount(groups, d) / np.bincount(groups) if pairs else d
    alone = len(sides[first]) + len(sides[other]) - 2 * pairs
    return Comparison(
        factor.name,
        first,
        other,
        difference=estimate(d, groups, np.array(seeds), float(np.abs(trials.values).max())),
        lowest=float(means.min()) if pairs else None,
        highest=float(means.max()) if pairs else None,
        configurations=_signs(means),
        runs=_signs(d),
        alone=alone,
    )


def _difference(before: float, after: float) -> float:
    return beyond_rounding(after - before, max(abs(before), abs(after)), 1)


def _signs(differences: np.ndarray) -> Signs:
    return Signs(int(np.sum(differences < 0)), int(np.sum(differences == 0)), len(differences))
