"""The relational memory as a study names it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from rnnctl.cells.base.init_from import FromInit
from rnnctl.cells.base.inits import OrthogonalInit, RandomInit, XavierInit
from rnnctl.cells.base.names import HEAD, bias_name
from rnnctl.cells.base.section import HIDDEN, INIT, CellSection
from rnnctl.section import PER_RUN, Real, also_called, default_name, with_default
from rnnctl.words import counted

if TYPE_CHECKING:
    from rnnctl.cells.relational_memory.equations import RelationalMemory

# What reads the input: the row that it becomes, and the three gates.
GATES = ("i", "f", "o")
BRANCHES = ("p", *GATES)
# Of the perceptron, and the gains and biases of both normalisations.
PERCEPTRON = ("W_m", "b_m", "W_n", "b_n")
NORMS = ("g_1", "b_1", "g_2", "b_2")

RelationalMemoryInit = Annotated[XavierInit | OrthogonalInit | RandomInit | FromInit, Field(discriminator="name")]


class RelationalMemorySection(CellSection):
    """The relational memory: an LSTM whose cell state is a matrix. Its rows, the slots, attend to each other and to
    the input (see rnnctl.cells.relational_memory.equations). The head reads all slots side by side.

    Initially the slots are rows of an identity matrix, and zeros where there are more slots than units of a slot. Two
    slots that begin as zeros are equal for ever: `plan` and `init` say so.
    """

    name: Annotated[Literal["relational_memory"], also_called(relational_memory=("rmc", "relational_rnn"))] = (
        "relational_memory"
    )
    hidden: Annotated[int, also_called(*(name for name in HIDDEN if name != "size"))] = Field(
        64, ge=1, description="number of hidden units of all slots together, a multiple of slots times heads"
    )
    slots: Annotated[int, also_called("mem_slots", "n_slots", "num_slots", "memory_slots")] = Field(
        4, ge=1, description="number of slots of the memory; each has hidden / slots units"
    )
    heads: Annotated[int, also_called("num_heads", "n_heads", "nhead")] = Field(
        2, ge=1, description="number of attention heads"
    )
    gating: Annotated[Literal["unit", "slot"], also_called("gate_style", slot=("memory",))] = Field(
        "unit", description="whether each unit of a slot has gates of its own, or the whole slot has one of each kind"
    )
    norm: Annotated[bool, also_called("layer_norm", "layernorm")] = Field(
        True, description="whether attention and perceptron are each followed by layer normalisation"
    )
    init: Annotated[RelationalMemoryInit, default_name("xavier"), PER_RUN, also_called(*INIT)] = Field(
        XavierInit(), description="how initial weights are drawn"
    )
    forget_bias: Annotated[Real, PER_RUN] = Field(1.0, description="initial bias of the forget gate")
    input_bias: Annotated[Real, PER_RUN] = Field(0.0, description="initial bias of the input gate")

    bias_keys: ClassVar[tuple[str, ...]] = ("forget_bias", "input_bias")
    has_omega: ClassVar[bool] = False
    takes_reals: ClassVar[bool] = True
    step_seconds: ClassVar[float] = 2.5e-4
    not_keys: ClassVar[Mapping[str, str]] = {
        **CellSection.not_keys,
        **dict.fromkeys(("size", "memory_size", "mem_size"), "a slot has hidden / slots units"),
        **dict.fromkeys(("head_size", "key_size"), "it is hidden / (slots x heads)"),
    }

    @model_validator(mode="after")
    def _slots_and_heads_share_the_units(self) -> RelationalMemorySection:
        if self.hidden % (self.slots * self.heads):
            parts = " times ".join(with_default(self, key) for key in ("slots", "heads"))
            raise ValueError(f"{with_default(self, 'hidden')} is not a multiple of {parts}")
        return self

    def oddities(self, bptt: int | None) -> tuple[str, ...]:
        units, equal = self.units, self.slots - self.units
        if equal < 2:
            return ()
        # As many units as slots but one: the last slot begins with zeros, and no other does.
        enough = self.slots * math.ceil((self.slots - 1) / self.heads) * self.heads
        return (
            f"{equal} of {self.slots} slots are equal for ever: each has {counted(units, 'unit')}, and of slots that "
            f"begin as rows of an identity only {units + 1} differ then; with hidden {enough} all {self.slots} differ",
        )

    @property
    def units(self) -> int:
        """F, the number of units of a slot."""
        return self.hidden // self.slots

    @property
    def gate_units(self) -> int:
        """G, the number of values that a gate has for a slot."""
        return self.units if self.gating == "unit" else 1

    def network(self, inputs: int, outputs: int) -> RelationalMemory:
        from rnnctl.cells.relational_memory.equations import RelationalMemory

        return RelationalMemory(inputs, self.hidden, outputs, self.slots, self.heads, self.gating == "unit", self.norm)

    @property
    def weight_names(self) -> tuple[str, ...]:
        inputs = (name for branch in BRANCHES for name in (f"W_u{branch}", bias_name(branch)))
        first, second = (NORMS[:2], NORMS[2:]) if self.norm else ((), ())
        attention = ("W_q", "W_k", "W_v")
        return (*inputs, *(f"W_h{gate}" for gate in GATES), *attention, *first, *PERCEPTRON, *second, *HEAD)

    @property
    def gates(self) -> tuple[str, ...]:
        """The three gates, and `a`: the attention that each slot and head pays to the input, which is a share too."""
        return (*GATES, "a")

    @property
    def products(self) -> int:
        # Of each slot: queries, keys, values, the perceptron and the gates; keys and values of the input.
        of_slots = 5 * self.slots + 3 + 3 * self.slots * self.gate_units / self.units
        return max(1, round(of_slots / self.slots**2))

    def weights(self, inputs: int, outputs: int) -> int:
        units, gates = self.units, 3 * self.gate_units
        from_inputs = (inputs + 1) * (units + gates)
        of_memory = units * gates + 5 * units**2 + 2 * units + (4 * units if self.norm else 0)
        return from_inputs + of_memory + (self.hidden + 1) * outputs

    @property
    def kept_per_step(self) -> int:
        # h_t and the gradient by it; the content, tanh of the memory, both normalised sums, the perceptron's inner
        # units, and the gradients by the sums of its two maps; three gates and the gradients by their sums; the rows
        # that are attended to with their queries, keys and values, and the gradients by these; what the input adds and
        # the gradient by it; attention; and what each slot is divided by where it is normalised.
        slots, units = self.slots, self.units
        of_rows = 7 * (slots + 1) * units + 2 * units + self.heads * slots * (slots + 1)
        of_gates = 6 * self.gate_units * (slots + 1)
        return 9 + math.ceil((of_rows + of_gates + 2 * slots) / self.hidden)

    @property
    def kept_on_cpu(self) -> int:
        # Without the gradients by all these, which loops have of one step only, but for those by h_t.
        slots, units = self.slots, self.units
        of_slots = (11 * units + 2 if self.norm else 10 * units) * slots + 3 * self.gate_units * (slots + 1)
        return math.ceil((of_slots + 2 * units + self.heads * slots * (slots + 1)) / self.hidden)

    @property
    def biases(self) -> Mapping[str, float]:
        gains = {"g_1": 1.0, "g_2": 1.0} if self.norm else {}
        return {**gains, "b_f": self.forget_bias, "b_i": self.input_bias}
