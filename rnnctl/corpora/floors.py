"""What n-grams reach on a text without a network: the floors below which a run has used more than the last symbol.

Three predictors of the next symbol out of V. `uniform` gives each 1/V. `unigram` gives symbol b
(c(b) + 1/2) / (n + V/2), where c(b) counts it among the n targets of the training split (the estimator of Krichevsky
and Trofimov 1981). `bigram` also sees the last symbol a, and gives b (c(ab) + d(a) p(b)) / (c(a) + d(a)), where d(a)
counts the different symbols that follow a there and p is the unigram: a share d(a) / (c(a) + d(a)) is kept for what has
not followed a, and all of it where a never came (Witten and Bell 1991, method C, interpolated).

A floor that is too high would be broken by what is no memory, the more so the more symbols there are, as most pairs are
new then. On the source of Python's standard library, adding 1/2 to every pair instead would cost .004 bits per byte at
512 symbols of bpe, .075 at 2,048, .28 at 8,192 and .47 at 32,768. Nor is this rule the best bigram there is: one with
modified Kneser-Ney smoothing (Chen and Goodman 1999) pays .42 % less at 2,048 symbols, 1.27 % at 8,192 and 2.59 % at
32,768, though no less at fewer than 2,048. At large vocabularies, then, a model without memory can come a little below
this floor.

All are fitted to the training split and measured elsewhere. The entropies of the text measured are there beside them:
what the same predictors would pay if they had been fitted, without smoothing, to that text itself. No unigram or bigram
can pay less on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BLOCK = 1 << 22  # pairs that are counted at a time


@dataclass(frozen=True, eq=False)
class Pairs:
    """How often which symbol follows which, of `symbols` symbols (65,536 at most).

    before, after: (P,) int64, the pairs that occur, in ascending order; counts: (P,) int64.
    """

    symbols: int
    before: np.ndarray
    after: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, inputs: np.ndarray, targets: np.ndarray, symbols: int) -> Pairs:
        """Of two arrays of one shape: every input and its target are a pair."""
        assert symbols <= 2**16
        before, after = inputs.reshape(-1), targets.reshape(-1)
        found = []
        for i in range(0, len(before), BLOCK):
            one, other = (part[i : i + BLOCK].astype(np.uint32) for part in (before, after))
            found.append(np.unique(one * np.uint32(symbols) + other, return_counts=True))
        codes, places = np.unique(np.concatenate([codes for codes, _ in found]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([counts for _, counts in found])).astype(np.int64)
        return cls(symbols, *(part.astype(np.int64) for part in np.divmod(codes, np.uint32(symbols))), counts)

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def of_targets(self) -> np.ndarray:
        """(V,) how often each symbol is a target."""
        return np.bincount(self.after, self.counts, self.symbols)

    def of_inputs(self) -> np.ndarray:
        """(V,) how often each symbol is an input."""
        return np.bincount(self.before, self.counts, self.symbols)


@dataclass(frozen=True)
class Floor:
    """What one predictor reaches."""

    nats: float  # per symbol
    bits_per_byte: float
    # The share of targets that it does not guess: at random, or always the most frequent symbol, or what most often
    # follows the last one.
    error: float


@dataclass(frozen=True)
class Floors:
    """What is reached on a text of so many targets, which stand for so many bytes."""

    targets: int
    bytes: int
    uniform: Floor
    unigram: Floor
    bigram: Floor
    unigram_entropy: float  # of the text itself, nats per symbol
    bigram_entropy: float


def bits_per_byte(nats: float, bytes_per_symbol: float) -> float:
    """Nats per symbol as bits per byte, for symbols that stand for so many bytes on average."""
    return nats / math.log(2) / bytes_per_symbol


class NGrams:
    """The three predictors, fitted to the symbols (N,) of a training split.

    bytes_per_symbol: (V,) of the vocabulary. Raises ValueError if there is no symbol with one that follows it.
    """

    def __init__(self, ids: np.ndarray, bytes_per_symbol: np.ndarray) -> None:
        if len(ids) < 2:
            raise ValueError("floors take a symbol with one that follows it, and the train split has none")
        self.bytes_per_symbol = bytes_per_symbol
        self.symbols = len(bytes_per_symbol)
        self._pairs = pairs = Pairs.of(ids[:-1], ids[1:], self.symbols)
        self.unigram_V = (pairs.of_targets() + 0.5) / (pairs.total + self.symbols / 2)
        self._inputs_V = pairs.of_inputs()
        self._followers_V = np.bincount(pairs.before, minlength=self.symbols)
        self.guess = int(self.unigram_V.argmax())  # the most frequent symbol
        # What most often follows each symbol; of several that do, the more frequent one, then the first.
        order = np.lexsort((pairs.after, -self.unigram_V[pairs.after], -pairs.counts, pairs.before))
        seen, first = np.unique(pairs.before[order], return_index=True)
        self.guess_V = np.full(self.symbols, self.guess)
        self.guess_V[seen] = pairs.after[order][first]

    def bigram(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """The probabilities of symbols `after` symbols `before`; arrays of one shape."""
        before, after = before.astype(np.int64), after.astype(np.int64)
        codes = self._pairs.before * self.symbols + self._pairs.after
        wanted = before * self.symbols + after
        places = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        counts = np.where(codes[places] == wanted, self._pairs.counts[places], 0)
        # An input that never came has no follower: nothing is counted, and one stands for all of them.
        others = np.maximum(self._followers_V[before], 1)
        return (counts + others * self.unigram_V[after]) / (self._inputs_V[before] + others)

    def floors(self, inputs: np.ndarray, targets: np.ndarray) -> Floors:
        """What they reach on these targets, given these inputs: arrays of symbols of one shape.

        Raises ValueError if there is none.
        """
        if not targets.size:
            raise ValueError("floors take a symbol with one that follows it, and a split has none")
        pairs = Pairs.of(inputs, targets, self.symbols)
        n, n_bytes = pairs.total, int(pairs.counts @ self.bytes_per_symbol[pairs.after])

        def mean(values: np.ndarray) -> float:
            return float(pairs.counts @ values) / n

        def surprise(probabilities: np.ndarray) -> float:
            return 0.0 - mean(np.log(probabilities))  # 0 of what is certain, where a minus alone would make it -0

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
            unigram_entropy=surprise(pairs.of_targets()[pairs.after] / n),
            bigram_entropy=surprise(pairs.counts / pairs.of_inputs()[pairs.before]),
        )
