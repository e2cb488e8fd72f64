"""The vanilla RNN, forward and backward through time, written out, for a pack of runs.

    a_t = h_{t-1} W_hh + W_uh[u_t] + b_hh        h_t = phi(a_t),  h_0 = 0
    y   = h_T W_hy + b_hy                         loss = mean over the batch of -log softmax(y)[target]

Backward, with d_t = dL/dh_t the total derivative (every path to the loss) and c_t what step t hands to the step
before it:

    d_T = (dL/dy) W_hy^T          delta_t = d_t * phi'(h_t)          c_t = delta_t W_hh^T          d_{t-1} = c_t

(Pascanu, Mikolov and Bengio 2013, eq. 3 to 5, in row-vector convention.) d_t is thus a by-product for every t, never
a second pass.

Names: R runs, T time, B batch, H hidden, V input symbols, O outputs, N entries of a flat row of weights. Each run of
a pack has a length of its own; rows are ordered by falling length, so that at every step the runs still alive are a
prefix and no step is computed in vain. Memory is run-major where a run's rows are multiplied or summed as a whole
((R, T, B, H): its valid steps are one flat slice) and time-major where a step's product is written (d_TRBH).

Bits: a run's figures are the same alone and in any pack, because everything is either elementwise, one torch.bmm with
the runs as its batch (its bits do not depend on the batch where MKL_CBWR is set), or an operation on one run's own
slice. baddbmm, or a sum over a (R, ...) tensor, would break this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import one_hot

from rnnctl.models.activations import ACTIVATIONS
from rnnctl.models.layout import Layout
from rnnctl.models.omega import omega

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Rnn:
    """Sizes of the network: V symbols in, H hidden units, O classes out, and the name of phi."""

    inputs: int
    hidden: int
    outputs: int
    activation: str

    @property
    def layout(self) -> Layout:
        v, h, o = self.inputs, self.hidden, self.outputs
        return Layout(
            (("W_uh", (v, h)), ("W_hh", (h, h)), ("b_hh", (h,)), ("W_hy", (h, o)), ("b_hy", (o,))),
        )

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """Shapes of the weights that an init draws; the others are biases."""
        return {name: shape for name, shape in self.layout.shapes if len(shape) == 2}


def input_table(weights: Weights) -> torch.Tensor:
    """(R, V, H): what each symbol adds to a_t. Inputs are indices, so their projection is a row of this table."""
    return weights["W_uh"] + weights["b_hh"].unsqueeze(1)


def readout(weights: Weights, h_RBH: torch.Tensor, targets_RB: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and -log softmax at the target: (R, B, O) and (R, B), in nats."""
    y_RBO = torch.bmm(h_RBH, weights["W_hy"]) + weights["b_hy"].unsqueeze(1)
    return y_RBO, -y_RBO.log_softmax(2).gather(2, targets_RB.unsqueeze(2)).squeeze(2)


class Tape:
    """The passes through time for up to `runs` runs, `steps` steps and `batch` sequences, and what they leave.

    Rows are runs, ordered by falling length. After forward(), h(i) is h_t of row i for t = 0..T_i (h_0 = 0); after
    backward(), d(i) is dL/dh_t for t = 0..T_i, and delta(i) is dL/da_t for t = 1..T_i. All are views of buffers.
    """

    def __init__(self, model: Rnn, runs: int, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> None:
        self.model, self.batch = model, batch
        self.phi = ACTIVATIONS[model.activation]
        self.lengths: list[int] = []
        self.symbols: list[torch.Tensor] = []
        self._allocate(runs, steps, {"dtype": dtype, "device": device})

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        batch, hidden = self.batch, self.model.hidden
        self.h_RTBH = torch.zeros(runs, steps + 1, batch, hidden, **options)
        self.delta_RTBH = torch.zeros(runs, steps, batch, hidden, **options)
        # Time-major, so that the rows of a step's product are one block of memory.
        self.d_TRBH = torch.zeros(steps + 1, runs, batch, hidden, **options)
        self.product_RBH = torch.zeros(runs, batch, hidden, **options)

    def h(self, i: int) -> torch.Tensor:
        """(T_i + 1, B, H)"""
        return self.h_RTBH[i, : self.lengths[i] + 1]

    def d(self, i: int) -> torch.Tensor:
        """(T_i + 1, B, H)"""
        return self.d_TRBH[: self.lengths[i] + 1, i]

    def delta(self, i: int) -> torch.Tensor:
        """(T_i, B, H)"""
        return self.delta_RTBH[i, : self.lengths[i]]

    def forward(self, weights: Weights, symbols: list[torch.Tensor]) -> torch.Tensor:
        """Run the recurrence over `symbols`, (T_i, B) integers a row. Returns each row's h_T, (R, B, H)."""
        self.lengths, self.symbols = [len(u_TB) for u_TB in symbols], symbols
        assert self.lengths == sorted(self.lengths, reverse=True)
        self._forward(weights)
        return torch.stack([self.h_RTBH[i, length] for i, length in enumerate(self.lengths)])

    def _forward(self, weights: Weights) -> None:
        table_RVH, w_RHH = input_table(weights), weights["W_hh"]
        for i, u_TB in enumerate(self.symbols):
            torch.index_select(table_RVH[i], 0, u_TB.reshape(-1), out=self.h(i)[1:].view(-1, self.model.hidden))
        for t, n in enumerate(self._alive(), start=1):
            product = torch.bmm(self.h_RTBH[:n, t - 1], w_RHH[:n], out=self.product_RBH[:n])
            self.phi.phi_(self.h_RTBH[:n, t].add_(product))

    def backward(self, weights: Weights, d_last_RBH: torch.Tensor, grads: Weights) -> None:
        """Carry dL/dh_T of each row back to dL/dh_0, and write the gradients of W_uh and b_hh."""
        w_RHH = weights["W_hh"].transpose(1, 2)
        for i, length in enumerate(self.lengths):
            self.phi.slope(self.h(i)[1:], self.delta(i))
            self.d_TRBH[length, i] = d_last_RBH[i]
        alive = self._alive()
        for t in range(len(alive), 0, -1):
            n = alive[t - 1]
            delta = self.delta_RTBH[:n, t - 1].mul_(self.d_TRBH[t, :n])
            torch.bmm(delta, w_RHH[:n], out=self.d_TRBH[t - 1, :n])
        for i, u_TB in enumerate(self.symbols):
            u_hot = one_hot(u_TB.reshape(-1), self.model.inputs).to(w_RHH.dtype)
            torch.mm(u_hot.t(), self.delta(i).view(-1, self.model.hidden), out=grads["W_uh"][i])
        self._bias_gradients(grads)

    def _bias_gradients(self, grads: Weights) -> None:
        for i in range(len(self.lengths)):
            # Every step has exactly one symbol, so the symbols' gradients add up to the bias's.
            torch.sum(grads["W_uh"][i], 0, out=grads["b_hh"][i])

    def _alive(self) -> list[int]:
        """How many rows have a step t, for t = 1..T: a prefix, because lengths fall."""
        lengths = np.array(self.lengths)
        return [int(n) for n in (lengths[None, :] >= np.arange(1, lengths[0] + 1)[:, None]).sum(1)]

    def recurrent_gradient(self, i: int, grads: Weights, alpha: float = 0.0, bound: float = 0.0) -> torch.Tensor:
        """Write row i's gradient of W_hh, of loss + alpha * Omega. Returns Omega, (), or 0 where alpha is 0.

        Both terms are sums over t of something times delta_t, so they share one product over all steps.
        """
        states_TBH, value = self.h(i)[:-1], grads["W_hh"].new_zeros(())
        if alpha > 0:
            states_TBH, value = self._regularised_states(i, alpha, bound)
        hidden = self.model.hidden
        torch.mm(states_TBH.view(-1, hidden).t(), self.delta(i).view(-1, hidden), out=grads["W_hh"][i])
        return value

    def _regularised_states(self, i: int, alpha: float, bound: float) -> tuple[torch.Tensor, torch.Tensor]:
        """h_{t-1} + alpha k_t c_t for t = 1..T, (T, B, H), and Omega."""
        found = omega(self.d(i), bound)
        return self.h(i)[:-1] + alpha * found.extra_TBH, found.value


def readout_gradients(
    weights: Weights, h_RBH: torch.Tensor, y_RBO: torch.Tensor, targets_RB: torch.Tensor, grads: Weights
) -> torch.Tensor:
    """Write the gradients of W_hy and b_hy of the batch-mean loss; return dL/dh_T, (R, B, H)."""
    dy_RBO = y_RBO.softmax(2).sub_(one_hot(targets_RB, y_RBO.shape[2])).div_(targets_RB.shape[1])
    grads["W_hy"].copy_(torch.bmm(h_RBH.transpose(1, 2), dy_RBO))
    for i, dy_BO in enumerate(dy_RBO):
        torch.sum(dy_BO, 0, out=grads["b_hy"][i])
    return torch.bmm(dy_RBO, weights["W_hy"].transpose(1, 2))


def last_hidden(model: Rnn, weights: Weights, symbols_TB: torch.Tensor) -> torch.Tensor:
    """h_T of every run for one shared batch, (R, B, H): a validation's forward pass, which keeps no other state."""
    table_RVH, w_RHH = input_table(weights), weights["W_hh"]
    runs, phi = len(w_RHH), ACTIVATIONS[model.activation]
    h_RBH = w_RHH.new_zeros(runs, symbols_TB.shape[1], model.hidden)
    product_RBH = torch.empty_like(h_RBH)
    for u_B in symbols_TB:
        torch.bmm(h_RBH, w_RHH, out=product_RBH)
        phi.phi_(torch.index_select(table_RVH, 1, u_B, out=h_RBH).add_(product_RBH))
    return h_RBH
