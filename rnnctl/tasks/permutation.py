"""Random permutation as in the program of Pascanu, Mikolov and Bengio (2013): name the first symbol after many others.

The first of L symbols is 0 or 1, the others are uniform in 2 to symbols - 1, and the first symbol follows the last once
more. Either the last step alone asks for it, or every step asks for the next symbol, as in Hochreiter and Schmidhuber
(1997, experiment 2b) and Martens and Sutskever (2011). In both, only the answer at the last step is judged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl.question import Question
from rnnctl.section import also_called
from rnnctl.tasks.base import Baseline, Batch, GeneratedTask, Plateaus
from rnnctl.tasks.lengths import drawn_length
from rnnctl.tasks.section import BYTE, LengthsSection

FIRST = 2  # number of symbols that can be the first; the others are numbered from here on


class PermutationSection(LengthsSection):
    """The first symbol, 0 or 1, is to be named after a sequence of others."""

    name: Annotated[Literal["permutation"], also_called(permutation=("random_permutation",))]
    symbols: Annotated[int, also_called("n_symbols", "num_symbols", "alphabet")] = Field(
        100, ge=3, le=BYTE, description="number of different symbols"
    )
    predict: Literal["last", "every"] = Field(
        "last", description="answer at the last step alone, or the next symbol at every step"
    )

    LEAST: ClassVar[int] = 2
    real_inputs: ClassVar[bool] = False

    def make(self) -> Permutation:
        return Permutation(self.min_length, self.max_length, self.symbols, self.predict)


class Permutation(GeneratedTask):
    """The generator. L is drawn from [min_length, max_length), or fixed if the two are equal.

    predict: whether the `last` step is asked alone, or `every` step.
    """

    def __init__(self, min_length: int, max_length: int, symbols: int, predict: Literal["last", "every"]) -> None:
        self.min_length, self.max_length = min_length, max_length
        self.max_steps = max_length
        self.n_inputs = self.n_outputs = symbols
        self.question = Question(every_step=predict == "every", judged="last")
        self.plateaus: Plateaus = ((math.log(symbols), "uniform guess"),)

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """Draw `batch` sequences of one length (at least 2, or there would be no other symbol)."""
        if length is None:
            length = drawn_length(rng, self.min_length, self.max_length)
        assert length >= 2
        symbols_TB = rng.integers(FIRST, self.n_inputs, size=(length, batch), dtype=np.uint8)
        symbols_TB[0] = rng.integers(FIRST, size=batch, dtype=np.uint8)
        if self.question.every_step:
            return Batch(symbols_TB, np.roll(symbols_TB, -1, axis=0).astype(np.int64))
        return Batch(symbols_TB, symbols_TB[0].astype(np.int64))

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return what a predictor reaches that knows nothing of the first symbol: ln 2 nats at the last step, where
        half of its answers are wrong, and ln (symbols - 2) nats at every other step that is asked: those are random.

        This predictor knows which step is the last, although the inputs do not show it. A predictor that sees only the
        present symbol must allow for p = 1 / (L - 1), the share of last steps among those after the first. It pays
        H(p) = -p ln p - (1 - p) ln (1 - p) nats more on average at all of these, because it cannot tell them apart. The
        floor is the lower of the two losses, so that counting steps is not taken for memory of the symbol. That memory
        is worth ln 2 / L nats in the mean over steps, less than 1 % of the floor with 100 symbols and 16 steps or more.
        """
        if not self.question.every_step:
            return Baseline(math.log(2), 0.5)
        others = math.log(self.n_outputs - FIRST)
        unpredictable = [(batch.length - 1) * others / batch.length for batch in batches]
        last = [math.log(2) / batch.length for batch in batches]
        sizes = [batch.inputs.shape[1] for batch in batches]
        perfect, gain = (float(np.average(losses, weights=sizes)) for losses in (unpredictable, last))
        return Baseline(perfect + gain, 0.5, perfect)
