"""The LSTM with a memory at its side as a study names it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from rnnctl.cells.base.init_from import FromInit
from rnnctl.cells.base.inits import OrthogonalInit, RandomInit, XavierInit
from rnnctl.cells.base.names import HEAD, names_of_branches
from rnnctl.cells.base.section import HIDDEN, INIT, CellSection
from rnnctl.cells.lstm.section import BRANCHES
from rnnctl.section import PER_RUN, Real, also_called, default_name, with_default

if TYPE_CHECKING:
    from rnnctl.cells.lstm_side_memory.equations import LstmSideMemory

# The maps of the memory that have a bias, in the order of the layout.
MAPS = ("p", "c", "g", "r", "m")

LstmSideMemoryInit = Annotated[XavierInit | OrthogonalInit | RandomInit | FromInit, Field(discriminator="name")]


class LstmSideMemorySection(CellSection):
    """An LSTM that writes to a memory of slots, which only the output reads (see
    rnnctl.cells.lstm_side_memory.equations). The memory never reaches the LSTM, and all slots but the first are equal
    for ever: a published cell, kept as it is for comparison. `relational_memory` has neither defect.
    """

    name: Literal["lstm_side_memory"] = "lstm_side_memory"
    hidden: Annotated[int, also_called(*HIDDEN)] = Field(50, ge=1, description="number of hidden units of the LSTM")
    slots: Annotated[int, also_called("mem_slots", "n_slots", "num_slots", "memory_slots")] = Field(
        4, ge=1, description="number of slots of the memory"
    )
    slot_size: Annotated[int, also_called("memory_size", "mem_size", "slot_dim")] = Field(
        32, ge=1, description="number of units of a slot, a multiple of heads"
    )
    heads: Annotated[int, also_called("num_heads", "n_heads", "nhead")] = Field(
        2, ge=1, description="number of attention heads"
    )
    init: Annotated[LstmSideMemoryInit, default_name("xavier"), PER_RUN, also_called(*INIT)] = Field(
        XavierInit(), description="how initial weights are drawn"
    )
    forget_bias: Annotated[Real, PER_RUN] = Field(1.0, description="initial bias of the LSTM's forget gate")

    bias_keys: ClassVar[tuple[str, ...]] = ("forget_bias",)
    has_omega: ClassVar[bool] = False
    takes_reals: ClassVar[bool] = True
    step_seconds: ClassVar[float] = 2.5e-4
    not_keys: ClassVar[Mapping[str, str]] = {
        **CellSection.not_keys,
        **dict.fromkeys(("head_size", "key_size"), "it is slot_size / heads"),
    }

    @model_validator(mode="after")
    def _heads_share_the_units(self) -> LstmSideMemorySection:
        if self.slot_size % self.heads:
            raise ValueError(f"{with_default(self, 'slot_size')} is not a multiple of {with_default(self, 'heads')}")
        return self

    def network(self, inputs: int, outputs: int) -> LstmSideMemory:
        from rnnctl.cells.lstm_side_memory.equations import LstmSideMemory

        return LstmSideMemory(inputs, self.hidden, outputs, self.slots, self.slot_size, self.heads)

    @property
    def weight_names(self) -> tuple[str, ...]:
        of_lstm = names_of_branches(BRANCHES)[: -len(HEAD)]
        return (*of_lstm, "W_q", "W_k", "W_v", *(f"{kind}_{letter}" for letter in MAPS for kind in "Wb"), *HEAD)

    @property
    def gates(self) -> tuple[str, ...]:
        """The gates of the LSTM, and `g`, that of the memory."""
        return ("i", "f", "o", "g")

    @property
    def products(self) -> int:
        hidden, size = self.hidden, self.slot_size
        of_memory = 5 * self.slots * size**2 + 3 * hidden * size + size**2 + hidden**2
        return 4 + round(of_memory / hidden**2)

    def weights(self, inputs: int, outputs: int) -> int:
        hidden, size = self.hidden, self.slot_size
        of_lstm = 4 * (inputs + hidden + 1) * hidden
        of_memory = 3 * size**2 + (hidden + 1) * size + 2 * (size + 1) * size + (size + hidden + 1) * size
        return of_lstm + of_memory + (hidden + size + 1) * hidden + (hidden + 1) * outputs

    @property
    def kept_per_step(self) -> int:
        # Those of an LSTM; the output, the gradients by its sum and by h_t; of each slot its state, attention, content
        # and gate with the gradients by their sums, and queries, keys and values likewise; the mean and the readout.
        of_slots = self.slots * (12 * self.slot_size + self.heads * self.slots) + 4 * self.slot_size
        return 13 + 3 + math.ceil(of_slots / self.hidden)

    @property
    def biases(self) -> Mapping[str, float]:
        return {"b_f": self.forget_bias}
