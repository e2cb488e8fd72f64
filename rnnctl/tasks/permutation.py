"""Random permutation as in the program of Pascanu, Mikolov and Bengio (2013): name the first symbol after many others.

The first of L symbols is 0 or 1, the others are uniform in 2 to symbols - 1, and what follows the last is the first
once more. Either that alone is asked, at the last step, or the next symbol is, at every step, as by Hochreiter and
Schmidhuber (1997, experiment 2b) and Martens and Sutskever (2011); an answer is judged by its last step in both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl.question import Question
from rnnctl.tasks.base import Baseline, Batch, Made
from rnnctl.tasks.lengths import drawn_length
from rnnctl.tasks.section import BYTE, LengthsSection

FIRST = 2  # symbols that can be the first; the others are those from here on


class PermutationSection(LengthsSection):
    """The first symbol, 0 or 1, is to be named after a sequence of others."""

    name: Literal["permutation"]
    symbols: int = Field(100, ge=3, le=BYTE, description="number of different symbols")
    predict: Literal["last", "every"] = Field(
        "last", description="answer at the last step alone, or the next symbol at every step"
    )

    LEAST: ClassVar[int] = 2
    real_inputs: ClassVar[bool] = False

    def make(self) -> Permutation:
        return Permutation(self.min_length, self.max_length, self.symbols, self.predict)


class Permutation(Made):
    """L in [min_length, max_length), or fixed where the two are equal. `predict`: the `last` symbol or `every` one."""

    def __init__(self, min_length: int, max_length: int, symbols: int, predict: Literal["last", "every"]) -> None:
        self.min_length, self.max_length = min_length, max_length
        self.max_steps = max_length
        self.n_inputs = self.n_outputs = symbols
        self.question = Question(every_step=predict == "every", judged="last")
        self.plateaus = ((math.log(symbols), "uniform guess"),)

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """`batch` sequences of one length (at least 2, or there would be nothing in between)."""
        if length is None:
            length = drawn_length(rng, self.min_length, self.max_length)
        assert length >= 2
        symbols_TB = rng.integers(FIRST, self.n_inputs, size=(length, batch), dtype=np.uint8)
        symbols_TB[0] = rng.integers(FIRST, size=batch, dtype=np.uint8)
        if self.question.every_step:
            return Batch(symbols_TB, np.roll(symbols_TB, -1, axis=0).astype(np.int64))
        return Batch(symbols_TB, symbols_TB[0].astype(np.int64))

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """What is reached without a trace of the first symbol: ln 2 nats and one half wrong at the last step, and
        where every step is asked ln (symbols - 2) at each of the others, which nobody can predict.

        This predictor knows which step is the last, which does not show in the inputs. One that sees the present
        symbol and nothing else must allow for p = 1 / (L - 1), the share of last steps among those after the first: on
        all of these it pays H(p) = -p ln p - (1 - p) ln (1 - p) more on average, for not knowing which kind it is on.
        The lower figure is the floor, so that to count steps is not taken for memory of the symbol. What that memory
        is worth is ln 2 / L in the mean over steps: of 100 symbols and from 16 steps on, less than 1 % of the floor.
        """
        if not self.question.every_step:
            return Baseline(math.log(2), 0.5)
        others = math.log(self.n_outputs - FIRST)
        unpredictable = [(batch.length - 1) * others / batch.length for batch in batches]
        last = [math.log(2) / batch.length for batch in batches]
        sizes = [batch.inputs.shape[1] for batch in batches]
        perfect, gain = (float(np.average(losses, weights=sizes)) for losses in (unpredictable, last))
        return Baseline(perfect + gain, 0.5, perfect)
