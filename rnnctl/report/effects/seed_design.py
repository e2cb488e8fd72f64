"""How the seeds of a study are spread over its configurations, and what follows for fits to the results.

A result is taken for the sum of the effect of its configuration, an effect that its seed has on all configurations
alike, and the rest: noise, and what the seed does to some settings only.

    crossed   seeds are shared, and the shared seeds connect all configurations. What a seed does to all of them alike
              says nothing about configurations and is removed, as a block effect is in a randomised block design.
    shared    some configurations share seeds, but the seeds do not connect all of them. The common effect of a seed
              cannot be told from the effects of the configurations that have it, and stays.
    own       no two configurations share a seed. The common effect of a seed is noise like any other.
    one       all configurations have the same single seed. What other seeds would show is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from rnnctl.rounding import beyond_rounding

Kind = Literal["crossed", "shared", "own", "one"]
ROUNDS = 1000  # greatest number of rounds in which the effects of seeds are estimated


@dataclass(frozen=True)
class SeedDesign:
    """The runs that fits see, without the common effects of seeds where these can be removed.

    kind: see above. config, seed: (runs,) indices from 0. y: (runs,) results; their means over the runs of each
    configuration have mean 0. left_out: the number of runs that were left out, because no other configuration has
    their seed although others share theirs. ceiling: an estimate of the highest R^2 that fits can have; None if no
    configuration has two seeds.
    """

    kind: Kind
    config: np.ndarray
    seed: np.ndarray
    y: np.ndarray
    left_out: int
    ceiling: float | None

    @property
    def unseen(self) -> str:
        """What R^2 is measured on, for a reader."""
        return {
            "crossed": "configurations and seeds that a fit has not seen, less what a seed does to all alike",
            "shared": "configurations and seeds that a fit has not seen",
            "own": "configurations that a fit has not seen, each with seeds of its own",
            "one": "configurations that a fit has not seen, with the same seed: other seeds are unknown",
        }[self.kind]

    @property
    def seeds(self) -> int:
        """The number of different seeds."""
        return int(self.seed.max()) + 1

    @cached_property
    def counts(self) -> np.ndarray:
        """The number of runs of each configuration, (configurations,)."""
        return np.bincount(self.config)

    @cached_property
    def means(self) -> np.ndarray:
        """The mean of each configuration over its runs, (configurations,)."""
        return np.asarray(np.bincount(self.config, self.y) / self.counts)

    @classmethod
    def of(cls, values: np.ndarray, config: np.ndarray, seed: np.ndarray) -> SeedDesign:
        """Return the design of these runs.

        values: (runs,) results or their logarithms. config: (runs,) indices of configurations, each of which has a run.
        seed: (runs,).
        """
        kind, kept = _kind(config, seed)
        values, config = values[kept], config[kept]
        seed = np.unique(seed[kept], return_inverse=True)[1]
        residuals, effects = _two_way(values, config, seed)
        adjusted = values - effects[seed] if kind == "crossed" else values
        means = np.bincount(config, adjusted) / np.bincount(config)
        noise = _noise(values, residuals, config, seed, removed=kind == "crossed")
        variance = float(means.var(ddof=1)) if len(means) > 1 else 0.0
        ceiling = None if noise is None or variance == 0 else max(0.0, 1 - noise / variance)
        return cls(kind, config, seed, adjusted - means.mean(), int(np.sum(~kept)), ceiling)


def _kind(config: np.ndarray, seed: np.ndarray) -> tuple[Kind, np.ndarray]:
    """Return the kind of a design, and a mask of the runs to keep."""
    everything = np.ones(len(seed), dtype=bool)
    _, index, counts = np.unique(seed, return_inverse=True, return_counts=True)
    if len(counts) == 1:
        return "one", everything
    if counts.max() == 1:
        return "own", everything
    kept = counts[index] > 1
    configurations = len(np.unique(config))
    if len(np.unique(config[kept])) == configurations:
        if np.sum(counts > 1) == 1:
            return "one", kept
        if _components(config[kept], seed[kept]) == 1:
            return "crossed", kept
    return "shared", everything


def _components(config: np.ndarray, seed: np.ndarray) -> int:
    """Return into how many parts the runs fall that have neither configurations nor seeds in common."""
    seed = np.unique(seed, return_inverse=True)[1]
    label = np.arange(int(config.max()) + 1)
    while True:
        by_seed = np.full(int(seed.max()) + 1, len(label))
        np.minimum.at(by_seed, seed, label[config])
        lower = label.copy()
        np.minimum.at(lower, config, by_seed[seed])
        if np.array_equal(lower, label):
            return len(np.unique(label[config]))
        label = lower


def _two_way(values: np.ndarray, config: np.ndarray, seed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the residuals (runs,) of the additive fit configuration + seed, and the effects of the seeds.

    The least-squares fit, by alternating between the two (backfitting). With complete data the first round is exact.
    """
    configs, seeds = np.bincount(config), np.bincount(seed)
    effects = np.zeros(len(seeds))
    magnitude = float(np.abs(values).max())
    for _ in range(ROUNDS):
        rest = values - effects[seed]
        change = np.bincount(seed, rest - (np.bincount(config, rest) / configs)[config]) / seeds
        effects += change
        if beyond_rounding(float(np.abs(change).max()), magnitude, len(values)) == 0:
            break
    rest = values - effects[seed]
    return rest - (np.bincount(config, rest) / configs)[config], effects - effects.mean()


def _noise(
    values: np.ndarray, residuals: np.ndarray, config: np.ndarray, seed: np.ndarray, *, removed: bool
) -> float | None:
    """Return how much of the variance between the means of configurations is due to seeds, an unbiased estimate.

    None if no configuration has two seeds. residuals: of the additive fit. removed: whether the common effects of seeds
    are removed from the means. If not, they count as far as two configurations do not share them: with a variance c of
    the common effect, e of the rest and r_i runs of configuration i, the variance of k means is expected to contain
    e mean(1 / r_i) + c k / (k - 1) (mean(1 / r_i) - mean over all pairs i, j of |common seeds| / (r_i r_j)).
    """
    counts = np.bincount(config)
    n, k = len(values), len(counts)
    if n == k:
        return None
    within = values - (np.bincount(config, values) / counts)[config]
    both = float(np.sum(within**2)) / (n - k)  # c + e
    freedom = n - k - len(np.bincount(seed)) + _components(config, seed)
    rest = float(np.sum(residuals**2)) / freedom if freedom > 0 else both
    inverse = float(np.mean(1 / counts))
    if removed or k == 1:
        return rest * inverse
    # The sum over the pairs that share a seed, seed by seed.
    overlap = float(np.sum(np.bincount(seed, 1 / counts[config]) ** 2)) / k**2
    return rest * inverse + max(0.0, both - rest) * k / (k - 1) * (inverse - overlap)
