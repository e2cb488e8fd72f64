"""Main effects: the mean result at each value of a hyper-parameter, and how sure it is over settings and seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnctl.report.effects.trials import Level, Trials


@dataclass(frozen=True)
class Nested:
    """The mean over k configurations i with r_i replicates each, x_ij, and how sure it is.

    mean      of the configurations' own means m_i, so that a configuration with more seeds weighs no more
    error     sd(m_i) / sqrt(k): the standard error if other configurations like these had been tried. All that differs
              between them, seeds and the other hyper-parameters, is in it. None of one configuration.
    sd_seeds  s = sqrt(sum_ij (x_ij - m_i)^2 / sum_i (r_i - 1)), the standard deviation over seeds within a
              configuration, pooled. None where no configuration has two.
    error_seeds   s sqrt(sum_i 1 / r_i) / k: the standard error if the same configurations were trained with other
              seeds. It takes seeds to be independent between configurations.

    In terms of a random-effects analysis of variance with variances v between and w within configurations, and r
    replicates each: error^2 estimates (v + w / r) / k, error_seeds^2 estimates w / (r k). (Searle, Casella and
    McCulloch, Variance Components, 1992, chapter 3.)
    """

    mean: float
    error: float | None
    error_seeds: float | None
    sd_seeds: float | None
    runs: int
    configurations: int


def nested(values: np.ndarray, groups: np.ndarray) -> Nested | None:
    """values: (n,); groups: (n,), the configuration of each as an index. None of no values."""
    if not len(values):
        return None
    _, index, replicates = np.unique(groups, return_inverse=True, return_counts=True)
    k = len(replicates)
    means = np.bincount(index, values) / replicates
    freedom = len(values) - k
    within = np.sqrt(np.sum((values - means[index]) ** 2) / freedom) if freedom else None
    return Nested(
        mean=float(means.mean()),
        error=float(means.std(ddof=1) / np.sqrt(k)) if k > 1 else None,
        error_seeds=None if within is None else float(within * np.sqrt(np.sum(1 / replicates)) / k),
        sd_seeds=None if within is None else float(within),
        runs=len(values),
        configurations=k,
    )


@dataclass(frozen=True)
class MainEffect:
    """The result at one value of a hyper-parameter, over whatever values the others have.

    Where the others are not crossed with it, their effects are in it: clipping that always comes with Omega has Omega's
    mean as well. Paired comparisons keep them apart. below: the runs at this value with a result below the threshold.
    """

    name: str
    value: float | str
    all: Nested
    below: Nested | None = None

    @property
    def share_below(self) -> float:
        return 0.0 if self.below is None else self.below.runs / self.all.runs


def main_effects(trials: Trials, below: float | None = None) -> list[MainEffect]:
    """Of each hyper-parameter each value that a run has, in order."""
    found = []
    for factor in trials.factors:
        for level in factor.levels:
            if (of_all := at(trials, level)) is not None:
                some = None if below is None else at(trials.where(trials.values < below), level)
                found.append(MainEffect(factor.name, level.value, of_all, some))
    return found


def at(trials: Trials, level: Level) -> Nested | None:
    """The runs at one value; None where there is none."""
    here = level.at[trials.config]
    return nested(trials.values[here], trials.config[here])
