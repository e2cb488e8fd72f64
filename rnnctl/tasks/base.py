"""What a task is: a source of batches, a question, and the figures that a predictor without memory reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rnnctl.question import Question


@dataclass(frozen=True)
class Batch:
    """Sequences of one length.

    inputs: (T, B) uint8 or uint16, one symbol per step, the index of a one-hot input; or (T, B, V) float32.
    targets: of a head that reads the last step (B,), of one that reads every step (T, B); int64 classes, or float32
    values.
    """

    inputs: np.ndarray
    targets: np.ndarray

    @property
    def length(self) -> int:
        return self.inputs.shape[0]


@dataclass(frozen=True)
class Baseline:
    """What the best predictor without memory reaches on certain batches: one that knows the task and the step, but sees
    only the present input.
    """

    loss: float
    error: float  # its share of wrong answers, in [0, 1]
    perfect: float = 0.0  # the loss of a predictor that remembers everything
    bytes_per_answer: float | None = None  # of text: how many bytes a target stands for, on average


class Task(Protocol):
    """A source of batches and what is asked about them."""

    carries: bool  # whether the batches of training go on where the ones before them stopped

    n_inputs: int
    n_outputs: int
    question: Question
    max_steps: int  # no sequence is longer; diagnoses are made at this length
    plateaus: tuple[tuple[float, str], ...]  # other losses that have a meaning, and the meaning

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """`batch` fresh sequences from `rng`: of one length in steps, drawn for them all if none is given."""
        ...

    def starts(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        """Where `batch` streams begin, (B,), of a task that carries."""
        ...

    def stream(self, starts_B: np.ndarray, window: int) -> Batch:
        """Window number `window`, from 0, of streams that began there: a pure function."""
        ...

    def split(self, name: str) -> Task:
        """The source of sequences for training, validation or test; this one draws those of `train`."""
        ...

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """The floor and the chance error on these very batches, weighted by their number of sequences."""
        ...


class Made:
    """A task whose sequences are made: there is no end of fresh ones, and one source is enough for all purposes."""

    carries = False

    def split(self, name: str) -> Task:
        return self
