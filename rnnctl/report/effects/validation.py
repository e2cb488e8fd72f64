"""How well a fit predicts configurations that it has not seen, at seeds that it has not seen.

If a seed favours some settings, all configurations with these settings and this seed have it in common. A fit can then
predict configurations that it has not seen, if it has seen others with the same seed, although other seeds would show
nothing of it. So a fold holds out configurations and seeds: the fit sees neither.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnctl.report.effects.seed_design import SeedDesign
from rnnctl.report.students_t import quantile

SEED = 42  # of the folds
FOLDS = 5  # parts of the configurations, and the greatest number of parts of the seeds
FITS = 25  # the least number of fits: with fewer seeds than FOLDS, folds are drawn several times
CONFIDENCE = 0.95


class Fold(NamedTuple):
    """A fit to be made and judged.

    configs: the indices of the configurations to fit, y: their means over the seeds to fit. held: the indices of the
    runs to be predicted. repeat: the number of the repeat. rng: the random numbers of this repeat.
    """

    configs: np.ndarray
    y: np.ndarray
    held: np.ndarray
    repeat: int
    rng: np.random.RandomState


def parts_of_seeds(design: SeedDesign) -> int:
    """Return in how many parts seeds are left out: 1 if leaving out configurations is all that can be done."""
    return min(design.seeds, FOLDS) if design.kind in ("crossed", "shared") else 1


def repeats(design: SeedDesign) -> int:
    """Return how often the folds are drawn."""
    return -(-FITS // (FOLDS * parts_of_seeds(design)))


def _part_of_run(design: SeedDesign) -> np.ndarray:
    """Return the part (runs,) of the seeds that each run belongs to, the same in all repeats."""
    part_of_seed = np.random.RandomState(SEED).permutation(design.seeds) % parts_of_seeds(design)
    return np.asarray(part_of_seed[design.seed])


def folds(design: SeedDesign) -> Iterator[Fold]:
    """Yield every fold of every repeat. In a repeat, each run is held out once.

    Each part of the seeds has its own division of the configurations into five parts. Where each configuration has its
    own seeds, these are held out with it. A fold without anything to fit is left out.
    """
    k, parts = len(design.counts), parts_of_seeds(design)
    part_of_run = _part_of_run(design)
    for repeat in range(repeats(design)):
        rng = np.random.RandomState(SEED + repeat)
        for part in range(parts):
            here = part_of_run == part
            fold_of_run = (rng.permutation(k) % FOLDS)[design.config]
            for fold in range(FOLDS):
                out = fold_of_run == fold
                seen = ~out if parts == 1 else ~out & ~here
                counts = np.bincount(design.config[seen], minlength=k)
                sums = np.bincount(design.config[seen], design.y[seen], minlength=k)
                configs, held = np.flatnonzero(counts), np.flatnonzero(out & here)
                if len(configs) and len(held):
                    yield Fold(configs, sums[configs] / counts[configs], held, repeat, rng)


def gains(design: SeedDesign, runs: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return how much each prediction takes off the squared error, as a share of the variance between configurations.

    runs: (n,) indices. predicted: (..., n). The mean of a configuration has the squared error y^2 without a prediction
    and (y - p)^2 with it, 2 y p - p^2 less. That is linear in y, so that single runs, each with the weight 1 / (runs of
    its configuration), give it as well, although each was predicted by a fit of its own. The sum over all runs is R^2.
    """
    weight = 1 / design.counts[design.config[runs]] / float(np.sum(design.means**2))
    return np.asarray(weight * (2 * design.y[runs] * predicted - predicted**2))


@dataclass(frozen=True)
class Validation:
    """R^2 of the means of configurations, where predictions come from other configurations and other seeds.

    r2: 1 is perfect, 0 is no better than the mean of all configurations. error: its standard error over seeds; over
    configurations where each has its own seeds. low: a bound that it exceeds with 95 % confidence. error and low are
    None if all runs have the same seed. draws: the number of independent draws that they rest on, seeds or
    configurations.
    """

    r2: float
    error: float | None
    low: float | None
    draws: int

    @classmethod
    def of(cls, design: SeedDesign, run_gains: np.ndarray) -> Validation:
        """Return what the gains of all runs (runs,) add up to.

        What fits gain at one seed is one draw: R^2 is the sum of the draws, and the bound is that of Student's t. The
        variance between configurations, by which gains are divided, is taken for known. Where there are effects this
        makes the error cautious, since a seed that enlarges the gains enlarges that variance as well.
        """
        r2 = float(run_gains.sum())
        if design.kind == "one":
            return cls(r2, None, None, 1)
        unit = design.config if design.kind == "own" else design.seed
        shares = (design.means**2 / design.counts / float(np.sum(design.means**2)))[design.config]
        rest = np.bincount(unit, run_gains) - r2 * np.bincount(unit, shares)
        n = len(rest)
        error = math.sqrt(n / (n - 1) * float(np.sum(rest**2)))
        return cls(r2, error, r2 - quantile(CONFIDENCE, n - 1) * error, n)


def error_of_losses(design: SeedDesign, losses: np.ndarray) -> np.ndarray | None:
    """Return standard errors (hyper-parameters,) over seeds of what fits lose without a hyper-parameter.

    losses: (hyper-parameters, runs), whose sums are the losses. None with fewer than three seeds. What a fit loses is a
    product of what the seeds of the fit show and what the seeds held out show, so that every seed enters it twice: it
    is a U-statistic of degree two, with the error of its jackknife (Arvesen 1969), here over parts of the seeds or,
    where each configuration has its own seeds, over parts of the configurations.
    """
    if design.kind == "own":
        part = (np.random.RandomState(SEED).permutation(len(design.counts)) % FOLDS)[design.config]
    else:
        part = _part_of_run(design)
    n = int(part.max()) + 1
    if n < 3:
        return None
    by_part = np.stack([np.bincount(part, loss, minlength=n) for loss in losses])
    return np.asarray(2 * (n - 1) / (n - 2) * math.sqrt(n) * by_part.std(axis=1, ddof=1))
