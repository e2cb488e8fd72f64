"""An LSTM that writes to a memory of slots at its side, which nothing but the output reads.

From a library of training utilities that calls it a relational RNN. The LSTM is that of rnnctl.cells.lstm.equations.
M_t has S rows (slots) of F units; m and a are a slot's rows of M and A, s is the logistic function, * elementwise and
[ ; ] side by side:

    h_t = the LSTM's, from u_t and h_{t-1}
    A_t = attention(M_{t-1} W_q, M_{t-1} W_k, M_{t-1} W_v)     n heads (rnnctl.cells.base.attention)
    a_t of the first slot: h_t W_p + b_p is added to it
    g_t = s([a_t ; h_t] W_g + b_g)                              for each slot
    m_t = g_t * tanh(a_t W_c + b_c) + (1 - g_t) * m_{t-1},  M_0 = 0
    r_t = (mean of the slots of M_t) W_r + b_r
    y_t = tanh([h_t ; r_t] W_m + b_m)                           what the head reads

It is kept as it is published, with two defects:

- h_t does not depend on M. The memory adds to the output, but the LSTM never reads it.
- Equal slots stay equal, since all slots have the same weights, and all but the first get the same inputs from M_0 = 0
  on. So the slots 2 to S are copies of each other for ever, and what attention can tell apart are two rows.

rnnctl.cells.relational_memory has neither. Initial weights are those of the section's init; the library's draws differ.
rnnctl.cells.lstm_side_memory.passes has the way back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from rnnctl.cells.base.activations import ACTIVATIONS, Bounds
from rnnctl.cells.base.attention import attend
from rnnctl.cells.base.cell import Cell, Weights
from rnnctl.cells.base.layout import Layout
from rnnctl.cells.base.products import row_by_row, run_by_run
from rnnctl.cells.lstm.equations import Lstm
from rnnctl.cells.lstm.section import BRANCHES

if TYPE_CHECKING:
    from rnnctl.cells.base.tape import Tape

SIGMOID = ACTIVATIONS["sigmoid"]
Values = dict[str, torch.Tensor]


@dataclass(frozen=True)
class LstmSideMemory(Cell):
    """The LSTM with a memory at its side. Raise ValueError if the heads cannot share the units of a slot."""

    slots: int
    slot_size: int
    heads: int

    branches: ClassVar = BRANCHES

    def __post_init__(self) -> None:
        if self.slot_size % self.heads:
            raise ValueError(f"{self.slot_size} units of a slot cannot be shared by {self.heads} heads")

    @property
    def lstm(self) -> Lstm:
        """The LSTM, whose weights come first."""
        return Lstm(self.inputs, self.hidden, self.outputs)

    @property
    def bounds(self) -> Bounds:
        return self.lstm.bounds

    @property
    def layout(self) -> Layout:
        h, f = self.hidden, self.slot_size
        *of_lstm, w_hy, b_hy = self.lstm.layout.shapes
        shapes: list[tuple[str, tuple[int, ...]]] = [(name, (f, f)) for name in ("W_q", "W_k", "W_v")]
        for letter, (rows, columns) in {
            "p": (h, f),
            "c": (f, f),
            "g": (f + h, f),
            "r": (f, f),
            "m": (h + f, h),
        }.items():
            shapes += [(f"W_{letter}", (rows, columns)), (f"b_{letter}", (columns,))]
        return Layout((*of_lstm, *shapes, w_hy, b_hy))

    @property
    def recurrent(self) -> tuple[str, ...]:
        """The square matrices that the LSTM's state or a slot passes on its way to the next step."""
        return (*self.lstm.recurrent, "W_q", "W_k", "W_v", "W_c")

    @property
    def torch_tape(self) -> type[Tape]:
        from rnnctl.cells.lstm_side_memory.passes import LstmSideMemoryTape

        return LstmSideMemoryTape

    @property
    def fused_tape(self) -> type[Tape]:
        from rnnctl.cells.lstm_side_memory.fused import FusedLstmSideMemoryTape

        return FusedLstmSideMemoryTape

    def write(self, weights: Weights, w_qkv: torch.Tensor, h_RBH: torch.Tensor, memory_RBSF: torch.Tensor) -> Values:
        """Write h_t of the first K runs to their memory, and read it.

        w_qkv: W_q, W_k and W_v side by side. memory_RBSF: M_{t-1}. Return the values of the equations by name:

            qkv          queries, keys and values, (K, B, S, 3 F); shares, what attention pays, (K, B, n, S, S)
            a            A_t, to whose first slot h_t is added; content, tanh(A_t W_c + b_c); g; m, M_t
            mean         that of the slots, (K, B, F); r; y
        """
        runs, size = len(h_RBH), self.slot_size
        w = {name: weights[name][:runs] for name in ("W_p", "W_c", "W_g", "W_r", "W_m")}
        b = {name: weights[f"b_{name}"][:runs, None] for name in "pcgrm"}
        qkv = row_by_row(memory_RBSF, w_qkv[:runs])
        q, k, v = qkv.chunk(3, 3)
        a, shares = attend(q, k, v, self.heads)
        a[:, :, 0] += run_by_run(h_RBH, w["W_p"]).add_(b["p"])
        to_gate = run_by_run(h_RBH, w["W_g"][:, size:]).add_(b["g"])
        g = SIGMOID.phi_(row_by_row(a, w["W_g"][:, :size]).add_(to_gate[:, :, None]))
        content = row_by_row(a, w["W_c"]).add_(b["c"][:, :, None]).tanh_()
        memory = (content - memory_RBSF).mul_(g).add_(memory_RBSF)
        mean = memory.mean(2)
        r = run_by_run(mean, w["W_r"]).add_(b["r"])
        y = run_by_run(torch.cat([h_RBH, r], 2), w["W_m"]).add_(b["m"]).tanh_()
        return {
            "qkv": qkv, "shares": shares, "a": a, "content": content, "g": g, "m": memory, "mean": mean, "r": r,
            "y": y,
        }  # fmt: skip

    def steps(self, weights: Weights, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield y_t of every run, (R, B, H), for t = 1..T."""
        w_qkv = side_by_side(weights)
        memory = w_qkv.new_zeros(len(w_qkv), inputs.shape[1], self.slots, self.slot_size)
        for h_RBH in self.lstm.steps(weights, inputs):
            values = self.write(weights, w_qkv, h_RBH, memory)
            memory = values["m"]
            yield values["y"]


def side_by_side(weights: Weights) -> torch.Tensor:
    """Return W_q, W_k and W_v side by side, (R, F, 3 F)."""
    return torch.cat([weights[name] for name in ("W_q", "W_k", "W_v")], 2)
