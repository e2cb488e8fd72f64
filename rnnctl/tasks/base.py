"""What a task is: a source of batches, with the figures that a predictor reaches without learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Batch:
    """Sequences of one length.

    symbols_TB: (T, B) uint8, one symbol per step, the index of a one-hot input.
    targets_B: (B,) int64, the class asked for after the last step.
    """

    symbols_TB: np.ndarray
    targets_B: np.ndarray

    @property
    def length(self) -> int:
        return self.symbols_TB.shape[0]


class Task(Protocol):
    """A classification task whose loss is the cross-entropy (nats) of the last step's softmax."""

    n_inputs: int
    n_outputs: int
    max_steps: int  # no sequence is longer; diagnoses are made at this length
    floor: float  # loss of the best predictor that has learned nothing, nats
    chance_error: float  # its error rate, in [0, 1]
    plateaus: tuple[tuple[float, str], ...]  # losses between floor and solution that have a meaning, and the meaning

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """`batch` fresh sequences from `rng`, of the given length or of one drawn for them all."""
        ...
