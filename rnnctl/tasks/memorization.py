"""Noiseless memorization as in the program of Pascanu, Mikolov and Bengio (2013), after Martens and Sutskever (2011).

A pattern of P symbols out of V comes first, then the blank for the rest of L + 2 P steps, but for a trigger at step
L + P. To be named are the blank up to the trigger, and from the step of the trigger on the P symbols, in their order.
The symbols are 0 to V - 1, the blank V, the trigger, which is an input alone, V + 1. Five bits are V 2 and P 5; twenty
bits are V 5 and P 10.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from rnnctl.question import Question
from rnnctl.tasks.base import Baseline, Batch, Made
from rnnctl.tasks.lengths import drawn_length
from rnnctl.tasks.section import BYTE, LengthsSection

MAX_PATTERNS = 2**20


class MemorizationSection(LengthsSection):
    """A pattern of symbols, to be repeated after a blank time of the length drawn.

    The whole sequence has length + 2 positions steps.
    """

    name: Literal["memorization"]
    # Two symbols more are taken by the blank and the trigger.
    values: int = Field(5, ge=2, le=BYTE - 2, description="number of different symbols in a pattern")
    positions: int = Field(10, ge=1, description="number of symbols in a pattern")
    patterns: Literal["random", "all"] = Field(
        "random", description="drawn at random, or all that there are, equally often in each batch"
    )
    judged: Literal["any", "last"] = Field(
        "any", description="a sequence is wrong if any of its steps is, or if its last one is"
    )

    LEAST: ClassVar[int] = 0
    real_inputs: ClassVar[bool] = False

    @property
    def count(self) -> int:
        """How many patterns there are."""
        return self.values**self.positions

    @model_validator(mode="after")
    def _all_are_not_too_many(self) -> Self:
        # No power is taken of a number of positions that would make it a number without end.
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


class Memorization(Made):
    """L in [min_length, max_length), or fixed where the two are equal.

    patterns: drawn at `random`, or `all` values^positions in turn. judged: a sequence is wrong if `any` of its
    steps is, or if its `last` one is.
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
        self.plateaus = ((math.log(self.n_outputs), "uniform guess"),)

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """`batch` sequences of one length in steps, L + 2 positions."""
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
        """(P, batch): the digits of a number below values^positions, the least first."""
        if self.patterns == "random":
            # Digit by digit is the same as drawing the number, which can be too large for any integer.
            return rng.integers(self.values, size=(self.positions, batch), dtype=np.uint8)
        # In an order that is drawn, so that a part of the columns is no certain part of the patterns.
        weights_P1, count = self.values ** np.arange(self.positions)[:, None], self.values**self.positions
        return np.resize(rng.permutation(count), batch) // weights_P1 % self.values

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """What is reached without a trace of the pattern by one that knows the step: nothing wrong up to the trigger,
        then a guess among V symbols at each of P steps. That is P ln V / (L + 2 P) in the mean over steps.
        """
        losses = [self.positions * math.log(self.values) / batch.length for batch in batches]
        guessed = self.positions if self.question.judged == "any" else 1
        return Baseline(
            float(np.average(losses, weights=[batch.inputs.shape[1] for batch in batches])),
            1 - float(self.values) ** -guessed,
        )
