"""A cell that says no more than its step and the shapes of its weights: autograd goes through time. Loads no torch.

class Leaky(StepSection):
    '''Leaky units: each keeps a share of what it was.'''

    leak: float = Field(0.5, gt=0, le=1, description="share of new content in the state")

    def shapes(self, inputs):
        return {"W_uh": (inputs, self.hidden), "W_hh": (self.hidden, self.hidden), "b_hh": (self.hidden,)}

    def step(self, weights, x, state):
        new = (x @ weights["W_uh"] + state @ weights["W_hh"] + weights["b_hh"]).tanh()
        return (1 - self.leak) * state + self.leak * new
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from rnnctl.cells.base.init_from import FromInit
from rnnctl.cells.base.inits import OrthogonalInit, RandomInit, XavierInit
from rnnctl.cells.base.names import HEAD
from rnnctl.cells.base.section import HIDDEN, INIT, CellSection
from rnnctl.section import PER_RUN, also_called, default_name
from rnnctl.usercode.errors import CodeError
from rnnctl.words import cut, one_line

if TYPE_CHECKING:
    import torch

    from rnnctl.cells.base.autograd import StepCell

StepInit = Annotated[OrthogonalInit | XavierInit | RandomInit | FromInit, Field(discriminator="name")]


def _is_size(value: object) -> bool:
    """Return whether a value is a whole number from 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


class StepSection(CellSection):
    """The section `model` of a cell whose step is written in torch, for one run at a time."""

    hidden: Annotated[int, also_called(*HIDDEN)] = Field(50, ge=1, description="number of hidden units")
    init: Annotated[StepInit, default_name("orthogonal"), PER_RUN, also_called(*INIT)] = Field(
        OrthogonalInit(), description="how initial weights are drawn"
    )

    has_omega: ClassVar[bool] = False
    takes_reals: ClassVar[bool] = True
    # The greatest distance of a hidden unit from its nearest limit: 1 for units in [-1, 1], 1/2 for units in [0, 1];
    # None for units without two limits.
    furthest: ClassVar[float | None] = None

    @abstractmethod
    def shapes(self, inputs: int) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of all weights but the head's, by name: matrices (fan in, fan out), biases (fan out,).

        The first matrix of shape (hidden, hidden) is the one whose spectral radius is measured.
        """

    @abstractmethod
    def step(self, weights: Mapping[str, torch.Tensor], x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Return the state after a step, (B, S), of one run.

        weights: by name, in the shapes that `shapes` says. x: the inputs, (B, I): real numbers, or a one for each
        symbol and zeros. state: the state before, (B, S), zeros at first. Both must stay as they are. The first
        `hidden` of the S numbers are what the head reads.
        """

    @property
    def state_size(self) -> int:
        """The number of units that are handed from one step to the next, `hidden` of them first."""
        return self.hidden

    def checked_shapes(self, inputs: int) -> dict[str, tuple[int, ...]]:
        """Return `shapes`. Raise CodeError unless they are sizes from 1, by name, and none of them the head's."""
        shapes = self.shapes(inputs)
        if not isinstance(shapes, Mapping) or not all(
            isinstance(name, str) and isinstance(shape, tuple | list) and all(map(_is_size, shape))
            for name, shape in shapes.items()
        ):
            raise CodeError(
                f"{self.name}: shapes returned {cut(one_line(repr(shapes)))}; allowed: a mapping of names to "
                "tuples of sizes, whole numbers from 1"
            )
        if taken := [name for name in HEAD if name in shapes]:
            raise CodeError(f"{self.name}: {', '.join(taken)} is the name of a weight of the head")
        return {name: tuple(shape) for name, shape in shapes.items()}

    def checked_state_size(self) -> int:
        """Return `state_size`. Raise CodeError unless it is a whole number from `hidden`."""
        if not _is_size(self.state_size) or self.state_size < self.hidden:
            said = cut(one_line(repr(self.state_size)))
            raise CodeError(f"{self.name}: state_size is {said}; allowed: whole numbers from hidden, {self.hidden}")
        return self.state_size

    def network(self, inputs: int, outputs: int) -> StepCell:
        from rnnctl.cells.base.autograd import StepCell

        return StepCell(inputs, self.hidden, outputs, self)

    @property
    def weight_names(self) -> tuple[str, ...]:
        return (*self.checked_shapes(1), *HEAD)

    @property
    def gates(self) -> tuple[str, ...]:
        return ()

    @property
    def products(self) -> int:
        return max(1, sum(shape == (self.hidden, self.hidden) for shape in self.checked_shapes(1).values()))

    def weights(self, inputs: int, outputs: int) -> int:
        shapes = self.checked_shapes(inputs).values()
        return sum(math.prod(shape) for shape in shapes) + (self.hidden + 1) * outputs

    @property
    def kept_per_step(self) -> int:
        return 8 + 4 * self.products  # what autograd keeps is not known; this is what a few operations a product leave

    @property
    def saturation_limit(self) -> float | None:
        return self.furthest

    @property
    def saturation_formula(self) -> str | None:
        return None if self.furthest is None else "distance from the nearest limit"
