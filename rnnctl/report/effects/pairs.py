"""One value of a hyper-parameter against another, everything else equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnctl.report.effects.levels import Estimate, estimate
from rnnctl.report.effects.trials import Factor, Trials


@dataclass(frozen=True)
class Signs:
    """How many of n differences are improvements, and how many none at all. A count and no test: the settings of a
    study share most of what they are, and their runs share seeds, so n are not n independent answers.
    """

    better: int
    equal: int
    n: int


@dataclass(frozen=True)
class Comparison:
    """Runs at value `other` minus runs at value `first` of one hyper-parameter, of two configurations that are equal in
    all other ones, with the same seed.

    difference      negative is better; the configurations of its statistics are pairs of configurations, whose
                    differences over seeds are their replicates. What a seed does to both alike cancels. None without a
                    pair.
    lowest, highest of the pairs' means over seeds: what it does depends on the setting
    configurations  signs over pairs of configurations, by those means
    runs            signs over pairs of runs
    alone           configurations at either value that have no partner, or none with a common seed
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
    """Of each hyper-parameter each value against the first. Of one with many numbers none: no two runs differ in it
    alone.
    """
    found = []
    for factor in trials.factors:
        if factor.drawn:
            continue
        first, *others = [level.value for level in factor.levels]
        found += [_compare(trials, factor, first, other) for other in others]
    return found


def _compare(trials: Trials, factor: Factor, first: float | str, other: float | str) -> Comparison:
    rest = [each.values for each in trials.factors if each is not factor]
    sides: dict[float | str, dict[tuple, int]] = {first: {}, other: {}}
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
            differences += [after[seed] - before[seed] for seed in common]
            pair += [pairs] * len(common)
            seeds += common
            pairs += 1
    d, groups = np.array(differences), np.array(pair, dtype=int)
    means = np.bincount(groups, d) / np.bincount(groups) if pairs else d
    alone = len(sides[first]) + len(sides[other]) - 2 * pairs
    ends = (float(means.min()), float(means.max())) if pairs else (None, None)
    found = estimate(d, groups, np.array(seeds))
    return Comparison(factor.name, first, other, found, *ends, _signs(means), _signs(d), alone)


def _signs(differences: np.ndarray) -> Signs:
    return Signs(int(np.sum(differences < 0)), int(np.sum(differences == 0)), len(differences))
