"""The LSTM, forward and backward through time, written out, for a pack of runs.

The standard cell: input, forget and output gates, no peepholes (Hochreiter and Schmidhuber 1997, with the forget gate
of Gers, Schmidhuber and Cummins 2000; the equations are those of torch.nn.LSTM). With * elementwise and s the logistic
function:

    i_t = s(h_{t-1} W_hi + W_ui[u_t] + b_i)         input
    f_t = s(h_{t-1} W_hf + W_uf[u_t] + b_f)         forget
    o_t = s(h_{t-1} W_ho + W_uo[u_t] + b_o)         output
    g_t = tanh(h_{t-1} W_hh + W_uh[u_t] + b_hh)     new content; W_hh is what the literature calls W_hg
    c_t = f_t * c_{t-1} + i_t * g_t,  c_0 = 0
    h_t = o_t * tanh(c_t),  h_0 = 0

Backward, with d_t = dL/dh_t and e_t = dL/dc_t the total derivatives (every path to the loss; one from c_t straight to
c_{t+1} does not pass h_t, and is in e_t alone), x_t what the head sends into h_t, and deltas those by the sums inside s
and tanh:

    e_t       = d_t * o_t * (1 - tanh(c_t)^2) + e_{t+1} * f_{t+1},  the last term 0 at T
    delta^i_t = e_t * g_t * i_t * (1 - i_t)                  delta^f_t = e_t * c_{t-1} * f_t * (1 - f_t)
    delta^o_t = d_t * tanh(c_t) * o_t * (1 - o_t)            delta^g_t = e_t * i_t * (1 - g_t^2)
    d_{t-1}   = delta^i_t W_hi^T + delta^f_t W_hf^T + delta^o_t W_ho^T + delta^g_t W_hh^T + x_{t-1}

    dL/dW_h* = sum_t h_{t-1}^T delta^*_t

d_t is thus a by-product for every t. rnnctl.cells.base.tape tells how rows and memory are ordered, and why a run
has the same bits in any pack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from rnnctl.cells.base.activations import ACTIVATIONS, BOUNDED_BY_ONE, Bounds
from rnnctl.cells.base.cell import Cell, Weights, projection, recurrence
from rnnctl.cells.base.products import run_by_run
from rnnctl.cells.base.tape import Regularisers, Tape, TorchTape, put_first, share_out
from rnnctl.cells.base.torch_layers import filled
from rnnctl.cells.lstm.section import BRANCHES

if TYPE_CHECKING:
    from rnnctl.cells.base.kernel_tape import KernelTape

SIGMOID, TANH = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]


@dataclass(frozen=True)
class Lstm(Cell):
    """The LSTM."""

    branches: ClassVar = BRANCHES

    @property
    def bounds(self) -> Bounds:
        return BOUNDED_BY_ONE

    @property
    def torch_tape(self) -> type[Tape]:
        return LstmTape

    @property
    def fused_tape(self) -> type[Tape]:
        from rnnctl.cells.lstm.fused import FusedLstmTape

        return FusedLstmTape

    @property
    def kernel_tape(self) -> type[KernelTape]:
        from rnnctl.cells.lstm.gpu import KernelLstmTape

        return KernelLstmTape

    def steps(self, weights: Weights, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        added, w_RHG = projection(weights, BRANCHES), recurrence(weights, BRANCHES)
        h_RBH = w_RHG.new_zeros(len(w_RHG), inputs.shape[1], self.hidden)
        c_RBH = torch.zeros_like(h_RBH)
        for u in inputs:
            i, f, o, g = _activate_(added(u).add_(torch.bmm(h_RBH, w_RHG))).chunk(4, 2)
            c_RBH.mul_(f).add_(g.mul_(i))
            h_RBH = torch.tanh(c_RBH).mul_(o)
            yield h_RBH

    def torch_layer(self, weights: Weights) -> torch.nn.RNNBase:
        return filled(torch.nn.LSTM, weights, ("i", "f", "h", "o"))


def _activate_(sums_RBG: torch.Tensor) -> torch.Tensor:
    gates = 3 * sums_RBG.shape[-1] // 4
    SIGMOID.phi_(sums_RBG[..., :gates])
    TANH.phi_(sums_RBG[..., gates:])
    return sums_RBG


class LstmTape(TorchTape):
    """A Tape of the LSTM."""

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        batch, hidden = self.batch, self.model.hidden
        self.units_RTBG, self.delta_RTBG = (torch.zeros(runs, steps, batch, 4 * hidden, **options) for _ in range(2))
        self.c_RTBH = torch.zeros(runs, steps + 1, batch, hidden, **options)
        self.squashed_RTBH = torch.zeros(runs, steps, batch, hidden, **options)
        self.product_RBG = torch.zeros(runs, batch, 4 * hidden, **options)
        self.e_RBH = torch.zeros(runs, batch, hidden, **options)

    def state(self, i: int) -> torch.Tensor:
        """h_T and c_T side by side, (B, 2 H)."""
        return torch.cat([self.h(i)[-1], self.c(i)[-1]], 1)

    def _start(self, states_RBC: torch.Tensor | None) -> None:
        parts = (None, None) if states_RBC is None else states_RBC.chunk(2, 2)
        for buffer, part in zip((self.h_RTBH, self.c_RTBH), parts, strict=True):
            put_first(buffer, part)

    def gates(self, i: int) -> dict[str, torch.Tensor]:
        return dict(zip("ifo", self.units_RTBG[i, : self.lengths[i]].chunk(4, 2)[:3], strict=True))

    def c(self, i: int) -> torch.Tensor:
        """c_t of row i for t = 0..T_i, (T_i + 1, B, H)."""
        return self.c_RTBH[i, : self.lengths[i] + 1]

    def _forward(self, weights: Weights) -> None:
        sums = [self.units_RTBG[i, :length] for i, length in enumerate(self.lengths)]
        self._select(self._sums(weights, BRANCHES), sums)
        w_RHG = recurrence(weights, BRANCHES)
        for t, k in enumerate(self._alive()):
            product = torch.bmm(self.h_RTBH[:k, t], w_RHG[:k], out=self.product_RBG[:k])
            i, f, o, g = _activate_(self.units_RTBG[:k, t].add_(product)).chunk(4, 2)
            c = torch.mul(f, self.c_RTBH[:k, t], out=self.c_RTBH[:k, t + 1]).add_(i * g)
            squashed = torch.tanh(c, out=self.squashed_RTBH[:k, t])
            torch.mul(o, squashed, out=self.h_RTBH[:k, t + 1])

    def _loop_back(self, weights: Weights) -> None:
        w_RHG = recurrence(weights, BRANCHES).transpose(1, 2)
        slope_RTBH = torch.empty_like(self.squashed_RTBH)
        for i in range(len(self.lengths)):
            self._slopes(i, slope_RTBH[i])
        self.e_RBH.zero_()
        alive = self._alive()
        for t in range(len(alive), 0, -1):
            k = alive[t - 1]
            d, delta = self.d_TRBH[t, :k], self.delta_RTBG[:k, t - 1]
            e = self.e_RBH[:k].add_(slope_RTBH[:k, t - 1].mul_(d))
            for part, signal in zip(delta.chunk(4, 2), (e, e, d, e), strict=True):
                part.mul_(signal)
            e.mul_(self.units_RTBG[:k, t - 1].chunk(4, 2)[1])
            run_by_run(delta, w_RHG[:k], out=self.d_TRBH[t - 1, :k])
            self._join(t - 1, k)

    def _slopes(self, row: int, slope_TBH: torch.Tensor) -> None:
        """Put into a row's deltas, for all t, what e_t (for o: d_t) is still to be multiplied by, and into slope
        what d_t is on its way to e_t.
        """
        length, hidden = self.lengths[row], self.model.hidden
        units, squashed, delta = (
            buffer[row, :length] for buffer in (self.units_RTBG, self.squashed_RTBH, self.delta_RTBG)
        )
        i, _, o, g = units.chunk(4, 2)
        SIGMOID.slope(units[..., : 3 * hidden], delta[..., : 3 * hidden])
        TANH.slope(g, delta[..., 3 * hidden :])
        for part, factor in zip(delta.chunk(4, 2), (g, self.c(row)[:-1], squashed, i), strict=True):
            part.mul_(factor)
        TANH.slope(squashed, slope_TBH[:length]).mul_(o)

    def _cell_input_gradients(self, i: int, grads: Weights) -> None:
        by_place = self._by_place(i, self.delta_RTBG[i, : self.lengths[i]], BRANCHES, grads)
        self._input_gradients(i, by_place, BRANCHES, grads)

    def _recurrent_gradients(self, grads: Weights, regularisers: Regularisers) -> list[float]:
        hidden = self.model.hidden
        for i, length in enumerate(self.lengths):
            delta = self.delta_RTBG[i, :length].view(-1, 4 * hidden)
            grad_HG = torch.mm(self.h(i)[:-1].view(-1, hidden).t(), delta)
            share_out(grad_HG, i, [f"W_h{branch}" for branch in BRANCHES], grads)
        return [0.0] * len(self.lengths)
