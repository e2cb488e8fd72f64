"""The LSTM as a study names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from rnnctl.cells.base.init_from import FromInit
from rnnctl.cells.base.inits import OrthogonalInit, RandomInit, XavierInit
from rnnctl.cells.base.names import names_of_branches
from rnnctl.cells.base.section import HIDDEN, INIT, CellSection
from rnnctl.section import PER_RUN, Real, also_called, default_name

if TYPE_CHECKING:
    from rnnctl.cells.lstm.equations import Lstm

BRANCHES = ("i", "f", "o", "h")
LstmInit = Annotated[OrthogonalInit | XavierInit | RandomInit | FromInit, Field(discriminator="name")]


class LstmSection(CellSection):
    """The LSTM with input, forget and output gates, without peepholes."""

    name: Literal["lstm"] = "lstm"
    hidden: Annotated[int, also_called(*HIDDEN)] = Field(50, ge=1, description="number of hidden units")
    init: Annotated[LstmInit, default_name("orthogonal"), PER_RUN, also_called(*INIT)] = Field(
        OrthogonalInit(), description="how initial weights are drawn"
    )
    forget_bias: Annotated[Real, PER_RUN] = Field(1.0, description="initial bias of the forget gate")

    bias_keys: ClassVar[tuple[str, ...]] = ("forget_bias",)
    units_in_registers: ClassVar[int] = 64  # a program keeps the matrices of several branches
    has_omega: ClassVar[bool] = False
    takes_reals: ClassVar[bool] = True

    def network(self, inputs: int, outputs: int) -> Lstm:
        from rnnctl.cells.lstm.equations import Lstm

        return Lstm(inputs, self.hidden, outputs)

    @property
    def weight_names(self) -> tuple[str, ...]:
        return names_of_branches(BRANCHES)

    @property
    def gates(self) -> tuple[str, ...]:
        return ("i", "f", "o")

    @property
    def products(self) -> int:
        return 4

    @property
    def kept_per_step(self) -> int:
        return 13  # h_t and the gradient by it; c_t, tanh(c_t) and its slope; four units; the gradients by four sums

    @property
    def biases(self) -> Mapping[str, float]:
        return {"b_f": self.forget_bias}
