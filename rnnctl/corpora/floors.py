"""Floors: the losses of n-gram models on a text. A run with a lower loss uses more context than the last symbol.

There are three predictors of the next symbol out of V. `uniform` gives each symbol the probability 1/V. `unigram`
gives symbol b the probability (c(b) + 1/2) / (n + V/2), where c(b) is its count among the n targets of the training
split (the estimator of Krichevsky and Trofimov 1981). `bigram` also reads the last symbol a, and gives b the
probability (c(ab) + d(a) p(b)) / (c(a) + d(a)), where d(a) is the number of different symbols that follow a in the
training split and p is the unigram. It reserves the share d(a) / (c(a) + d(a)) for symbols that never followed a, and
all of it if a never occurred (Witten and Bell 1991, method C, interpolated).

A floor that is too high could be broken without memory, above all with many symbols, when most pairs are unseen. On the
source of Python's standard library, adding 1/2 to every pair instead would raise the floor by .004 bits per byte at 512
symbols of bpe, .075 at 2,048, .28 at 8,192 and .47 at 32,768. A better bigram exists: with modified Kneser-Ney
smoothing (Chen and Goodman 1999) the loss is .42 % lower at 2,048 symbols, 1.27 % at 8,192 and 2.59 % at 32,768, and
not lower below 2,048. With large vocabularies, a model without memory can therefore be slightly below this floor.

All are fitted to the training split and evaluated on another. The entropies are those of the evaluated text itself: the
losses of a unigram and a bigram fitted to it without smoothing. No unigram or bigram has a lower loss on it.
"""

from __future__ import annotations

import math
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


@dataclass(frozen=True)
class Floor:
    """The losses of one predictor."""

    nats: float  # per symbol
    bits_per_byte: float
    # The share of wrong predictions. The uniform predictor guesses at random, the unigram the most frequent symbol, the
    # bigram the most frequent follower of the last symbol.
    error: float


@dataclass(frozen=True)
class Floors:
    """The losses of all predictors on a text."""

    targets: int  # number of symbols predicted
    bytes: int  # number of bytes that these symbols stand for
    uniform: Floor
    unigram: Floor
    bigram: Floor
    unigram_entropy: float  # of the text itself, nats per symbol
    bigram_entropy: float


def bits_per_byte(nats: float, bytes_per_symbol: float) -> float:
    """Convert nats per symbol to bits per byte. bytes_per_symbol: the mean over the symbols."""
    return nats / math.log(2) / bytes_per_symbol


class NGrams:
    """The three predictors, fitted to a training split.

    ids: (N,) symbols of the split. bytes_per_symbol: (V,) of the vocabulary. Raises ValueError for fewer than two
    symbols.
    """

    def __init__(self, ids: np.ndarray, bytes_per_symbol: np.ndarray) -> None:
        if len(ids) < 2:
            raise ValueError("n-gram floors need a train split of at least two symbols")
        self.bytes_per_symbol = bytes_per_symbol
        self.symbols = len(bytes_per_symbol)
        self._pairs = pairs = Pairs.count(ids[:-1], ids[1:], self.symbols)
        self.unigram_V = (pairs.target_counts() + 0.5) / (pairs.total + self.symbols / 2)
        self._inputs_V = pairs.input_counts()
        self._followers_V = np.bincount(pairs.before, minlength=self.symbols)
        self.guess = int(self.unigram_V.argmax())  # the most frequent symbol
        # The most frequent follower of each symbol; of several, the one that is more frequent overall, then the first.
        order = np.lexsort((pairs.after, -self.unigram_V[pairs.after], -pairs.counts, pairs.before))
        seen, first = np.unique(pairs.before[order], return_index=True)
        self.guess_V = np.full(self.symbols, self.guess)
        self.guess_V[seen] = pairs.after[order][first]

    def bigram(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return the probabilities of symbols `after` given the symbols `before`: arrays of the same shape, float64."""
        before, after = before.astype(np.int64), after.astype(np.int64)
        codes = self._pairs.before * self.symbols + self._pairs.after
        wanted = before * self.symbols + after
        positions = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        counts = np.where(codes[positions] == wanted, self._pairs.counts[positions], 0)
        # A symbol that never occurred has no followers and count 0; with 1 instead, its bigram is the unigram.
        followers = np.maximum(self._followers_V[before], 1)
        probabilities: np.ndarray = (counts + followers * self.unigram_V[after]) / (self._inputs_V[before] + followers)
        return probabilities

    def floors(self, inputs: np.ndarray, targets: np.ndarray) -> Floors:
        """Return the losses on these targets, given these inputs: arrays of symbols of the same shape.

        Raises ValueError if there are no targets.
        """
        if not targets.size:
            raise ValueError("n-gram floors need a split of at least two symbols")
        pairs = Pairs.count(inputs, targets, self.symbols)
        n, n_bytes = pairs.total, int(pairs.counts @ self.bytes_per_symbol[pairs.after])

        def mean(values: np.ndarray) -> float:
            return float(pairs.counts @ values) / n

        def surprise(probabilities: np.ndarray) -> float:
            return 0.0 - mean(np.log(probabilities))  # subtracted from 0, so that certainty costs 0 and not -0

        def floor(probabilities: np.ndarray, guesses: np.ndarray | int) -> Floor:
            nats = surprise(probabilities)
            return Floor(nats, bits_per_byte(nats, n_bytes / n), mean(pairs.after != guesses))

        return Floors(
            targets=n,
            bytes=n_bytes,
            uniform=Floor(
                math.log(self.symbols), bits_per_byte(math.log(self.symbols), n_bytes / n), 1 - 1 / self.symbols
            ),
            unigram=floor(self.unigram_V[pairs.after], self.guess),
            bigram=floor(self.bigram(pairs.before, pairs.after), self.guess_V[pairs.before]),
            unigram_entropy=surprise(pairs.target_counts()[pairs.after] / n),
            bigram_entropy=surprise(pairs.counts / pairs.input_counts()[pairs.before]),
        )
