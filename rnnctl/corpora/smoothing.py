"""Smoothed unigrams and bigrams: the predictors without memory from which the floor of a text is chosen.

A unigram is fitted to counts k(b) of the symbols b that occur in the training split, K of them. It gives them the
shares (k(b) + added) / (n + K added) of 1 - unseen, where n is the sum of the counts, and divides `unseen` evenly among
the other symbols of the vocabulary, so that a new symbol in another split has a finite loss. If all symbols occur,
`unseen` is 0. The counts are those of targets, or the numbers of different symbols that b follows (Kneser and Ney
1995).

A bigram gives the symbol b after a the probability

    (c(ab) - D(c(ab)) + s(a) p(b)) / (c(a) + pseudo(a)),    s(a) = pseudo(a) + sum over b of D(c(ab))

where p is a unigram, c(ab) is the number of times that b follows a, and c(a) their sum. If a has no followers it is p.
The kinds of smoothing differ in the discounts D and the pseudo-count:

- D = 0 and pseudo(a) = weight * d(a), where d(a) is the number of different followers (Witten and Bell 1991, method C);
- D = 0 and a constant pseudo-count (a Dirichlet prior, MacKay and Peto 1995). A very large one gives the unigram;
- no pseudo-count and a constant D (absolute discounting, Ney, Essen and Kneser 1994);
- no pseudo-count and a D for each of the counts 1, 2, and 3 or more (modified Kneser-Ney, Chen and Goodman 1999).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from rnnctl.corpora.pairs import Pairs

ADDED = tuple(0.5 * 4.0**power for power in range(-2, 10))
UNSEEN = tuple(4.0**power for power in range(8))  # divided by n + 1
FOLLOWERS = tuple(2.0**power for power in range(-4, 5))
CONSTANT = tuple(4.0**power for power in range(-2, 15))
DISCOUNTS = tuple(tenths / 10 for tenths in range(1, 10))


@dataclass(frozen=True)
class UnigramSmoothing:
    """How a unigram is smoothed. unseen: in units of 1 / (n + 1), at most half of everything."""

    counts: Literal["targets", "predecessors"] = "targets"
    added: float = 0.5
    unseen: float = 1.0


@dataclass(frozen=True)
class BigramSmoothing:
    """How a bigram is smoothed. discounts: D of the counts 1, 2, and 3 or more."""

    unigram: UnigramSmoothing
    per_follower: float = 0.0
    constant: float = 0.0
    discounts: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Counts:
    """The counts of a training split, from which all predictors are made. ids: (N,) its symbols, at least two."""

    def __init__(self, ids: np.ndarray, symbols: int) -> None:
        self.symbols = symbols
        self.pairs = pairs = Pairs.count(ids[:-1], ids[1:], symbols)
        self._codes = pairs.before * symbols + pairs.after
        self.inputs_V = pairs.input_counts()
        self.by_kind = {
            "targets": pairs.target_counts(),
            "predecessors": np.bincount(pairs.after, minlength=symbols).astype(np.float64),
        }
        self.occurs_V = np.zeros(symbols, bool)
        self.occurs_V[ids] = True
        # The number of followers of each symbol with the counts 1, 2, and 3 or more.
        kinds = np.minimum(pairs.counts, 3)
        self.followers_3V = np.stack(
            [np.bincount(pairs.before[kinds == kind], minlength=symbols).astype(np.float64) for kind in (1, 2, 3)]
        )

    def unigram(self, smoothing: UnigramSmoothing) -> np.ndarray:
        """Return the probability of each symbol, (V,) float64."""
        counts_V, occurs = self.by_kind[smoothing.counts], int(self.occurs_V.sum())
        total, others = counts_V.sum(), self.symbols - occurs
        unseen = min(smoothing.unseen / (total + 1), 0.5) if others else 0.0
        shares_V = (counts_V + smoothing.added) / (total + occurs * smoothing.added)
        probabilities_V: np.ndarray = np.where(self.occurs_V, (1 - unseen) * shares_V, unseen / max(others, 1))
        return probabilities_V

    def of_pairs(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return how often each symbol `after` follows its symbol `before`: int64 arrays of the same shape."""
        wanted = before * self.symbols + after
        positions = np.minimum(np.searchsorted(self._codes, wanted), len(self._codes) - 1)
        counts: np.ndarray = np.where(self._codes[positions] == wanted, self.pairs.counts[positions], 0)
        return counts

    @property
    def chen_goodman(self) -> tuple[float, float, float]:
        """The discounts of modified Kneser-Ney, from the numbers of pairs that occur once to four times.

        They are at least the smallest of DISCOUNTS: without any, a new pair would be impossible.
        """
        n1, n2, n3, n4 = (max(int((self.pairs.counts == times).sum()), 1) for times in (1, 2, 3, 4))
        y = n1 / (n1 + 2 * n2)
        first, second, third = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
        return max(first, DISCOUNTS[0]), max(second, DISCOUNTS[0]), max(third, DISCOUNTS[0])


class Bigram:
    """A smoothed bigram. unigram_V: the unigram that it is smoothed with, (V,) float64."""

    def __init__(self, counts: Counts, smoothing: BigramSmoothing) -> None:
        self.counts, self.smoothing = counts, smoothing
        self.unigram_V = counts.unigram(smoothing.unigram)
        self.discounts = np.array([0.0, *smoothing.discounts])
        pseudo_V = smoothing.per_follower * counts.followers_3V.sum(0) + smoothing.constant
        self.reserved_V = pseudo_V + smoothing.discounts @ counts.followers_3V
        self.total_V = counts.inputs_V + pseudo_V
        alone_V = counts.inputs_V == 0
        self.reserved_V[alone_V], self.total_V[alone_V] = 1.0, 1.0

    def probabilities(self, before: np.ndarray, after: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
        """Return the probabilities of symbols `after` given the symbols `before`: arrays of the same shape, float64.

        counts: how often these pairs occur in the training split, if that is known.
        """
        before, after = before.astype(np.int64, copy=False), after.astype(np.int64, copy=False)
        counts = self.counts.of_pairs(before, after) if counts is None else counts
        kept = counts - self.discounts[np.minimum(counts, 3)]
        probabilities: np.ndarray = (kept + self.reserved_V[before] * self.unigram_V[after]) / self.total_V[before]
        return probabilities

    def guesses(self) -> np.ndarray:
        """Return the most probable follower of each symbol, (V,); of several, the first."""
        pairs, every = self.counts.pairs, np.arange(self.counts.symbols)
        # A symbol that never followed is most probable only if it is so in the unigram.
        before = np.concatenate([pairs.before, every])
        after = np.concatenate([pairs.after, np.full(len(every), self.unigram_V.argmax())])
        order = np.lexsort((after, -self.probabilities(before, after), before))
        _, first = np.unique(before[order], return_index=True)
        guesses: np.ndarray = after[order][first]
        return guesses


def best_unigram(counts: Counts, held_out: Pairs) -> UnigramSmoothing:
    """Return the smoothing with the lowest loss on held-out text of the unigram of targets."""
    targets_V = held_out.target_counts()
    (asked,) = np.nonzero(targets_V)

    def loss(smoothing: UnigramSmoothing) -> float:
        return -float(targets_V[asked] @ np.log(counts.unigram(smoothing)[asked]))

    return min((UnigramSmoothing("targets", added, unseen) for added in ADDED for unseen in UNSEEN), key=loss)


def best_bigram(counts: Counts, held_out: Pairs) -> BigramSmoothing:
    """Return the smoothing of a bigram with the lowest loss on held-out text: changing one of its choices raises it.

    The search begins with the best unigram, so the bigram is not worse than that.
    """
    known = counts.of_pairs(held_out.before, held_out.after)

    @cache
    def loss(smoothing: BigramSmoothing) -> float:
        bigram = Bigram(counts, smoothing)
        return -float(held_out.counts @ np.log(bigram.probabilities(held_out.before, held_out.after, known)))

    best = BigramSmoothing(best_unigram(counts, held_out), constant=CONSTANT[-1])
    steps: tuple[Callable[[BigramSmoothing], Iterator[BigramSmoothing]], ...] = (
        lambda smoothing: _of_pairs(counts, smoothing),
        lambda smoothing: _of_unigrams(smoothing, (replace(smoothing.unigram, added=added) for added in ADDED)),
        lambda smoothing: _of_unigrams(smoothing, (replace(smoothing.unigram, unseen=unseen) for unseen in UNSEEN)),
    )
    while True:
        before = best
        for neighbours in steps:
            best = min((best, *neighbours(best)), key=loss)
        if best == before:
            return best


def _of_pairs(counts: Counts, smoothing: BigramSmoothing) -> Iterator[BigramSmoothing]:
    """Make all bigrams that differ in discounts, pseudo-counts and the kind of counts of the unigram."""
    unigram = smoothing.unigram
    for kind in ("targets", "predecessors"):
        base = replace(unigram, counts=kind)
        yield from (BigramSmoothing(base, per_follower=weight) for weight in FOLLOWERS)
        yield from (BigramSmoothing(base, constant=constant) for constant in CONSTANT)
        yield from (BigramSmoothing(base, discounts=(tenth, tenth, tenth)) for tenth in DISCOUNTS)
        yield BigramSmoothing(base, discounts=counts.chen_goodman)


def _of_unigrams(smoothing: BigramSmoothing, unigrams: Iterable[UnigramSmoothing]) -> Iterator[BigramSmoothing]:
    """Make the bigrams that differ in their unigram alone."""
    yield from (replace(smoothing, unigram=unigram) for unigram in unigrams)
