"""The vanilla RNN, forward and backward through time, written out, for a pack of runs.

    a_t = h_{t-1} W_hh + W_uh[u_t] + b_hh        h_t = phi(a_t),  h_0 = 0
    y   = h_T W_hy + b_hy                         loss = mean over the batch of -log softmax(y)[target]

Backward, with d_t = dL/dh_t the total derivative (every path to the loss) and c_t what step t hands to the step
before it:

    d_T = (dL/dy) W_hy^T          delta_t = d_t * phi'(h_t)          c_t = delta_t W_hh^T          d_{t-1} = c_t

(Pascanu, Mikolov and Bengio 2013, eq. 3 to 5, in row-vector convention.) d_t is thus a by-product for every t, never
a second pass. rnnctl.models.tape has the order of rows and memory, and what keeps a run's bits its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from rnnctl.models.activations import ACTIVATIONS, Activation
from rnnctl.models.cell import Cell, Weights, input_table
from rnnctl.models.omega import omega
from rnnctl.models.tape import Regularisers, Tape


@dataclass(frozen=True)
class Rnn(Cell):
    """The vanilla RNN; activation: the name of phi."""

    activation: str

    branches: ClassVar = ("h",)

    @property
    def phi(self) -> Activation:
        return ACTIVATIONS[self.activation]

    def last_hidden(self, weights: Weights, symbols_TB: torch.Tensor) -> torch.Tensor:
        table_RVH, w_RHH = input_table(weights), weights["W_hh"]
        h_RBH = w_RHH.new_zeros(len(w_RHH), symbols_TB.shape[1], self.hidden)
        product_RBH = torch.empty_like(h_RBH)
        for u_B in symbols_TB:
            torch.bmm(h_RBH, w_RHH, out=product_RBH)
            self.phi.phi_(torch.index_select(table_RVH, 1, u_B, out=h_RBH).add_(product_RBH))
        return h_RBH


class RnnTape(Tape):
    """A Tape of the vanilla RNN; after backward(), delta(i) is dL/da_t for t = 1..T_i."""

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        batch, hidden = self.batch, self.model.hidden
        self.delta_RTBH = torch.zeros(runs, steps, batch, hidden, **options)
        self.product_RBH = torch.zeros(runs, batch, hidden, **options)

    def delta(self, i: int) -> torch.Tensor:
        """(T_i, B, H)"""
        return self.delta_RTBH[i, : self.lengths[i]]

    def _forward(self, weights: Weights) -> None:
        w_RHH, phi = weights["W_hh"], self.model.phi
        self._select(input_table(weights), [self.h(i)[1:] for i in range(len(self.lengths))])
        for t, n in enumerate(self._alive(), start=1):
            product = torch.bmm(self.h_RTBH[:n, t - 1], w_RHH[:n], out=self.product_RBH[:n])
            phi.phi_(self.h_RTBH[:n, t].add_(product))

    def backward(
        self, weights: Weights, d_last_RBH: torch.Tensor, grads: Weights, regularisers: Regularisers = None
    ) -> list[float]:
        w_RHH = weights["W_hh"].transpose(1, 2)
        for i, length in enumerate(self.lengths):
            self.model.phi.slope(self.h(i)[1:], self.delta(i))
            self.d_TRBH[length, i] = d_last_RBH[i]
        alive = self._alive()
        for t in range(len(alive), 0, -1):
            n = alive[t - 1]
            delta = self.delta_RTBH[:n, t - 1].mul_(self.d_TRBH[t, :n])
            torch.bmm(delta, w_RHH[:n], out=self.d_TRBH[t - 1, :n])
        for i in range(len(self.lengths)):
            self._table_gradient(i, self.delta(i), grads["W_uh"][i])
            self._bias_gradients(i, grads)
        values = [self._recurrent_gradient(i, grads, *pair) for i, pair in enumerate(self._each(regularisers))]
        return torch.stack(values).tolist()

    def _recurrent_gradient(self, i: int, grads: Weights, alpha: float, bound: float) -> torch.Tensor:
        # Both terms are sums over t of something times delta_t, so they share one product over all steps.
        states_TBH, value, hidden = self.h(i)[:-1], grads["W_hh"].new_zeros(()), self.model.hidden
        if alpha > 0:
            found = omega(self.d(i), bound)
            states_TBH, value = states_TBH + alpha * found.extra_TBH, found.value
        torch.mm(states_TBH.view(-1, hidden).t(), self.delta(i).view(-1, hidden), out=grads["W_hh"][i])
        return value
