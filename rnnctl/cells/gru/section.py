"""The GRU as a study names it, and the initial weights that a course gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl.cells.base.init_from import FromInit
from rnnctl.cells.base.inits import OrthogonalInit, RandomInit, Weights, XavierInit, matrices, normal
from rnnctl.cells.base.names import names_of_branches
from rnnctl.cells.base.section import HIDDEN, INIT, CellSection, InitSection, Shapes
from rnnctl.section import PER_RUN, Real, also_called, default_name

if TYPE_CHECKING:
    from rnnctl.cells.gru.equations import Gru

BRANCHES = ("z", "r", "h")


class CourseInit(InitSection):
    """Recurrent matrices of the gates N(0, gate_std), all other matrices N(0, std), biases 0 but b_z.

    From a PyTorch port of the program of Pascanu, Mikolov and Bengio (2013) that courses hand out.
    """

    name: Literal["course"] = "course"
    std: float = Field(0.01, gt=0, description="standard deviation of all matrices but the gates' recurrent ones")
    gate_std: float = Field(0.005, gt=0, description="standard deviation of the gates' recurrent matrices")

    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> Weights:
        by_name = matrices(shapes)
        gates = {name: by_name[name] for name in recurrent if name != "W_hh"}
        others = {name: shape for name, shape in by_name.items() if name not in gates}
        return {**normal(rng, self.std, others), **normal(rng, self.gate_std, gates)}


GruInit = Annotated[CourseInit | OrthogonalInit | XavierInit | RandomInit | FromInit, Field(discriminator="name")]


class GruSection(CellSection):
    """The GRU: h_t = (1 - z) h_{t-1} + z n, the reset gate acts before the product."""

    name: Literal["gru"] = "gru"
    hidden: Annotated[int, also_called(*HIDDEN)] = Field(50, ge=1, description="number of hidden units")
    init: Annotated[GruInit, default_name("course"), PER_RUN, also_called(*INIT)] = Field(
        CourseInit(), description="how initial weights are drawn"
    )
    update_bias: Annotated[Real, PER_RUN] = Field(
        -2.0, description="initial bias of the update gate, the share of new content (0.12 at -2)"
    )

    bias_keys: ClassVar[tuple[str, ...]] = ("update_bias",)
    units_in_registers: ClassVar[int] = 64  # a program keeps the matrices of several branches
    has_omega: ClassVar[bool] = False
    takes_reals: ClassVar[bool] = True
    export_names: ClassVar[Mapping[str, str]] = {"b_hh": "b_h", "b_hy": "b_y"}

    def network(self, inputs: int, outputs: int) -> Gru:
        from rnnctl.cells.gru.equations import Gru

        return Gru(inputs, self.hidden, outputs)

    @property
    def weight_names(self) -> tuple[str, ...]:
        return names_of_branches(BRANCHES)

    @property
    def gates(self) -> tuple[str, ...]:
        return ("z", "r")

    @property
    def products(self) -> int:
        return 3

    @property
    def kept_per_step(self) -> int:
        return 9  # h_t and the gradient by it; z_t, r_t, n_t, r_t * h_{t-1}; the gradients by three sums

    @property
    def biases(self) -> Mapping[str, float]:
        return {"b_z": self.update_bias}
