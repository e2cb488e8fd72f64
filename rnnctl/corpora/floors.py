"""Floors: the losses of n-gram models on a text. A run with a lower loss uses more context than the last symbol.

There are three predictors of the next symbol out of V. `uniform` gives each symbol the probability 1/V. `unigram` knows
how frequent each symbol is. `bigram` also reads the last symbol. Both are fitted to the training split and smoothed in
the way, of those that rnnctl.corpora.smoothing lists, that has the lowest loss on the validation split. A unigram is
among the bigrams, so the bigram is no worse than the unigram there.

A floor that is too high could be broken without memory. On a short text of independent symbols, a bigram with one fixed
smoothing costs several per cent more than the entropy, which any network reaches. Why the validation split chooses:
runs are validated on it, and their best check and their hyper-parameters are chosen by it. A choice on any other text
would be worse on this one, and would give a higher floor.

The entropies are those of the evaluated text itself: the losses of a unigram and a bigram fitted to it without
smoothing. No unigram or bigram has a lower loss on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnnctl.corpora.pairs import BLOCK, Pairs
from rnnctl.corpora.smoothing import Bigram, Counts, best_bigram, best_unigram

BATCHES = 20  # see `Floor.nats_se`


@dataclass(frozen=True)
class Floor:
    """The losses of one predictor.

    nats_se: the standard error of `nats`. Neighbouring symbols are correlated, so it is that of the mean of windows,
    or of the means of 20 equally long pieces of one text (method of batch means; Schmeiser 1982 advises 10 to 30). NaN
    if there are fewer than two of them.
    """

    nats: float  # per symbol
    nats_se: float
    bits_per_byte: float
    # The share of wrong predictions. The uniform predictor guesses at random, the unigram the most frequent symbol, the
    # bigram the most probable follower of the last symbol.
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
    """The three predictors, fitted to a training split and smoothed by a validation split.

    ids, held_out: (N,) symbols of the two. bytes_per_symbol: (V,) of the vocabulary. Raises ValueError if a split has
    fewer than two symbols.
    """

    def __init__(self, ids: np.ndarray, held_out: np.ndarray, bytes_per_symbol: np.ndarray) -> None:
        if len(ids) < 2:
            raise ValueError("n-gram floors need a train split of at least two symbols")
        if len(held_out) < 2:
            raise ValueError("n-gram floors need a validation split of at least two symbols")
        self.bytes_per_symbol = bytes_per_symbol
        self.symbols = len(bytes_per_symbol)
        counts, pairs = Counts(ids, self.symbols), Pairs.count(held_out[:-1], held_out[1:], self.symbols)
        self.unigram_V = counts.unigram(best_unigram(counts, pairs))
        self.bigram = Bigram(counts, best_bigram(counts, pairs))
        self.guess = int(self.unigram_V.argmax())  # the most frequent symbol
        self.guess_V = self.bigram.guesses()

    def floors(self, inputs: np.ndarray, targets: np.ndarray) -> Floors:
        """Return the losses on these targets, given these inputs: symbols of one text, (N,), or of windows, (T, B).

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

        def floor(probabilities: np.ndarray, error: float, guesses: np.ndarray | int) -> Floor:
            nats = surprise(probabilities)
            return Floor(nats, error, bits_per_byte(nats, n_bytes / n), mean(pairs.after != guesses))

        uniform = math.log(self.symbols)
        unigram_error, bigram_error = self._errors(inputs, targets)
        return Floors(
            targets=n,
            bytes=n_bytes,
            uniform=Floor(uniform, 0.0, bits_per_byte(uniform, n_bytes / n), 1 - 1 / self.symbols),
            unigram=floor(self.unigram_V[pairs.after], unigram_error, self.guess),
            bigram=floor(
                self.bigram.probabilities(pairs.before, pairs.after), bigram_error, self.guess_V[pairs.before]
            ),
            unigram_entropy=surprise(pairs.target_counts()[pairs.after] / n),
            bigram_entropy=surprise(pairs.counts / pairs.input_counts()[pairs.before]),
        )

    def _errors(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
        """Return the standard errors of unigram and bigram: those of the means over windows, or over pieces."""
        inputs, targets = _as_windows(inputs), _as_windows(targets)
        few = max(BLOCK // len(targets), 1)
        means = [
            (np.log(self.unigram_V[after]).mean(0), np.log(self.bigram.probabilities(before, after)).mean(0))
            for i in range(0, targets.shape[1], few)
            for before, after in [(inputs[:, i : i + few], targets[:, i : i + few])]
        ]
        unigram_B, bigram_B = map(np.concatenate, zip(*means, strict=True))
        return _standard_error(unigram_B), _standard_error(bigram_B)


def _as_windows(ids: np.ndarray) -> np.ndarray:
    """Return windows, (T, B): those given, or the equally long pieces of one text."""
    if ids.ndim == 2:
        return ids
    pieces = min(BATCHES, len(ids))
    return ids[: len(ids) // pieces * pieces].reshape(pieces, -1).T


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
