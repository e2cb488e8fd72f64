"""A task from outside the package: is the last bit of a random sequence the same as the first?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from rnnctl.question import Question
from rnnctl.tasks.base import Baseline, Batch, GeneratedTask
from rnnctl.tasks.lengths import drawn_length
from rnnctl.tasks.section import LengthsSection


class SameEndsSection(LengthsSection):
    """Whether the last bit equals the first."""

    name: Literal["same_ends"]

    LEAST: ClassVar[int] = 2
    real_inputs: ClassVar[bool] = False

    def make(self) -> SameEnds:
        return SameEnds(self.min_length, self.max_length)


class SameEnds(GeneratedTask):
    """Sequences of bits. One who remembers nothing can only guess."""

    n_inputs = n_outputs = 2
    question = Question()
    plateaus: tuple[tuple[float, str], ...] = ()

    def __init__(self, min_length: int, max_length: int) -> None:
        self.min_length, self.max_length, self.max_steps = min_length, max_length, max_length

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        length = drawn_length(rng, self.min_length, self.max_length) if length is None else length
        bits_TB = rng.integers(2, size=(length, batch), dtype=np.uint8)
        return Batch(bits_TB, (bits_TB[0] == bits_TB[-1]).astype(np.int64))

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        return Baseline(math.log(2), 0.5)
