"""Noiseless memorization as in the program of Pascanu, Mikolov and Bengio (2013), after Martens and Sutskever (2011).

A sequence has L + 2 P steps. A pattern of P symbols out of V comes first; all other steps are blank, except for a
trigger at step L + P. The target is the blank before the trigger and, from the step of the trigger on, the P symbols in
their order. The symbols are 0 to V - 1, the blank is V, and the trigger, which is an input only, is V + 1. The task of
five bits has V = 2 and P = 5; that of twenty bits has V = 5 and P = 10.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from rnnctl.question import Question
from rnnctl.section import also_called
from rnnctl.tasks.base import Baseline, Batch, GeneratedTask, Plateaus
from rnnctl.tasks.lengths import drawn_length
from rnnctl.tasks.section import BYTE, LengthsSection

MAX_PATTERNS = 2**20


class MemorizationSection(LengthsSection):
    """A pattern of symbols is to be repeated after a blank time of the length drawn.

    The whole sequence has length + 2 positions steps.
    """

    name: Annotated[
        Literal["memorization"], also_called(memorization=("copy", "copying", "copy_memory", "memory", "recall"))
    ]
    # The blank and the trigger are two more symbols.
    values: Annotated[int, also_called("symbols", "n_symbols", "num_symbols", "alphabet")] = Field(
        5, ge=2, le=BYTE - 2, description="number of different symbols in a pattern"
    )
    positions: Annotated[int, also_called("pattern_length", "n_positions", "bits")] = Field(
        10, ge=1, description="number of symbols in a pattern"
    )
    patterns: Literal["random", "all"] = Field(
        "random", description="drawn at random, or all there are, equally often in each batch"
    )
    judged: Literal["any", "last"] = Field(
        "any", description="a sequence is wrong if any of its steps is, or if its last one is"
    )

    LEAST: ClassVar[int] = 0
    real_inputs: ClassVar[bool] = False

    @property
    def count(self) -> int:
        """Number of different patterns."""
        patterns: int = self.values**self.positions
        return patterns

    @model_validator(mode="after")
    def _all_are_not_too_many(self) -> Self:
        # The power is only computed for so few positions that it cannot become enormous.
        too_many = self.positions > MAX_PATTERNS.bit_length() or self.count > MAX_PATTERNS
        if self.patterns == "all" and too_many:
            raise ValueError(
                f"patterns all means batches of {self.values} ** {self.positions} sequences (values ** positions), "
                f"and the most is {MAX_PATTERNS:,}"
            )
        return self

    @property
    def batch_multiple(self) -> tuple[int, str] | None:
        if self.patterns == "random":
            return None
        why = (
            f"where task.patterns is all, each of the {self.values} ** {self.positions} patterns is in it equally often"
        )
        return self.count, why

    def make(self) -> Memorization:
        lengths = self.min_length, self.max_length
        return Memorization(*lengths, self.values, self.positions, self.patterns, self.judged)


class Memorization(GeneratedTask):
    """The generator. L is drawn from [min_length, max_length), or fixed if the two are equal.

    patterns: drawn at `random`, or `all` values^positions in turn. judged: a sequence is wrong if `any` of its
    steps is, or if its `last` step is.
    """

    def __init__(
        self,
        min_length: int,
        max_length: int,
        values: int,
        positions: int,
        patterns: Literal["random", "all"],
        judged: Literal["any", "last"],
    ) -> None:
        self.min_length, self.max_length = min_length, max_length
        self.values, self.positions, self.patterns = values, positions, patterns
        self.max_steps = max_length + 2 * positions
        self.n_inputs, self.n_outputs = values + 2, values + 1
        self.question = Question(every_step=True, judged=judged)
        self.plateaus: Plateaus = ((math.log(self.n_outputs), "uniform guess"),)

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """Draw `batch` sequences of one length in steps, L + 2 positions."""
        positions, blank, trigger = self.positions, self.values, self.values + 1
        if length is None:
            length = drawn_length(rng, self.min_length, self.max_length) + 2 * positions
        assert length >= 2 * positions
        pattern_PB = self._pattern(rng, batch)
        symbols_TB = np.full((length, batch), blank, dtype=np.uint8)
        symbols_TB[:positions] = pattern_PB
        symbols_TB[-positions] = trigger
        targets_TB = np.full((length, batch), blank, dtype=np.int64)
        targets_TB[-positions:] = pattern_PB
        return Batch(symbols_TB, targets_TB)

    def _pattern(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        """Return (P, batch) digits of numbers below values^positions, the least significant first."""
        if self.patterns == "random":
            # Drawing digit by digit is the same as drawing the number, which can be too large for any integer.
            return rng.integers(self.values, size=(self.positions, batch), dtype=np.uint8)
        # The order is drawn too: any part of the columns has random patterns.
        weights_P1, count = self.values ** np.arange(self.positions)[:, None], self.values**self.positions
        return np.resize(rng.permutation(count), batch) // weights_P1 % self.values

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return what a predictor reaches that knows the step but nothing of the pattern. It makes no error before the
        trigger, and then guesses one of V symbols at each of P steps. Its mean loss over steps is P ln V / (L + 2 P).
        """
        losses = [self.positions * math.log(self.values) / batch.length for batch in batches]
        guessed = self.positions if self.question.judged == "any" else 1
        return Baseline(
            float(np.average(losses, weights=[batch.inputs.shape[1] for batch in batches])),
            1 - float(self.values) ** -guessed,
        )
