"""The GRU, forward and backward through time, written out, for a pack of runs.

The variant of Cho et al. (2014, eq. 5 to 8) with the roles of z and 1 - z as in Chung et al. (2014, eq. 1 to 5): the
reset gate acts on h_{t-1} before the product, and z is the share of new content. (torch.nn.GRU differs in both: its
reset gate acts after the product, bias included, and its z is our 1 - z.) With * elementwise and s the logistic
function:

    z_t = s(h_{t-1} W_hz + W_uz[u_t] + b_z)                   update
    r_t = s(h_{t-1} W_hr + W_ur[u_t] + b_r)                   reset
    n_t = tanh((r_t * h_{t-1}) W_hh + W_uh[u_t] + b_hh)       new content
    h_t = (1 - z_t) * h_{t-1} + z_t * n_t,  h_0 = 0

Backward, with d_t = dL/dh_t the total derivative (every path to the loss), x_t what the head sends into h_t, and deltas
those by the sums inside s and tanh:

    delta^n_t = d_t * z_t * (1 - n_t^2)                       q_t = delta^n_t W_hh^T, which is dL/d(r_t * h_{t-1})
    delta^z_t = d_t * (n_t - h_{t-1}) * z_t * (1 - z_t)       delta^r_t = q_t * h_{t-1} * r_t * (1 - r_t)
    d_{t-1}   = d_t * (1 - z_t) + q_t * r_t + delta^z_t W_hz^T + delta^r_t W_hr^T + x_{t-1}

    dL/dW_hz = sum_t h_{t-1}^T delta^z_t,  W_hr likewise       dL/dW_hh = sum_t (r_t * h_{t-1})^T delta^n_t

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
from rnnctl.cells.base.tape import Regularisers, Tape, TorchTape, share_out
from rnnctl.cells.gru.section import BRANCHES

if TYPE_CHECKING:
    from rnnctl.cells.base.kernel_tape import KernelTape

GATES = ("z", "r")
SIGMOID, TANH = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]


@dataclass(frozen=True)
class Gru(Cell):
    """The GRU."""

    branches: ClassVar = BRANCHES

    @property
    def bounds(self) -> Bounds:
        return BOUNDED_BY_ONE

    @property
    def torch_tape(self) -> type[Tape]:
        return GruTape

    @property
    def fused_tape(self) -> type[Tape]:
        from rnnctl.cells.gru.fused import FusedGruTape

        return FusedGruTape

    @property
    def kernel_tape(self) -> type[KernelTape]:
        from rnnctl.cells.gru.gpu import KernelGruTape

        return KernelGruTape

    def steps(self, weights: Weights, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        to_gates, to_content = projection(weights, GATES), projection(weights)
        w_gates, w_hh = recurrence(weights, GATES), weights["W_hh"]
        h_RBH = w_hh.new_zeros(len(w_hh), inputs.shape[1], self.hidden)
        for u in inputs:
            z_RBH, r_RBH = SIGMOID.phi_(to_gates(u).add_(torch.bmm(h_RBH, w_gates))).chunk(2, 2)
            n_RBH = TANH.phi_(to_content(u).add_(torch.bmm(r_RBH * h_RBH, w_hh)))
            h_RBH = n_RBH.sub_(h_RBH).mul_(z_RBH).add_(h_RBH)
            yield h_RBH

    def torch_layer(self, weights: Weights) -> torch.nn.RNNBase:
        difference = "its reset gate scales h W_hh + b_hh, and here it scales h before the product"
        raise ValueError(f"torch.nn.GRU has other equations: {difference}")


class GruTape(TorchTape):
    """A Tape of the GRU."""

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        batch, hidden = self.batch, self.model.hidden
        self.gates_RTBG, self.delta_RTBG = (torch.zeros(runs, steps, batch, 2 * hidden, **options) for _ in range(2))
        self.n_RTBH, self.delta_RTBH, self.reset_RTBH = (
            torch.zeros(runs, steps, batch, hidden, **options) for _ in range(3)
        )
        self.product_RBG = torch.zeros(runs, batch, 2 * hidden, **options)
        self.product_RBH, self.kept_RBH = (torch.zeros(runs, batch, hidden, **options) for _ in range(2))

    def gates(self, i: int) -> dict[str, torch.Tensor]:
        return dict(zip(GATES, self.gates_RTBG[i, : self.lengths[i]].chunk(2, 2), strict=True))

    def _forward(self, weights: Weights) -> None:
        rows = list(enumerate(self.lengths))
        self._select(self._sums(weights, GATES), [self.gates_RTBG[i, :length] for i, length in rows])
        self._select(self._sums(weights), [self.n_RTBH[i, :length] for i, length in rows])
        w_gates, w_hh = recurrence(weights, GATES), weights["W_hh"]
        for t, k in enumerate(self._alive()):
            before = self.h_RTBH[:k, t]
            product = torch.bmm(before, w_gates[:k], out=self.product_RBG[:k])
            z, r = SIGMOID.phi_(self.gates_RTBG[:k, t].add_(product)).chunk(2, 2)
            reset = torch.mul(r, before, out=self.reset_RTBH[:k, t])
            product = torch.bmm(reset, w_hh[:k], out=self.product_RBH[:k])
            n = TANH.phi_(self.n_RTBH[:k, t].add_(product))
            torch.sub(n, before, out=self.h_RTBH[:k, t + 1]).mul_(z).add_(before)

    def _loop_back(self, weights: Weights) -> None:
        w_gates, w_hh = recurrence(weights, GATES).transpose(1, 2), weights["W_hh"].transpose(1, 2)
        for i in range(len(self.lengths)):
            self._slopes(i)
        hidden, alive = self.model.hidden, self._alive()
        for t in range(len(alive), 0, -1):
            k = alive[t - 1]
            d, gates, delta = self.d_TRBH[t, :k], self.gates_RTBG[:k, t - 1], self.delta_RTBG[:k, t - 1]
            q = torch.bmm(self.delta_RTBH[:k, t - 1].mul_(d), w_hh[:k], out=self.product_RBH[:k])
            delta[..., :hidden].mul_(d)
            delta[..., hidden:].mul_(q)
            kept = torch.mul(gates[..., :hidden], d, out=self.kept_RBH[:k]).neg_().add_(d)
            before = run_by_run(delta, w_gates[:k], out=self.d_TRBH[t - 1, :k])
            before.add_(kept).add_(q.mul_(gates[..., hidden:]))
            self._join(t - 1, k)

    def _slopes(self, i: int) -> None:
        """Put into row i's deltas, for all t, what d_t (for r: q_t) is still to be multiplied by."""
        length, hidden = self.lengths[i], self.model.hidden
        before, n, gates = self.h(i)[:-1], self.n_RTBH[i, :length], self.gates_RTBG[i, :length]
        delta = SIGMOID.slope(gates, self.delta_RTBG[i, :length])
        delta[..., :hidden].mul_(n - before)
        delta[..., hidden:].mul_(before)
        TANH.slope(n, self.delta_RTBH[i, :length]).mul_(gates[..., :hidden])

    def _cell_input_gradients(self, i: int, grads: Weights) -> None:
        for deltas, branches in ((self.delta_RTBG, GATES), (self.delta_RTBH, ("h",))):
            by_place = self._by_place(i, deltas[i, : self.lengths[i]], branches, grads)
            self._input_gradients(i, by_place, branches, grads)

    def _recurrent_gradients(self, grads: Weights, regularisers: Regularisers) -> list[float]:
        hidden = self.model.hidden
        for i, length in enumerate(self.lengths):
            states, reset = self.h(i)[:-1].view(-1, hidden), self.reset_RTBH[i, :length].view(-1, hidden)
            grad_HG = torch.mm(states.t(), self.delta_RTBG[i, :length].view(-1, 2 * hidden))
            share_out(grad_HG, i, [f"W_h{gate}" for gate in GATES], grads)
            torch.mm(reset.t(), self.delta_RTBH[i, :length].view(-1, hidden), out=grads["W_hh"][i])
        return [0.0] * len(self.lengths)
