"""What a task makes: batches, a question about them, and the losses that predictors without memory reach."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from rnnctl.question import NOT_ASKED, Question

FLOOR_MARGIN = 0.01
FLOOR_ERRORS = 2.0
LUCK = math.log(1000)  # nats
Plateaus = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Batch:
    """Sequences of one length.

    inputs: (T, B) uint8 or uint16, one symbol a step, the index of a one-hot input; or (T, B, V) float32.
    targets: (B,) if only the last step is asked, (T, B) if every step is; int64 classes, or float32 values. Answers of
    several values (see Question) have one more axis, the last one.
    """

    inputs: np.ndarray
    targets: np.ndarray

    @property
    def length(self) -> int:
        """Number of steps T."""
        return int(self.inputs.shape[0])

    def asked(self, question: Question) -> int:
        """Return the number of sequences that are asked anything."""
        if not question.partial:
            return int(self.inputs.shape[1])
        asked = self.targets != NOT_ASKED if question.loss == "cross_entropy" else ~np.isnan(self.targets)
        if question.values > 1:
            asked = asked.any(-1)
        return int(asked.any(0).sum() if question.every_step else asked.sum())

    def sequences(self, columns: slice, question: Question) -> Batch:
        """Return some of the sequences. question: what is asked about them."""
        targets = self.targets[:, columns] if question.every_step else self.targets[columns]
        return Batch(self.inputs[:, columns], targets)


@dataclass(frozen=True)
class Baseline:
    """What the best predictor without memory reaches on certain batches.

    It knows the task and the step, but sees only the present input.
    """

    loss: float
    error: float  # share of wrong answers, in [0, 1]
    perfect: float = 0.0  # loss of a predictor that remembers everything
    bytes_per_answer: float | None = None  # text only: mean number of bytes that a target stands for
    # The standard error of `loss`, where it was measured on a sample (text); NaN if that is too short to tell. 0 where
    # the loss follows from the task, or from these very answers.
    loss_se: float = 0.0
    different: float | None = None  # text only: the number of different answers, as windows overlap

    def broken_by(self, loss: float) -> bool:
        """Return whether a loss on the same batches is so far below the floor that memory must have helped.

        The loss of a run that has learned nothing fluctuates around the floor. So it has to have come FLOOR_MARGIN of
        the way from the floor to the perfect loss. Where the floor is measured on a sample, it has to be lower still:
        by FLOOR_ERRORS standard errors of the floor, or by LUCK nats divided by the number of different answers, if
        that is more. If the floor's probabilities are true, the probability that those of a predictor gain x nats on
        them, in all answers together, is at most exp(-x) (Ville 1939).
        """
        lucky = LUCK / self.different if self.different else 0.0
        allowed = FLOOR_MARGIN * (self.loss - self.perfect) + max(FLOOR_ERRORS * self.loss_se, lucky)
        return self.loss - loss > allowed


class Streams(Protocol):
    """Endless sequences that a run is trained on window after window, each window continuing the one before it."""

    def window(self, number: int) -> Batch:
        """Return a window of all streams. It depends on nothing but its number, counted from 0."""
        ...


class Task(Protocol):
    """A source of batches and what is asked about them."""

    @property
    def carries(self) -> bool:
        """Whether training batches continue where the ones before them stopped (see `streams`)."""
        ...

    @property
    def n_inputs(self) -> int:
        """Number of input symbols, or of real inputs."""
        ...

    @property
    def n_outputs(self) -> int:
        """Number of classes, or of real outputs."""
        ...

    @property
    def question(self) -> Question:
        """What is asked about the sequences."""
        ...

    @property
    def max_steps(self) -> int:
        """Greatest number of steps of a sequence; diagnoses are made at this length."""
        ...

    @property
    def plateaus(self) -> Plateaus:
        """Other losses that have a meaning, each with its meaning."""
        ...

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """Draw `batch` new sequences of one length in steps, which is drawn too if it is None."""
        ...

    def streams(self, rng: np.random.Generator, batch: int) -> Streams | None:
        """Draw where `batch` streams begin, or the order of finite data, and return what training batches follow; None
        if each of them is drawn.
        """
        ...

    def held_out(self, rng: np.random.Generator, samples: int, chunk: int) -> list[Batch]:
        """Return the sequences that runs are validated on: `samples` of them in chunks of `chunk`, each chunk with a
        length of its own. Finite data may have fewer.
        """
        ...

    def split(self, name: str) -> Task:
        """Return the source of sequences for `train`, `validation` or `test`. This one draws those of `train`.

        Raise ValueError if a split has no sequences.
        """
        ...

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return the floor and the chance error on these very batches, weighted by their numbers of sequences."""
        ...


class DrawnTask(ABC):
    """A task of which any number of batches can be drawn."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """See Task."""

    def held_out(self, rng: np.random.Generator, samples: int, chunk: int) -> list[Batch]:
        """See Task."""
        return [self.draw(rng, chunk) for _ in range(samples // chunk)]


class GeneratedTask(DrawnTask):
    """A task whose sequences are generated: there is no end of new ones, and all splits share one source."""

    carries = False

    def streams(self, rng: np.random.Generator, batch: int) -> None:
        return None

    def split(self, name: str) -> Self:
        return self
