"""Adjacent symbols of a text, counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK = 1 << 22  # pairs counted at a time


@dataclass(frozen=True, eq=False)
class Pairs:
    """The counts of adjacent symbols, of a vocabulary of `symbols` symbols (at most 65,536).

    before, after: (P,) int64, the pairs that occur, in ascending order. counts: (P,) int64.
    """

    symbols: int
    before: np.ndarray
    after: np.ndarray
    counts: np.ndarray

    @classmethod
    def count(cls, inputs: np.ndarray, targets: np.ndarray, symbols: int) -> Pairs:
        """Count the pairs of inputs and targets: integer arrays of the same shape, with values below `symbols`."""
        assert symbols <= 2**16
        before, after = inputs.reshape(-1), targets.reshape(-1)
        blocks = []
        for i in range(0, len(before), BLOCK):
            first, second = (ids[i : i + BLOCK].astype(np.uint32) for ids in (before, after))
            blocks.append(np.unique(first * np.uint32(symbols) + second, return_counts=True))
        codes, positions = np.unique(np.concatenate([codes for codes, _ in blocks]), return_inverse=True)
        counts = np.bincount(positions, np.concatenate([counts for _, counts in blocks])).astype(np.int64)
        first, second = np.divmod(codes, np.uint32(symbols))
        return cls(symbols, first.astype(np.int64), second.astype(np.int64), counts)

    @property
    def total(self) -> int:
        """The number of pairs counted."""
        return int(self.counts.sum())

    def target_counts(self) -> np.ndarray:
        """Return the number of times that each symbol is a target, (V,) float64."""
        return np.bincount(self.after, self.counts, self.symbols)

    def input_counts(self) -> np.ndarray:
        """Return the number of times that each symbol is an input, (V,) float64."""
        return np.bincount(self.before, self.counts, self.symbols)
