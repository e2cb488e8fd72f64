"""The relational memory: an LSTM whose cell state is a matrix of slots that attend to each other.

After Santoro, Faulkner, Raposo et al. 2018, "Relational recurrent neural networks", sections 3.1 to 3.3. M_t has S rows
(slots) of F units, h_t likewise; m, c and h are a slot's rows. s is the logistic function, * elementwise, [ ; ] one row
below the other, LN layer normalisation with gain and bias (rnnctl.cells.base.layer_norm):

    p_t = W_up[u_t] + b_p                                   the input, as a row like a slot
    X_t = [M_{t-1} ; p_t]                                   the S + 1 rows that are attended to
    Z_t = attention(M_{t-1} W_q, X_t W_k, X_t W_v)          n heads, side by side (rnnctl.cells.base.attention)
    Y_t = LN_1(M_{t-1} + Z_t)
    C_t = LN_2(Y_t + relu(Y_t W_m + b_m) W_n + b_n)         a perceptron for each row
    i_t = s(h_{t-1} W_hi + W_ui[u_t] + b_i)                 for each slot; f_t and o_t likewise
    m_t = f_t * m_{t-1} + i_t * tanh(c_t)
    h_t = o_t * tanh(m_t)

All slots have the same weights. h_0 = 0, and M_0 is an identity, as in the authors' program: row j has a 1 at unit j,
and is zeros for j > F. If its rows were equal, those of every M_t would be. The head reads the S rows of h_t side by
side, H = S F units.

A gate has a value for each unit (gating: unit) or one for each slot (slot). Layer normalisation can be left out.

What differs from the paper: the new content passes tanh, as in the authors' program (deepmind/sonnet,
relational_memory.py); the paper adds it as it is. Gates read h_{t-1} and the input itself, as in the paper; those of
the program read tanh(M_{t-1}) and p_t, and its output is M_t. Queries, keys and values have neither biases nor layer
normalisation, which the program gives them. There is one round of attention in a step. The head is a linear map; the
paper has a perceptron of several layers for some tasks.

rnnctl.cells.relational_memory.passes has the way back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from rnnctl.cells.base.activations import ACTIVATIONS, BOUNDED_BY_ONE, Bounds
from rnnctl.cells.base.attention import attend
from rnnctl.cells.base.cell import Cell, Weights, projection, recurrence
from rnnctl.cells.base.layer_norm import standardised
from rnnctl.cells.base.layout import Layout
from rnnctl.cells.base.names import bias_name
from rnnctl.cells.base.products import row_by_row
from rnnctl.cells.relational_memory.section import BRANCHES, GATES

if TYPE_CHECKING:
    from rnnctl.cells.base.tape import Tape

SIGMOID = ACTIVATIONS["sigmoid"]
Values = dict[str, torch.Tensor]


@dataclass(frozen=True)
class RelationalMemory(Cell):
    """The relational memory. H hidden units are those of all slots. Raise ValueError if they cannot share them.

    by_unit: whether each unit of a slot has gates of its own. norm: whether there is layer normalisation.
    """

    slots: int
    heads: int
    by_unit: bool
    norm: bool

    branches: ClassVar = BRANCHES

    def __post_init__(self) -> None:
        if self.hidden % (self.slots * self.heads):
            raise ValueError(f"{self.hidden} units cannot be shared by {self.slots} slots with {self.heads} heads each")

    @property
    def units(self) -> int:
        """F, the number of units of a slot."""
        return self.hidden // self.slots

    @property
    def gate_units(self) -> int:
        """G, the number of values that a gate has for a slot."""
        return self.units if self.by_unit else 1

    @property
    def layout(self) -> Layout:
        v, f, g = self.inputs, self.units, self.gate_units
        shapes: list[tuple[str, tuple[int, ...]]] = []
        for branch in self.branches:
            width = g if branch in GATES else f
            shapes += [(f"W_u{branch}", (v, width)), (bias_name(branch), (width,))]
        shapes += [(f"W_h{gate}", (f, g)) for gate in GATES]
        shapes += [(name, (f, f)) for name in ("W_q", "W_k", "W_v")]
        for norm, maps in (("1", "mn"), ("2", "")):
            if self.norm:
                shapes += [(f"g_{norm}", (f,)), (f"b_{norm}", (f,))]
            for letter in maps:
                shapes += [(f"W_{letter}", (f, f)), (f"b_{letter}", (f,))]
        return Layout((*shapes, ("W_hy", (self.hidden, self.outputs)), ("b_hy", (self.outputs,))))

    @property
    def recurrent(self) -> tuple[str, ...]:
        """The square matrices that a slot passes on its way to the next step."""
        gates = tuple(f"W_h{gate}" for gate in GATES) if self.by_unit else ()
        return (*gates, "W_q", "W_k", "W_v", "W_m", "W_n")

    def candidate(self, weights: Weights) -> torch.Tensor:
        """Return the matrix of the values, (R, F, F): what attention makes of a slot."""
        return weights["W_v"]

    @property
    def bounds(self) -> Bounds:
        return BOUNDED_BY_ONE

    @property
    def torch_tape(self) -> type[Tape]:
        from rnnctl.cells.relational_memory.passes import RelationalMemoryTape

        return RelationalMemoryTape

    @property
    def fused_tape(self) -> type[Tape]:
        from rnnctl.cells.relational_memory.fused import FusedRelationalMemoryTape

        return FusedRelationalMemoryTape

    def first_memory(self, like: torch.Tensor) -> torch.Tensor:
        """Return the rows of M_0 side by side, (H,)."""
        return torch.eye(self.slots, self.units, dtype=like.dtype, device=like.device).flatten()

    def step(
        self, weights: Weights, fused: Values, added_RBA: torch.Tensor, memory_RBH: torch.Tensor, h_RBH: torch.Tensor
    ) -> Values:
        """Make one step of the first K runs.

        fused: as `side_by_side` returned them. added_RBA: what the input adds to p and to the sums of the gates.
        memory_RBH, h_RBH: M_{t-1} and h_{t-1}. Return the values of the equations by name:

            x            X_t, (K, B, S + 1, F), and qkv, (K, B, S + 1, 3 F), all rows' queries, keys and values
            a            attention, (K, B, n, S, S + 1)
            n1, r1       Y_t before gain and bias, and what it was divided by, reciprocal; n2, r2 likewise for C_t
            inner        the perceptron's inner units
            content      tanh(C_t); gates: i, f and o side by side, (K, B, S, 3 G)
            m            M_t; squashed, tanh of it; h: h_t
        """
        runs, batch = added_RBA.shape[:2]
        slots, units = self.slots, self.units

        def rows(name: str, inputs: torch.Tensor) -> torch.Tensor:
            """Return the product of every row with a matrix."""
            return row_by_row(inputs, (fused[name] if name in fused else weights[name])[:runs])

        def bias(name: str) -> torch.Tensor:
            return weights[name][:runs, None, None]

        def normalised(n: str, sums: torch.Tensor) -> torch.Tensor:
            if not self.norm:
                values[f"n{n}"] = sums
                return sums
            values[f"n{n}"], values[f"r{n}"] = standardised(sums)
            return values[f"n{n}"] * bias(f"g_{n}") + bias(f"b_{n}")

        values: Values = {}
        memory, h = (state.view(runs, batch, slots, units) for state in (memory_RBH, h_RBH))
        x = values["x"] = torch.cat([memory, added_RBA[..., None, :units]], 2)
        qkv = values["qkv"] = rows("W_qkv", x)
        q, k, v = qkv.chunk(3, 3)
        z, values["a"] = attend(q[:, :, :slots], k, v, self.heads)
        y = normalised("1", memory + z)
        inner = values["inner"] = rows("W_m", y).add_(bias("b_m")).relu_()
        content = values["content"] = normalised("2", rows("W_n", inner).add_(bias("b_n")).add_(y)).tanh()
        gates = values["gates"] = SIGMOID.phi_(rows("W_h", h).add_(added_RBA[..., None, units:]))
        i, f, o = gates.chunk(3, 3)
        values["m"] = (i * content).add_(f * memory)
        values["squashed"] = values["m"].tanh()
        values["h"] = o * values["squashed"]
        return values

    def side_by_side(self, weights: Weights) -> Values:
        """Return the matrices that read the same rows side by side: W_qkv, (R, F, 3 F), and W_h of the gates."""
        qkv = torch.cat([weights[name] for name in ("W_q", "W_k", "W_v")], 2)
        return {"W_qkv": qkv, "W_h": recurrence(weights, GATES)}

    def steps(self, weights: Weights, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        added, fused = projection(weights, self.branches), self.side_by_side(weights)
        runs, batch = len(weights["W_v"]), inputs.shape[1]
        memory_RBH = self.first_memory(weights["W_v"]).expand(runs, batch, -1)
        h_RBH = torch.zeros_like(memory_RBH)
        for u in inputs:
            values = self.step(weights, fused, added(u), memory_RBH, h_RBH)
            memory_RBH, h_RBH = (values[name].view(runs, batch, -1) for name in ("m", "h"))
            yield h_RBH
