"""Temporal order with two or three relevant symbols, as in the program of Pascanu, Mikolov and Bengio (2013).

Symbols 0 and 1 are relevant, 2 to 5 are distractors, and all are uniform. In a sequence of length L the k-th relevant
symbol v_k is at a uniform position in a window of int(.1 L) steps that begins at int(start_k L). The class is the sum
of v_k 2^k. There is no start symbol and no trigger. The original of the task is in Hochreiter and Schmidhuber (1997),
experiments 6a and 6b.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np

from rnnctl.question import Question
from rnnctl.section import also_called
from rnnctl.tasks.base import Baseline, Batch, GeneratedTask, Plateaus
from rnnctl.tasks.lengths import drawn_length
from rnnctl.tasks.section import LengthsSection

RELEVANT, SYMBOLS = 2, 6
WINDOW = 0.1
STARTS = {"temporal_order": (0.1, 0.5), "temporal_order_3": (0.1, 0.3, 0.6)}


class TemporalOrderSection(LengthsSection):
    """Which two (or three) symbols were there, in their order? Pascanu, Mikolov and Bengio 2013, section 4.1."""

    name: Annotated[
        Literal["temporal_order", "temporal_order_3"],
        also_called(temporal_order_3=("3_symbols", "temporal_order_3bit")),
    ]

    LEAST: ClassVar[int] = 10
    real_inputs: ClassVar[bool] = False

    def make(self) -> TemporalOrder:
        return TemporalOrder(self.name, self.min_length, self.max_length)


class TemporalOrder(GeneratedTask):
    """The generator: n symbols in n windows make 2^n classes.

    Lengths are drawn from [min_length, max_length), or fixed if the two are equal.
    """

    n_inputs = SYMBOLS
    question = Question()

    def __init__(self, name: str, min_length: int, max_length: int) -> None:
        self.starts = STARTS[name]
        self.min_length, self.max_length = min_length, max_length
        self.n_outputs = 2 ** len(self.starts)
        self.max_steps = max_length
        known = range(1, len(self.starts))
        self.plateaus: Plateaus = tuple(
            (math.log(self.n_outputs / 2**k), f"{k} of {len(self.starts)} symbols known") for k in known
        )

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return the loss of a uniform guess: all classes are equally likely, whatever the last symbol is."""
        return Baseline(math.log(self.n_outputs), 1 - 1 / self.n_outputs)

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """Draw `batch` sequences of one length (at least 10, or the windows would be empty)."""
        if length is None:
            length = drawn_length(rng, self.min_length, self.max_length)
        assert length >= 10
        symbols_TB = rng.integers(RELEVANT, SYMBOLS, size=(length, batch), dtype=np.uint8)
        targets_B = np.zeros(batch, dtype=np.int64)
        columns = np.arange(batch)
        # All windows are drawn together: a call of the generator takes as long as a hundred numbers.
        within_KB = rng.integers(int(WINDOW * length), size=(len(self.starts), batch))
        values_KB = rng.integers(RELEVANT, size=(len(self.starts), batch))
        for k, start in enumerate(self.starts):
            symbols_TB[int(start * length) + within_KB[k], columns] = values_KB[k]
            targets_B += values_KB[k] << k
        return Batch(symbols_TB, targets_B)
