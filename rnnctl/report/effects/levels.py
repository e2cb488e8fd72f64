"""Main effects: the mean result at each value of a hyper-parameter, and how sure it is over seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnctl.report.effects.trials import Level, Trials


@dataclass(frozen=True)
class Estimate:
    """The mean over k configurations i with r_i replicates each, x_ij, and how sure it is.

    mean      of the configurations' own means m_i, so that a configuration with more seeds weighs no more
    error     its standard error over seeds, if the same configurations were trained with other ones. A seed decides the
              data and the initial weights of every configuration that has it, and can be lucky for all of them: so runs
              of one seed are one draw, and only seeds are independent. None where no configuration has two.
    sd        of the m_i: how far apart settings are. No error comes of it: the settings of a grid are all there are,
              and many share most of what they are. None of one configuration.
    sd_seeds  sqrt(sum_ij (x_ij - m_i)^2 / sum_i (r_i - 1)): over seeds within a configuration, pooled. None where no
              configuration has two.

    With e_ij = (x_ij - m_i) sqrt(r_i / (r_i - 1)), error^2 = sum_j (sum_i e_ij / (k r_i))^2: the variance of a mean of
    clusters, the seeds (Liang and Zeger 1986), residuals corrected for the means that were taken out of them (HC2 of
    MacKinnon and White 1985). Where all configurations have the same r seeds it is the variance of the seeds' own means
    divided by r; where no two have a common one, sum_i s_i^2 / r_i / k^2. Configurations with one replicate say nothing
    of it, and are left out of it.
    """

    mean: float
    error: float | None
    sd: float | None
    sd_seeds: float | None
    runs: int
    configurations: int
    seeds: int


def estimate(values: np.ndarray, groups: np.ndarray, seeds: np.ndarray) -> Estimate | None:
    """values: (n,); groups: (n,), the configuration of each as an index; seeds: (n,). None of no values."""
    if not len(values):
        return None
    _, index, replicates = np.unique(groups, return_inverse=True, return_counts=True)
    k, r = len(replicates), replicates[index]
    means = np.bincount(index, values) / replicates
    residuals, freedom = values - means[index], len(values) - k
    return Estimate(
        mean=float(means.mean()),
        error=_error(residuals[r > 1], r[r > 1], seeds[r > 1], int(np.sum(replicates > 1))) if freedom else None,
        sd=float(means.std(ddof=1)) if k > 1 else None,
        sd_seeds=float(np.sqrt(np.sum(residuals**2) / freedom)) if freedom else None,
        runs=len(values),
        configurations=k,
        seeds=len(np.unique(seeds)),
    )


def _error(residuals: np.ndarray, r: np.ndarray, seeds: np.ndarray, k: int) -> float:
    _, cluster = np.unique(seeds, return_inverse=True)
    parts = residuals * np.sqrt(r / (r - 1)) / (k * r)
    return float(np.sqrt(np.sum(np.bincount(cluster, parts) ** 2)))


@dataclass(frozen=True)
class MainEffect:
    """The result at one value of a hyper-parameter, over whatever values the others have.

    Where the others are not crossed with it, their effects are in it: clipping that always comes with Omega has Omega's
    mean as well. Paired comparisons keep them apart. below: the runs at this value with a result below the threshold.
    """

    name: str
    value: float | str
    all: Estimate
    below: Estimate | None = None

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


def at(trials: Trials, level: Level) -> Estimate | None:
    """The runs at one value; None where there is none."""
    here = level.at[trials.config]
    return estimate(trials.values[here], trials.config[here], trials.seed[here])
