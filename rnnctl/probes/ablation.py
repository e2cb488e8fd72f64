"""What the probe state-ablation measures: does a network of text use its memory, and how far back?

A window's symbols are read one after the other, and before each symbol the state is

    carried    what the network itself made of the window so far, as in training and validation;
    zeroed     zeros: only the current symbol is left;
    shuffled   what the network carries, at the same step, in another of the windows: a state of a usual kind, but of
               another text.

What shuffling costs shows use of memory: nothing, if states say nothing about their text. Zeroing can cost without any
memory: a network meets zeros at most at the beginning of a window, and one that relies on some constant state loses
without it. How far back a network looks is the loss by context: the state is zeros k symbols before the current one,
and carried from there. All contexts are asked for the same targets, so that two points of the curve differ by the
symbols between them alone. As far as the curve lies above the bigram, its fall may be no more than a network coming
back from zeros to the states that it knows. What memory has gained is what lies below.

Windows are those of rnnctl.probes.lengths for the same seed, at the training length. Standard errors are over windows,
the mean of each window being one observation. `cost` is a difference window by window, and its error far smaller than
those of its two parts. Bits per byte are a ratio of two means that both vary by window, because windows of equally many
symbols stand for different numbers of bytes; their error is that of a ratio estimator (Cochran 1977, Sampling
Techniques, section 2.11).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnctl import seeds
from rnnctl.corpora.floors import Floor, NGrams, bits_per_byte
from rnnctl.probes.base import chunk_of
from rnnctl.probes.texts import known_text, window_of
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Batch

if TYPE_CHECKING:
    import torch

    from rnnctl.probes.stepper import Stepper

TARGETS = 8  # greatest number of targets of a window for which contexts are compared: each takes a pass of its own
# Nats that a context may cost more than the state as trained and still be called enough. Networks of source text in
# bytes are at 1 to 2 nats, so it is at most 1 % of what they lose, and several standard errors of a cost so small.
ENOUGH = 0.01
WAYS = {"carried": "as trained", "zeroed": "zeroed", "shuffled": "shuffled"}  # and what tables and figures call them

# Loss (nats) and wrongness of answers, steps by windows.
Answers = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Measured:
    """Means over some targets of all windows, and their standard errors; NaN where losses are not finite."""

    nats: float
    nats_se: float
    bits_per_byte: float
    bits_per_byte_se: float
    error: float  # share of wrong answers
    error_se: float
    cost: float  # nats more than with the state carried, on the same targets
    cost_se: float


@dataclass(frozen=True)
class States:
    """Losses and errors on some targets with the state carried, zeroed and shuffled, and those of n-grams."""

    targets: int
    bytes: int
    carried: Measured
    zeroed: Measured
    shuffled: Measured
    unigram: Floor
    bigram: Floor


@dataclass(frozen=True)
class Ablation:
    """All that is measured of one network.

    everywhere: on every target of the windows. late: on the targets of `steps` (from 0), for which contexts are
    compared. contexts: on the same targets, by the number of symbols before the current one that made the state.
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
        """The smallest context that costs less than ENOUGH against the state as trained; None if none does."""
        return min((k for k, measured in self.contexts.items() if measured.cost < ENOUGH), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, the contexts as a list in their order."""
        contexts = [{"context": context, **asdict(measured)} for context, measured in self.contexts.items()]
        return {**asdict(self), "contexts": contexts, "context_used": self.context_used}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Ablation:
        """Return what `to_json` made a JSON object of. None stands for a number that was not finite."""
        contexts = {
            entry["context"]: _measured({key: value for key, value in entry.items() if key != "context"})
            for entry in plain["contexts"]
        }
        split, window, samples, steps = (plain[key] for key in ("split", "window", "samples", "steps"))
        return cls(split, window, samples, tuple(steps), _states(plain["everywhere"]), _states(plain["late"]), contexts)


def _measured(plain: Mapping[str, float | None]) -> Measured:
    return Measured(**{key: math.nan if value is None else value for key, value in plain.items()})


def _states(plain: Mapping[str, Any]) -> States:
    carried, zeroed, shuffled = (_measured(plain[way]) for way in WAYS)
    unigram, bigram = (_floor(plain[gram]) for gram in ("unigram", "bigram"))
    return States(plain["targets"], plain["bytes"], carried, zeroed, shuffled, unigram, bigram)


def _floor(plain: Mapping[str, float | None]) -> Floor:
    """Return a floor. Answers of earlier versions have no standard error."""
    known = {"nats_se": None, **plain}
    return Floor(**{key: math.nan if value is None else value for key, value in known.items()})


def usual_contexts(window: int) -> list[int]:
    """Return 0 and the powers of two that fit a window."""
    return [0, *(2**i for i in range((window - 1).bit_length()) if 2**i < window)]


def asked_steps(window: int, longest: int) -> np.ndarray:
    """Return the steps, from 0, whose targets all contexts are asked for: evenly over those late enough for each."""
    return np.linspace(longest, window - 1, min(TARGETS, window - longest)).round().astype(int)


def derangement(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return a random order of 0..n-1, (n,), a single cycle, in which nothing stays in its place; n >= 2."""
    order, result = rng.permutation(n), np.empty(n, np.int64)
    result[order] = np.roll(order, 1)
    return result


def ablation(
    spec: RunSpec, weights_N: torch.Tensor, contexts: Sequence[int], samples: int, seed: int, split: str = "test"
) -> Ablation:
    """Ask the network of a spec of task text, with these weights, about `samples` windows of a split.

    Raise ValueError for contexts that are negative or do not fit the window, for fewer than two samples or a number of
    them that chunk_of refuses, and if the corpus has changed.
    """
    import torch

    from rnnctl.probes.stepper import Stepper

    window = window_of(spec)
    if not contexts or min(contexts) < 0 or max(contexts) >= window:
        raise ValueError(f"windows of {window:,} symbols have contexts from 0 to {window - 1:,}")
    if samples < 2:
        raise ValueError("states are shuffled among two samples and more")
    chunk, task = chunk_of(samples), spec.task.make().split(split)
    contexts, steps = sorted(set(contexts)), asked_steps(window, max(contexts))
    drawn, shuffles = seeds.generator(seed, seeds.EVALUATION), seeds.generator(seed, seeds.SHUFFLING)
    network = Stepper(spec, task, weights_N, chunk)
    batches: list[Batch] = []
    by_way: list[list[Answers]] = []
    by_context: list[list[Answers]] = []
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
    counted = _Counted(known_text(task).ngrams, inputs[steps], targets[steps])
    measured = {
        k: counted.measured(_joined(parts), late["carried"])
        for k, parts in zip(contexts, zip(*by_context, strict=True), strict=True)
    }
    everywhere = _Counted(known_text(task).ngrams, inputs, targets).states(ways)
    return Ablation(split, window, samples, tuple(steps.tolist()), everywhere, counted.states(late), measured)


def _by_way(network: Stepper, batch: Batch, rng: np.random.Generator) -> list[Answers]:
    """Return the answers at every step of a batch, for each of WAYS."""
    answers: list[list[Answers]] = [[] for _ in WAYS]
    carried: torch.Tensor | None = None
    for symbols_B, targets_B in zip(batch.inputs, batch.targets, strict=True):
        # At the first step there is nothing to shuffle, yet an order is drawn: the order at step t depends on t alone.
        order = derangement(rng, len(symbols_B))
        starts = [carried, None, None if carried is None else carried[order]]
        for i, start in enumerate(starts):
            after = network.step(symbols_B, start)
            answers[i].append(network.judged(targets_B))
            carried = after if i == 0 else carried
    return [_stacked(of_way) for of_way in answers]


def _with_context(network: Stepper, batch: Batch, steps: np.ndarray, context: int) -> Answers:
    """Return the answers at some steps, where the state was zeros `context` symbols before each."""
    answers = []
    for step in steps:
        state = None
        for symbols_B in batch.inputs[step - context : step + 1]:
            state = network.step(symbols_B, state)
        answers.append(network.judged(batch.targets[step]))
    return _stacked(answers)


def _stacked(answers: Sequence[Answers]) -> Answers:
    loss, wrong = (np.stack(parts) for parts in zip(*answers, strict=True))
    return loss, wrong


def _joined(chunks: Sequence[Answers]) -> Answers:
    loss, wrong = (np.concatenate(parts, 1) for parts in zip(*chunks, strict=True))
    return loss, wrong


class _Counted:
    """Some targets of all windows, (S, B), with the bytes that they stand for and what n-grams reach on them."""

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
        """Return the standard error of bits per byte: that of the mean over windows of bits - ratio * bytes, divided by
        the mean number of bytes of a symbol.
        """
        _, error = _mean(nats_SB / math.log(2) - per_byte * self.bytes_SB)
        return error / float(self.bytes_SB.mean())


def _mean(values_SB: np.ndarray) -> tuple[float, float]:
    """Return the mean and its standard error over windows."""
    by_window = values_SB.mean(0)
    n = len(by_window)
    return float(by_window.mean()), float(by_window.std(ddof=1)) / math.sqrt(n)
