"""Addition, multiplication and exclusive or of two marked values, laid out as in the program of Pascanu, Mikolov and
Bengio (2013).

A batch whose length is drawn as L has l = L + randint(int(.1 L)) steps. A step's input is a mark and a value: the mark
is 1 at one uniform step of [0, int(.1 l)) and at one of the int(.4 l) steps that follow, and 0 elsewhere. The value is
uniform in [0, 1) for addition and multiplication, and in {0, 1} for the exclusive or. The last step asks for half the
sum of the two marked values, for their product, or for the class that is their exclusive or.

The original of addition and multiplication is Hochreiter and Schmidhuber (1997), experiments 4 and 5, who mark the
first and the last step with -1 and draw the addends from [-1, 1]. The exclusive or differs from that of Martens and
Sutskever (2011) in two ways: theirs has further marks of -1, at the first step and near the last, and mixes lengths
within a batch.
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
from rnnctl.tasks.section import LengthsSection

MARK, VALUE = range(2)  # the two inputs
FIRST, SECOND = 0.1, 0.4  # shares of the steps that the two windows have
MEANS = {"addition": 0.5, "multiplication": 0.25}  # of the target
# Variance of the target that is left when one of the two values x is known: Var(x) / 4, and E(x^2) Var(x).
ONE_KNOWN = {"addition": 1 / 48, "multiplication": 1 / 36}


class MarkedSection(LengthsSection):
    """Half the sum, or the product, of two marked values. Sequences are up to a tenth longer than the length drawn.

    The default tolerance is that of the original program, a squared error of .04. Hochreiter and Schmidhuber (1997) and
    Martens and Sutskever (2011) ask for an absolute error of .04, which is five times as strict.
    """

    name: Annotated[
        Literal["addition", "multiplication"],
        also_called(addition=("adding", "adding_problem", "add", "sum"), multiplication=("mul", "multiply", "product")),
    ]
    tolerance: Annotated[float, also_called("tol", "threshold")] = Field(
        0.2, gt=0, description="absolute error beyond which an answer is wrong"
    )

    LEAST: ClassVar[int] = 10
    real_inputs: ClassVar[bool] = True

    def make(self) -> Marked:
        return Marked(self.name, self.min_length, self.max_length, self.tolerance)


class XorSection(LengthsSection):
    """The exclusive or of two marked bits, laid out as in addition. Martens and Sutskever 2011."""

    name: Annotated[Literal["xor"], also_called(xor=("exclusive_or", "parity"))]

    LEAST: ClassVar[int] = 10
    real_inputs: ClassVar[bool] = True

    def make(self) -> Marked:
        return Marked(self.name, self.min_length, self.max_length)


class Marked(GeneratedTask):
    """The generator. L is drawn from [min_length, max_length), or fixed if the two are equal.

    tolerance: absolute error beyond which a sum or a product is wrong.
    """

    n_inputs = 2

    def __init__(self, name: str, min_length: int, max_length: int, tolerance: float = 0.0) -> None:
        self.name = name
        self.min_length, self.max_length = min_length, max_length
        self.max_steps = max_length + int(FIRST * max_length) - 1
        self.n_outputs = 2 if name == "xor" else 1
        # One bit of an exclusive or tells nothing about it.
        self.plateaus: Plateaus = () if name == "xor" else ((ONE_KNOWN[name], "1 of 2 values known"),)
        self.question = Question() if name == "xor" else Question("squared_error", tolerance=tolerance)

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """Draw `batch` sequences of one length l (at least 10, or the first window would be empty)."""
        if length is None:
            length = drawn_length(rng, self.min_length, self.max_length)
            length += int(rng.integers(int(FIRST * length)))
        assert length >= 10
        inputs_TBV = np.zeros((length, batch, 2), dtype=np.float32)
        if self.name == "xor":
            inputs_TBV[..., VALUE] = rng.integers(2, size=(length, batch), dtype=np.uint8)
        else:
            inputs_TBV[..., VALUE] = rng.random((length, batch), dtype=np.float32)
        windows = np.array([int(FIRST * length), int(SECOND * length)])
        steps_2B = rng.integers(windows[:, None], size=(2, batch))
        steps_2B[1] += windows[0]
        columns = np.arange(batch)
        inputs_TBV[steps_2B, columns, MARK] = 1
        return Batch(inputs_TBV, self._answers(*inputs_TBV[steps_2B, columns, VALUE]))

    def _answers(self, first_B: np.ndarray, second_B: np.ndarray) -> np.ndarray:
        answers_B: np.ndarray
        match self.name:
            case "addition":
                answers_B = (first_B + second_B) / 2
            case "multiplication":
                answers_B = first_B * second_B
            case _:
                answers_B = (first_B != second_B).astype(np.int64)
        return answers_B

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return the loss of the constant that is the mean of the target, .5 or .25, on the actual targets (about 1/24
        and 7/144). For the exclusive or it is ln 2, and the error one half.

        The mean has the least squared error of all constants, but not the fewest wrong answers. In multiplication with
        a tolerance of .2 it is wrong in 39 % of cases, and a constant near .2 in 23 %: an error above that proves
        nothing.
        """
        if self.name == "xor":
            return Baseline(math.log(2), 0.5)
        distances = np.concatenate([batch.targets for batch in batches]).astype(np.float64) - MEANS[self.name]
        return Baseline(float((distances**2).mean()), float((np.abs(distances) > self.question.tolerance).mean()))
