"""Whether different seeds rank the configurations alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rnnctl.report.effects.trials import Trials


@dataclass(frozen=True)
class Stability:
    """How well the ranks of configurations agree between seeds.

    seeds: the seeds that all compared configurations have. left_out: the number of configurations with other seeds.
    spearman: the rank correlation between two seeds over the configurations, a mean over all pairs of seeds; None if no
    pair has one because all results are equal. lowest: the lowest of these correlations. best: for each seed, the
    labels of the configurations with the best result.
    """

    seeds: list[int]
    configurations: int
    left_out: int
    spearman: float | None
    lowest: float | None
    best: dict[int, list[str]]

    @property
    def same_best(self) -> bool:
        """Whether one configuration is the best, or among the best, with every seed."""
        return bool(set.intersection(*(set(labels) for labels in self.best.values())))


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks of values (n,), from 1 for the least; equal values share the mean of their ranks."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[index]


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return the correlation of the ranks of a (n,) and b (n,); None if all values of one of them are equal."""
    ranked = ranks(a) - (len(a) + 1) / 2, ranks(b) - (len(b) + 1) / 2
    size = float(np.sqrt(np.sum(ranked[0] ** 2) * np.sum(ranked[1] ** 2)))
    return float(np.sum(ranked[0] * ranked[1])) / size if size else None


def stability(trials: Trials) -> Stability | None:
    """Return the stability over the set of seeds that most configurations have; of equals, over the larger set.

    It takes two seeds and three configurations; None if no set of seeds has them.
    """
    by_config: dict[int, dict[int, float]] = {}
    for value, i, seed in zip(trials.values.tolist(), trials.config.tolist(), trials.seed.tolist(), strict=True):
        by_config.setdefault(i, {})[seed] = value
    sets: dict[frozenset[int], list[int]] = {}
    for i, results in by_config.items():
        if len(results) > 1:
            sets.setdefault(frozenset(results), []).append(i)
    chosen = max(sets.items(), key=lambda item: (len(item[1]), len(item[0])), default=(frozenset(), []))
    seeds, configurations = sorted(chosen[0]), chosen[1]
    if len(configurations) < 3:
        return None
    table = np.array([[by_config[i][seed] for seed in seeds] for i in configurations])
    correlations = [spearman(table[:, a], table[:, b]) for a, b in combinations(range(len(seeds)), 2)]
    known = [value for value in correlations if value is not None]
    return Stability(
        seeds,
        len(configurations),
        len(by_config) - len(configurations),
        float(np.mean(known)) if known else None,
        min(known, default=None),
        {
            seed: [trials.labels[configurations[i]] for i in np.flatnonzero(column == column.min())]
            for seed, column in zip(seeds, table.T, strict=True)
        },
    )
