"""The vanilla RNN, forward and backward through time, written out, for a pack of runs.

    a_t = h_{t-1} W_hh + W_uh[u_t] + b_hh        h_t = phi(a_t),  h_0 = 0

Here and in the other cells W_uh[u_t] is a symbol's row, or u_t W_uh where inputs are reals. Backward, with d_t =
dL/dh_t the total derivative (every path to the loss), c_t what step t hands to the step before it, and x_t what the
head (rnnctl.cells.base.heads) sends into h_t, 0 where the loss does not read it:

    d_T = x_T          delta_t = d_t * phi'(h_t)          c_t = delta_t W_hh^T          d_{t-1} = c_t + x_{t-1}

(Pascanu, Mikolov and Bengio 2013, eq. 3 to 5, in row-vector convention.) d_t is thus a by-product for every t, never a
second pass. rnnctl.cells.base.tape tells how rows and memory are ordered, and why a run has the same bits in any pack.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from rnnctl.cells.base.activations import ACTIVATIONS, Activation, Bounds
from rnnctl.cells.base.cell import Cell, Weights, projection
from rnnctl.cells.base.tape import Regularisers, Tape, TorchTape
from rnnctl.cells.base.torch_layers import filled
from rnnctl.cells.rnn.omega import omega
from rnnctl.cells.rnn.section import BRANCHES

if TYPE_CHECKING:
    from rnnctl.cells.base.kernel_tape import KernelTape


@dataclass(frozen=True)
class Rnn(Cell):
    """The vanilla RNN; activation: the name of phi."""

    activation: str

    branches: ClassVar = BRANCHES

    @property
    def phi(self) -> Activation:
        """The activation."""
        return ACTIVATIONS[self.activation]

    @property
    def bounds(self) -> Bounds:
        return self.phi

    @property
    def torch_tape(self) -> type[Tape]:
        return RnnTape

    @property
    def fused_tape(self) -> type[Tape]:
        from rnnctl.cells.rnn.fused import FusedRnnTape

        return FusedRnnTape

    @property
    def kernel_tape(self) -> type[KernelTape]:
        from rnnctl.cells.rnn.gpu import KernelRnnTape

        return KernelRnnTape

    def steps(self, weights: Weights, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        added, w_RHH = projection(weights), weights["W_hh"]
        h_RBH = w_RHH.new_zeros(len(w_RHH), inputs.shape[1], self.hidden)
        for u in inputs:
            h_RBH = self.phi.phi_(added(u).add_(torch.bmm(h_RBH, w_RHH)))
            yield h_RBH

    def torch_layer(self, weights: Weights) -> torch.nn.RNNBase:
        if self.activation not in ("tanh", "relu"):
            raise ValueError(f"torch.nn.RNN has tanh and relu, and not the activation {self.activation}")
        return filled(torch.nn.RNN, weights, BRANCHES, nonlinearity=self.activation)


class OmegaTape(Tape):
    """A Tape that knows after backward() what each step hands to the step before it, and so Omega."""

    model: Rnn
    takes_regularisers: ClassVar[bool] = True

    @abstractmethod
    def carried(self, i: int) -> torch.Tensor:
        """c_t of row i for t = 1..T_i, (T_i, B, H)."""

    def omega(self, i: int, bound: float) -> float | None:
        return float(omega(self.d(i), self.carried(i), bound).value)


class RnnTape(OmegaTape, TorchTape):
    """A Tape of the vanilla RNN; after backward(), delta(i) is dL/da_t and carried(i) is c_t for t = 1..T_i."""

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        batch, hidden = self.batch, self.model.hidden
        self.delta_RTBH = torch.zeros(runs, steps, batch, hidden, **options)
        self.product_RBH = torch.zeros(runs, batch, hidden, **options)

    def delta(self, i: int) -> torch.Tensor:
        """(T_i, B, H)"""
        return self.delta_RTBH[i, : self.lengths[i]]

    def carried(self, i: int) -> torch.Tensor:
        return (self.carried_TRBH if self.read_back else self.d_TRBH)[: self.lengths[i], i]

    def _forward(self, weights: Weights) -> None:
        w_RHH, phi = weights["W_hh"], self.model.phi
        self._select(self._sums(weights), [self.h(i)[1:] for i in range(len(self.lengths))])
        for t, n in enumerate(self._alive(), start=1):
            product = torch.bmm(self.h_RTBH[:n, t - 1], w_RHH[:n], out=self.product_RBH[:n])
            phi.phi_(self.h_RTBH[:n, t].add_(product))

    def _loop_back(self, weights: Weights) -> None:
        w_RHH = weights["W_hh"].transpose(1, 2)
        for i in range(len(self.lengths)):
            self.model.phi.slope(self.h(i)[1:], self.delta(i))
        if self.read_back:
            self.carried_TRBH = torch.zeros_like(self.d_TRBH)
        alive = self._alive()
        for t in range(len(alive), 0, -1):
            n = alive[t - 1]
            delta = self.delta_RTBH[:n, t - 1].mul_(self.d_TRBH[t, :n])
            torch.bmm(delta, w_RHH[:n], out=self.d_TRBH[t - 1, :n])
            if self.read_back:
                self.carried_TRBH[t - 1, :n] = self.d_TRBH[t - 1, :n]
            self._join(t - 1, n)

    def _cell_input_gradients(self, i: int, grads: Weights) -> None:
        branches = self.model.branches
        self._input_gradients(i, self._by_place(i, self.delta(i), branches, grads), branches, grads)

    def _recurrent_gradients(self, grads: Weights, regularisers: Regularisers) -> list[float]:
        values, hidden = [], self.model.hidden
        for i, (alpha, bound) in enumerate(self._each(regularisers)):
            # Both terms are sums over t of something times delta_t, so they share one product over all steps.
            states_TBH, value = self.h(i)[:-1], grads["W_hh"].new_zeros(())
            if alpha > 0:
                regulariser = omega(self.d(i), self.carried(i), bound)
                states_TBH, value = states_TBH + alpha * regulariser.extra_TBH, regulariser.value
            torch.mm(states_TBH.view(-1, hidden).t(), self.delta(i).view(-1, hidden), out=grads["W_hh"][i])
            values.append(value)
        return torch.stack(values).tolist()
