"""Main effects: the mean result at each value of a hyper-parameter, and its uncertainty over seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnctl.report.effects.factors import Level
from rnnctl.report.effects.trials import Trials
from rnnctl.rounding import beyond_rounding


@dataclass(frozen=True)
class Estimate:
    """The mean over k configurations i with r_i replicates x_ij each, and its uncertainty.

    mean      the mean of the configurations' means m_i, so that a configuration with more seeds weighs no more
    error     its standard error over seeds: how the mean would vary if the same configurations were trained with other
              seeds. A seed decides the data and the initial weights of every configuration that has it, and can be
              lucky for all of them. So the runs of one seed are one draw, and only seeds are independent. None if no
              configuration has two seeds.
    sd        the standard deviation of the m_i: how far apart settings are. It yields no error of the mean: the
              settings of a grid are all there are, and they are not independent. None for one configuration.
    sd_seeds  sqrt(sum_ij (x_ij - m_i)^2 / sum_i (r_i - 1)): the standard deviation over seeds within a configuration,
              pooled. None if no configuration has two seeds.

    With e_ij = (x_ij - m_i) sqrt(r_i / (r_i - 1)), error^2 = sum_j (sum_i e_ij / (k r_i))^2: the variance of a mean of
    clusters, the seeds (Liang and Zeger 1986), with residuals corrected for the estimated means (HC2 of MacKinnon and
    White 1985). If all configurations have the same r seeds, it is the variance of the means of the seeds, divided by
    r. If no two configurations have a common seed, it is sum_i s_i^2 / r_i / k^2. Configurations with one replicate do
    not enter it. An error or a standard deviation that rounding alone can explain is 0.
    """

    mean: float
    error: float | None
    sd: float | None
    sd_seeds: float | None
    runs: int
    configurations: int
    seeds: int


def estimate(
    values: np.ndarray, groups: np.ndarray, seeds: np.ndarray, magnitude: float | None = None
) -> Estimate | None:
    """Return the estimate over these runs; None if there are none.

    values: (n,) results. groups: (n,) indices of their configurations. seeds: (n,). magnitude: the largest absolute
    value among the numbers that the values were computed from, if these are not the values themselves.
    """
    if not len(values):
        return None
    _, index, replicates = np.unique(groups, return_inverse=True, return_counts=True)
    k, r = len(replicates), replicates[index]
    means = np.bincount(index, values) / replicates
    residuals, freedom = values - means[index], len(values) - k
    largest = float(np.abs(values).max()) if magnitude is None else magnitude

    def spread(value: float) -> float:
        return beyond_rounding(float(value), largest, len(values))

    return Estimate(
        mean=float(means.mean()),
        error=spread(_error(residuals[r > 1], r[r > 1], seeds[r > 1], int(np.sum(replicates > 1))))
        if freedom
        else None,
        sd=spread(means.std(ddof=1)) if k > 1 else None,
        sd_seeds=spread(np.sqrt(np.sum(residuals**2) / freedom)) if freedom else None,
        runs=len(values),
        configurations=k,
        seeds=len(np.unique(seeds)),
    )


def _error(residuals: np.ndarray, r: np.ndarray, seeds: np.ndarray, k: int) -> float:
    _, cluster = np.unique(seeds, return_inverse=True)
    terms = residuals * np.sqrt(r / (r - 1)) / (k * r)
    return float(np.sqrt(np.sum(np.bincount(cluster, terms) ** 2)))


@dataclass(frozen=True)
class MainEffect:
    """The result at one value of a hyper-parameter, over all values of the others.

    If the others are not crossed with it, it contains their effects: clipping that always comes with Omega has the mean
    of Omega as well. Paired comparisons keep them apart. below: the estimate over the runs at this value with a result
    below the threshold.
    """

    name: str
    value: float | str
    all: Estimate
    below: Estimate | None = None

    @property
    def share_below(self) -> float:
        """The share of the runs at this value that are below the threshold."""
        return 0.0 if self.below is None else self.below.runs / self.all.runs


def main_effects(trials: Trials, below: float | None = None) -> list[MainEffect]:
    """Return the main effect of each value of each hyper-parameter, in order. below: a threshold on the result."""
    effects = []
    for factor in trials.factors:
        for level in factor.levels:
            if (estimate_of_all := at(trials, level)) is not None:
                estimate_below = None if below is None else at(trials.where(trials.values < below), level)
                effects.append(MainEffect(factor.name, level.value, estimate_of_all, estimate_below))
    return effects


def at(trials: Trials, level: Level) -> Estimate | None:
    """Return the estimate over the runs at one value; None if there are none."""
    here = level.at[trials.config]
    return estimate(trials.values[here], trials.config[here], trials.seed[here])
