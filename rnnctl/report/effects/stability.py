"""Whether one seed ranks the configurations as another does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rnnctl.report.effects.trials import Trials


@dataclass(frozen=True)
class Stability:
    """seeds: those that the configurations have; left_out: how many configurations do not have just these.

    spearman: the rank correlation between two seeds over the configurations, a mean over pairs of seeds; None where no
    pair has one, as all results are the same. lowest: the least of them. best: seed -> the labels of the configurations
    with its least result.
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
    """From 1 for the least; equal values share the mean of their ranks."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[index]


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """The correlation of ranks; None where either has no two values that differ."""
    ranked = ranks(a) - (len(a) + 1) / 2, ranks(b) - (len(b) + 1) / 2
    size = float(np.sqrt(np.sum(ranked[0] ** 2) * np.sum(ranked[1] ** 2)))
    return float(np.sum(ranked[0] * ranked[1])) / size if size else None


def stability(trials: Trials) -> Stability | None:
    """Over the set of two or more seeds that most configurations have, at least three (of equals, the larger set); None
    where there is no such set.
    """
    of: dict[int, dict[int, float]] = {}
    for value, i, seed in zip(trials.values.tolist(), trials.config.tolist(), trials.seed.tolist(), strict=True):
        of.setdefault(i, {})[seed] = value
    sets: dict[frozenset[int], list[int]] = {}
    for i, results in of.items():
        if len(results) > 1:
            sets.setdefault(frozenset(results), []).append(i)
    chosen = max(sets.items(), key=lambda item: (len(item[1]), len(item[0])), default=(frozenset(), []))
    seeds, configurations = sorted(chosen[0]), chosen[1]
    if len(configurations) < 3:
        return None
    table = np.array([[of[i][seed] for seed in seeds] for i in configurations])
    found = [spearman(table[:, a], table[:, b]) for a, b in combinations(range(len(seeds)), 2)]
    known = [value for value in found if value is not None]
    return Stability(
        seeds,
        len(configurations),
        len(of) - len(configurations),
        float(np.mean(known)) if known else None,
        min(known, default=None),
        {
            seed: [trials.labels[configurations[i]] for i in np.flatnonzero(column == column.min())]
            for seed, column in zip(seeds, table.T, strict=True)
        },
    )
