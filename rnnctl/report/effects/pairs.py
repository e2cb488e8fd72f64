"""One value of a hyper-parameter against another, everything else equal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnnctl.report.effects.levels import Nested, nested
from rnnctl.report.effects.trials import Factor, Trials


@dataclass(frozen=True)
class Signs:
    """How many of n differences are improvements, how many none at all, and the two-sided sign test on the others."""

    better: int
    equal: int
    n: int

    @property
    def p(self) -> float:
        return sign_test(self.better, self.n - self.equal - self.better)


@dataclass(frozen=True)
class Comparison:
    """Runs at value `other` minus runs at value `first` of one hyper-parameter, of two configurations that are equal in
    all other ones, with the same seed.

    difference      negative is better; the `configurations` of its statistics are pairs of configurations, whose
                    differences over seeds are their replicates. Seeds that both have in common cancel as far as they do
                    the same to both. None without a pair.
    configurations  signs over pairs of configurations, by their means over seeds: does it help in other such settings?
    runs            signs over pairs of runs: is it, in these settings, more than the luck of a seed?
    alone           configurations at either value that have no partner, or none with a common seed
    """

    name: str
    first: float | str
    other: float | str
    difference: Nested | None
    configurations: Signs
    runs: Signs
    alone: int


def sign_test(better: int, worse: int) -> float:
    """The exact two-sided p of so many improvements and deteriorations if both were equally likely.

    Twice the lower tail of Binomial(better + worse, 1/2), at most 1 (Conover, Practical Nonparametric Statistics, 3.4).
    """
    n = better + worse
    tail = sum(math.comb(n, i) for i in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / 2**n) if n else 1.0  # whole numbers: exact for any n


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
    differences, pair = [], []
    pairs = 0
    for key, i in sides[first].items():
        if key not in sides[other]:
            continue
        before, after = results[i], results[sides[other][key]]
        common = [seed for seed in before if seed in after]
        if common:
            differences += [after[seed] - before[seed] for seed in common]
            pair += [pairs] * len(common)
            pairs += 1
    d, groups = np.array(differences), np.array(pair, dtype=int)
    means = np.bincount(groups, d) / np.bincount(groups) if pairs else d
    alone = len(sides[first]) + len(sides[other]) - 2 * pairs
    return Comparison(factor.name, first, other, nested(d, groups), _signs(means), _signs(d), alone)


def _signs(differences: np.ndarray) -> Signs:
    return Signs(int(np.sum(differences < 0)), int(np.sum(differences == 0)), len(differences))
