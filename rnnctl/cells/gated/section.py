"""The layered cell of optional gates as a study names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from rnnctl.cells.base.init_from import FromInit
from rnnctl.cells.base.inits import Weights, linear_uniform
from rnnctl.cells.base.names import HEAD
from rnnctl.cells.base.section import HIDDEN, INIT, CellSection, InitSection, Shapes
from rnnctl.kernels.gpu.launch import TILE, blocks
from rnnctl.section import PER_RUN, also_called, default_name

if TYPE_CHECKING:
    from rnnctl.cells.gated.equations import Gated

LARGE_BATCH = 64

# The gates' letters in the equations, and the flags that they come with.
GATES = {"a": "input_gate", "b": "input_gate", "z": "state_gate", "f": "forget_gate", "g": "output_gate"}


def maps_of(flags: frozenset[str]) -> dict[str, int]:
    """Return the linear maps of a layer with these flags, by their letters in the equations, with the number of parts
    of H entries that their inputs have.
    """
    read = len(flags & {"new_state", "old_state", "residual"})
    gates = {"A": "input_gate", "B": "input_gate", "D": "state_gate", "E": "forget_gate", "G": "output_gate"}
    parts = {"A": 2, "B": 2, "C": 2, "D": 3, "E": 3, "F": read, "G": 1 + read}
    return {letter: n for letter, n in parts.items() if gates.get(letter) in {None, *flags}}


def tile_of(batch: int) -> int:
    """Return how many sequences a GPU program takes: more of a large batch, so that it reads each weight for more."""
    return 2 * TILE if batch >= LARGE_BATCH else TILE


class LinearInit(InitSection):
    """Weights and biases uniform in +-1 / sqrt(fan in), as torch.nn.Linear begins."""

    name: Literal["linear"] = "linear"

    draws_biases: ClassVar[bool] = True

    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> Weights:
        return linear_uniform(rng, shapes)


GatedInit = Annotated[LinearInit | FromInit, Field(discriminator="name")]


class GatedSection(CellSection):
    """Layers of optional gates. Seven flags say what a layer has (see rnnctl.cells.gated.equations). Its state gate and
    forget gate read the candidate state as well as the input and the state before.

    A layer's output reads the state that it has just made (new_state), the one before (old_state), or both.
    """

    name: Literal["gated"] = "gated"
    hidden: Annotated[int, also_called(*HIDDEN)] = Field(256, ge=1, description="number of units in each layer")
    init: Annotated[GatedInit, default_name("linear"), PER_RUN, also_called(*INIT)] = Field(
        LinearInit(), description="how initial weights are drawn"
    )
    layers: Annotated[int, also_called("num_layers", "n_layers", "nlayers", "depth")] = Field(
        2, ge=1, le=1000, description="number of layers"
    )
    input_gate: bool = Field(False, description="whether gates scale the input and the old state")
    state_gate: bool = Field(True, description="whether a gate mixes new content with the old state")
    forget_gate: bool = Field(True, description="whether a gate scales the new state")
    output_gate: bool = Field(False, description="whether a gate of its own scales the output")
    new_state: bool = Field(True, description="whether the output reads the new state")
    old_state: bool = Field(False, description="whether the output reads the old state")
    residual: bool = Field(True, description="whether the output reads the layer's input")

    units_in_registers: ClassVar[int] = 0
    has_omega: ClassVar[bool] = False
    takes_reals: ClassVar[bool] = False
    flag_names: ClassVar[tuple[str, ...]] = (
        "input_gate",
        "state_gate",
        "forget_gate",
        "output_gate",
        "new_state",
        "old_state",
        "residual",
    )
    # Products with (hidden, hidden) matrices that a flag adds to the four of every layer.
    products_of_flags: ClassVar[Mapping[str, int]] = {
        "input_gate": 4,
        "state_gate": 3,
        "forget_gate": 3,
        "output_gate": 3,
    }

    # Values that a flag adds to those that are kept: its gates, what they gate, and the gradients by their sums.
    kept_of_flags: ClassVar[Mapping[str, int]] = {
        "input_gate": 6,
        "state_gate": 3,
        "forget_gate": 2,
        "output_gate": 1,
    }

    @model_validator(mode="after")
    def _reads_a_state(self) -> GatedSection:
        if not (self.new_state or self.old_state):
            raise ValueError("new_state and old_state are both off, so that nothing would read the state")
        return self

    @property
    def flags(self) -> frozenset[str]:
        """The names of the flags that are on."""
        return frozenset(flag for flag in self.flag_names if getattr(self, flag))

    @property
    def widest(self) -> Self:
        """The section with all flags on: its layers have every map."""
        return self.model_copy(update=dict.fromkeys(self.flag_names, True))

    def network(self, inputs: int, outputs: int) -> Gated:
        from rnnctl.cells.gated.equations import Gated

        return Gated(inputs, self.hidden, outputs, self.layers, self.flags)

    @property
    def weight_names(self) -> tuple[str, ...]:
        maps = [f"{letter}{layer}" for layer in range(1, self.layers + 1) for letter in maps_of(self.flags)]
        return ("W_ux", "b_x", *(f"{kind}_{name}" for name in maps for kind in "Wb"), *HEAD)

    @property
    def gates(self) -> tuple[str, ...]:
        return tuple(gate for gate, flag in GATES.items() if flag in self.flags)

    @property
    def products(self) -> int:
        return self.layers * (4 + sum(self.products_of_flags.get(flag, 0) for flag in self.flags))

    def weights(self, inputs: int, outputs: int) -> int:
        of_a_layer = sum((parts * self.hidden + 1) * self.hidden for parts in maps_of(self.flags).values())
        return (inputs + 1) * self.hidden + self.layers * of_a_layer + (self.hidden + 1) * outputs

    @property
    def kept_per_step(self) -> int:
        # The input of a layer, its state and the gradient by it; m, o and g, which every layer has; the gradients by
        # the sums of the maps C and F; and what each flag adds. Then the output of the last layer, and the gradient by
        # the input of the layer in turn.
        kept = 8 + sum(self.kept_of_flags.get(flag, 0) for flag in self.flags)
        return self.layers * kept + 2

    def programs(self, batch: int, precision: str) -> int:
        return blocks(batch, tile_of(batch))

    def oddities(self, bptt: int | None) -> tuple[str, ...]:
        if self.new_state or bptt != 1:
            return ()
        if self.residual or self.input_gate:
            return ("with old_state alone and bptt 1, no gradient reaches what makes the state: it stays as it began",)
        return (
            "with old_state alone, no residual and bptt 1, no gradient reaches what lies below the last output map",
        )
