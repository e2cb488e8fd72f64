"""Name the partner of a symbol, after pairs of symbols were shown.

A sequence shows P pairs of different symbols, one symbol a step. One of these symbols is then the query, marked as
such, and the answer, asked at the last step alone, is its partner. L blank steps lie between the pairs and the query,
so that the answer is asked where the query is shown; or they follow the query, as in the library that the task is from
(sutskever-30, paper 18), which pads its sequences with them.

That library queries either symbol of a pair, so that the answer can lie before it or after it. Here the query is the
first symbol of a pair by default, and `direction: either` does what the library does.

The inputs are a one-hot of the symbol and a mark of the query, V + 1 real numbers.
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
from rnnctl.tasks.section import LENGTH, LengthsSection


class PairMatchingSection(LengthsSection):
    """Pairs of symbols are shown, then one symbol: name its partner.

    The length is the number of blank steps. The whole sequence has 2 pairs + 1 steps more.
    """

    name: Annotated[
        Literal["pair_matching"],
        also_called(pair_matching=("pairs", "paired_associates", "associative_recall", "pair_recall")),
    ]
    min_length: Annotated[int, also_called(*LENGTH, "min_len", "length_min")] = Field(
        0, description="least number of blank steps of a batch"
    )
    max_length: Annotated[int, also_called(*LENGTH, "max_len", "length_max")] = Field(
        0, description="blank steps are drawn below this number; equal to min_length, it fixes them"
    )
    symbols: Annotated[int, also_called("vocab", "vocab_size", "n_symbols", "num_symbols", "alphabet")] = Field(
        20, ge=2, le=1024, description="number of different symbols"
    )
    pairs: Annotated[int, also_called("n_pairs", "num_pairs")] = Field(
        2, ge=1, le=512, description="number of pairs that are shown"
    )
    direction: Annotated[Literal["forward", "either"], also_called(either=("both", "any"))] = Field(
        "forward", description="whether the query is the first symbol of its pair, or either of the two"
    )
    blanks: Annotated[
        Literal["before", "after"], also_called(after=("padding", "pad", "end"), before=("delay", "between"))
    ] = Field("before", description="whether blank steps come before the query, or between the query and the answer")

    LEAST: ClassVar[int] = 0
    real_inputs: ClassVar[bool] = True

    @model_validator(mode="after")
    def _symbols_suffice(self) -> Self:
        if 2 * self.pairs > self.symbols:
            raise ValueError(
                f"{self.pairs} pairs take {2 * self.pairs} different symbols, and symbols is {self.symbols}"
            )
        return self

    def make(self) -> PairMatching:
        lengths = self.min_length, self.max_length
        return PairMatching(*lengths, self.symbols, self.pairs, self.direction, self.blanks)


class PairMatching(GeneratedTask):
    """The generator. L is drawn from [min_length, max_length), or fixed if the two are equal."""

    question = Question()

    def __init__(
        self,
        min_length: int,
        max_length: int,
        symbols: int,
        pairs: int,
        direction: Literal["forward", "either"],
        blanks: Literal["before", "after"],
    ) -> None:
        self.min_length, self.max_length = min_length, max_length
        self.pairs, self.direction, self.blanks = pairs, direction, blanks
        self.n_inputs, self.n_outputs = symbols + 1, symbols
        self.max_steps = max_length + 2 * pairs + 1
        candidates = pairs if direction == "forward" else 2 * pairs - 1
        self.plateaus: Plateaus = ((math.log(candidates), "symbols known, pairs not"),) if candidates > 1 else ()

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """Draw `batch` sequences of one length in steps, L + 2 pairs + 1."""
        shown, symbols, columns = 2 * self.pairs, self.n_outputs, np.arange(batch)
        if length is None:
            length = drawn_length(rng, self.min_length, self.max_length) + shown + 1
        assert length > shown
        symbols_SB = rng.random((symbols, batch)).argsort(0)[:shown]
        asked_B = rng.integers(self.pairs, size=batch) * 2
        partner_B = asked_B + 1
        if self.direction == "either":
            swapped_B = rng.integers(2, size=batch)
            asked_B, partner_B = asked_B + swapped_B, partner_B - swapped_B
        inputs_TBV = np.zeros((length, batch, self.n_inputs), dtype=np.float32)
        np.put_along_axis(inputs_TBV[:shown], symbols_SB[..., None], 1, axis=2)
        query = length - 1 if self.blanks == "before" else shown
        inputs_TBV[query, columns, symbols_SB[asked_B, columns]] = 1
        inputs_TBV[query, :, symbols] = 1
        return Batch(inputs_TBV, symbols_SB[partner_B, columns].astype(np.int64))

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return the loss of a uniform guess: among all V symbols where the last step is blank; among the V - 1 others
        where it shows the query, which is not its own partner.
        """
        guesses = [self._guesses(batch.length) for batch in batches]
        sizes = [batch.inputs.shape[1] for batch in batches]
        return Baseline(
            float(np.average(np.log(guesses), weights=sizes)),
            float(np.average([1 - 1 / count for count in guesses], weights=sizes)),
        )

    def _guesses(self, length: int) -> int:
        """Return the number of symbols that can be the answer for who sees only the last of this many steps."""
        ends_with_query = self.blanks == "before" or length == 2 * self.pairs + 1
        return self.n_outputs - ends_with_query
