"""State ablation: does a network of text use its memory, and how far back?

A window's symbols are read one after the other, and before each symbol the state is

    carried    what the network itself made of the window so far, as in training and validation;
    zeroed     zeros: all that is left is the symbol at hand;
    shuffled   what the network carries, at the same place, in another of the windows: a state as it knows them, that
               tells of another text.

What shuffling costs shows the use of memory: nothing where states tell nothing of their text. Zeroing can cost without
any memory: zeros are a state that a network meets at most at a window's beginning, and one that counts on some state
being there loses by them. How far back a network looks is the loss by context: the state of zeros k symbols before the
one at hand, and carried from there. All contexts are asked for the same targets, so that two points of the curve differ
by the symbols between them alone; but as far as the curve lies above the bigram, its fall may be no more than a network
coming back from zeros to the states that it knows. What memory has gained is what lies below.

Windows are those of rnnctl.probes.lengths for the same seed, at the length of training. Standard errors are over
windows, each window's mean being one observation; `cost` is a difference window by window, and its error far smaller
than those of its two parts. Bits per byte are a ratio of two means that both vary by window, as windows of equally many
symbols stand for unequally many bytes; their error is that of a ratio estimator (Cochran 1977, Sampling Techniques,
section 2.11).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rnnctl import seeds
from rnnctl.corpora.floors import Floor, NGrams, bits_per_byte
from rnnctl.probes.lengths import chunk_of
from rnnctl.probes.stepper import Stepper
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Batch

TARGETS = 8  # of a window at most, for which contexts are compared: each takes a pass of its own
# Nats by which a context may cost more than the state as trained and still be called enough. Networks of source text in
# bytes are at 1 to 2 nats: it is no more than 1 % of what they lose, and several standard errors of a cost so small.
ENOUGH = 0.01
WAYS = {"carried": "as trained", "zeroed": "zeroed", "shuffled": "shuffled"}  # and what tables and figures call them

# Loss (nats) and wrongness of answers, steps by windows.
Answers = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Measured:
    """Means over some targets of all windows, and their standard errors."""

    nats: float
    nats_se: float
    bits_per_byte: float
    bits_per_byte_se: float
    error: float  # share of targets that are not named
    error_se: float
    cost: float  # nats more than with the state carried, on the same targets
    cost_se: float


@dataclass(frozen=True)
class States:
    """What is reached on some targets with the state carried, zeroed and shuffled, and by n-grams."""

    targets: int
    bytes: int
    carried: Measured
    zeroed: Measured
    shuffled: Measured
    unigram: Floor
    bigram: Floor


@dataclass(frozen=True)
class Ablation:
    """everywhere: on every target of the windows. late: on those of the steps (from 0) for which contexts are
    compared. contexts: by the number of symbols before the one at hand that the state was made of, on the latter.
    """

    split: str
    window: int
    samples: int
    steps: tuple[int, ...]
    everywhere: States
    late: States
    contexts: dict[int, Measured]

    @property
    def context_used(self) -> int | None:
        """The least of the contexts that costs less than ENOUGH against the state as trained; None if none does."""
        return min((k for k, measured in self.contexts.items() if measured.cost < ENOUGH), default=None)


def usual_contexts(window: int) -> list[int]:
    """0 and the powers of two that fit a window."""
    return [0, *(2**i for i in range((window - 1).bit_length()) if 2**i < window)]


def asked_steps(window: int, longest: int) -> np.ndarray:
    """The steps, from 0, whose targets all contexts up to the longest are asked for: evenly over those late enough."""
    return np.linspace(longest, window - 1, min(TARGETS, window - longest)).round().astype(int)


def derangement(rng: np.random.Generator, n: int) -> np.ndarray:
    """(n,) a random order of 0..n-1, a single cycle, in which nothing stays in its place; n >= 2."""
    order, found = rng.permutation(n), np.empty(n, np.int64)
    found[order] = np.roll(order, 1)
    return found


def ablation(
    spec: RunSpec, weights_N: torch.Tensor, contexts: Sequence[int], samples: int, seed: int, split: str = "test"
) -> Ablation:
    """Ask the network of a spec of task text, with these weights, about `samples` windows of a split.

    Raises ValueError: contexts that are none or do not fit the window; fewer than two samples, or a number of them that
    chunk_of refuses; and ValueError where the corpus is another one.
    """
    window = spec.task.window
    if not contexts or min(contexts) < 0 or max(contexts) >= window:
        raise ValueError(f"windows of {window:,} symbols have contexts from 0 to {window - 1:,}")
    if samples < 2:
        raise ValueError("states are shuffled among two samples and more")
    chunk, task = chunk_of(samples), spec.task.make().split(split)
    contexts, steps = sorted(set(contexts)), asked_steps(window, max(contexts))
    drawn, shuffles = seeds.generator(seed, seeds.EVALUATION), seeds.generator(seed, seeds.SHUFFLING)
    network = Stepper(spec, task, weights_N, chunk)
    batches, by_way, by_context = [], [], []
    with torch.no_grad():
        for _ in range(samples // chunk):
            batches.append(batch := task.draw(drawn, chunk))
            by_way.append(_by_way(network, batch, shuffles))
            by_context.append([_with_context(network, batch, steps, context) for context in contexts])
    inputs, targets = (
        np.concatenate(parts, 1) for parts in zip(*((b.inputs, b.targets) for b in batches), strict=True)
    )
    ways = dict(zip(WAYS, map(_joined, zip(*by_way, strict=True)), strict=True))
    late = {name: (loss[steps], wrong[steps]) for name, (loss, wrong) in ways.items()}
    counted = _Counted(task.known.ngrams, inputs[steps], targets[steps])
    found = {
        k: counted.measured(_joined(parts), late["carried"])
        for k, parts in zip(contexts, zip(*by_context, strict=True), strict=True)
    }
    everywhere = _Counted(task.known.ngrams, inputs, targets).states(ways)
    return Ablation(split, window, samples, tuple(steps.tolist()), everywhere, counted.states(late), found)


def _by_way(network: Stepper, batch: Batch, rng: np.random.Generator) -> list[Answers]:
    """Answers at every step of a batch, for each of WAYS."""
    found: list[list] = [[] for _ in WAYS]
    carried = None
    for symbols_B, targets_B in zip(batch.inputs, batch.targets, strict=True):
        # At the first step there is nothing to shuffle, yet an order is drawn: what step t gets depends on t alone.
        order = derangement(rng, len(symbols_B))
        starts = [carried, None, None if carried is None else carried[order]]
        for i, start in enumerate(starts):
            after = network.step(symbols_B, start)
            found[i].append(network.judged(targets_B))
            carried = after if i == 0 else carried
    return [_stacked(answers) for answers in found]


def _with_context(network: Stepper, batch: Batch, steps: np.ndarray, context: int) -> Answers:
    """Answers at some steps, each of a state of zeros so many symbols before."""
    found = []
    for step in steps:
        state = None
        for symbols_B in batch.inputs[step - context : step + 1]:
            state = network.step(symbols_B, state)
        found.append(network.judged(batch.targets[step]))
    return _stacked(found)


def _stacked(answers: Sequence[Answers]) -> Answers:
    loss, wrong = (np.stack(parts) for parts in zip(*answers, strict=True))
    return loss, wrong


def _joined(chunks: Sequence[Answers]) -> Answers:
    loss, wrong = (np.concatenate(parts, 1) for parts in zip(*chunks, strict=True))
    return loss, wrong


class _Counted:
    """Some targets of all windows, (S, B), what they stand for, and what n-grams reach on them."""

    def __init__(self, ngrams: NGrams, inputs_SB: np.ndarray, targets_SB: np.ndarray) -> None:
        self.floors = ngrams.floors(inputs_SB, targets_SB)
        self.bytes_SB = ngrams.bytes_per_symbol[targets_SB]

    def states(self, ways: dict[str, Answers]) -> States:
        floors, measured = self.floors, {name: self.measured(ways[name], ways["carried"]) for name in WAYS}
        return States(floors.targets, floors.bytes, **measured, unigram=floors.unigram, bigram=floors.bigram)

    def measured(self, answers: Answers, carried: Answers) -> Measured:
        nats, error, cost = (_mean(x) for x in (*answers, answers[0] - carried[0]))
        per_byte = bits_per_byte(nats[0], self.floors.bytes / self.floors.targets)
        return Measured(*nats, per_byte, self._of_ratio(answers[0], per_byte), *error, *cost)

    def _of_ratio(self, nats_SB: np.ndarray, per_byte: float) -> float:
        """The standard error of bits per byte: that of the mean of what each window has in bits more than its bytes at
        this ratio, by the bytes per symbol of all windows.
        """
        _, error = _mean(nats_SB / math.log(2) - per_byte * self.bytes_SB)
        return error / float(self.bytes_SB.mean())


def _mean(values_SB: np.ndarray) -> tuple[float, float]:
    """The mean, and its standard error over windows."""
    by_window = values_SB.mean(0)
    n = len(by_window)
    return float(by_window.mean()), float(by_window.std(ddof=1)) / math.sqrt(n)
