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


class Bptt:
    """Buffers for up to `runs` runs, `steps` steps and `batch` sequences, and the passes over them.

    After forward(), h[i, t] is h_t of row i for t = 0..lengths[i] (h_0 = 0). After backward(), d[t, i] is dL/dh_t for
    t = 0..lengths[i], and delta[i, t - 1] is dL/da_t. Entries beyond a row's length are stale and never read.
    """

    def __init__(self, model: Rnn, runs: int, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> None:
        self.model, self.batch = model, batch
        self.phi = ACTIVATIONS[model.activation]
        options = {"dtype": dtype, "device": device}
        hidden = model.hidden
        self.h_RTBH = torch.zeros(runs, steps + 1, batch, hidden, **options)
        self.delta_RTBH = torch.zeros(runs, steps, batch, hidden, **options)
        self.d_TRBH = torch.zeros(steps + 1, runs, batch, hidden, **options)
        self.product_RBH = torch.zeros(runs, batch, hidden, **options)

    def forward(self, weights: Weights, symbols: list[torch.Tensor]) -> torch.Tensor:
        """Run the recurrence over `symbols`, a (T_i, B) int64 tensor a row, T_i falling. Returns each row's h_T, (R,
        B, H).
        """
        self.lengths = [len(u_TB) for u_TB in symbols]
        assert self.lengths == sorted(self.lengths, reverse=True)
        table_RVH, w_RHH = input_table(weights), weights["W_hh"]
        for i, u_TB in enumerate(symbols):
            rows = self.h_RTBH[i, 1 : len(u_TB) + 1].view(-1, self.model.hidden)
            torch.index_select(table_RVH[i], 0, u_TB.reshape(-1), out=rows)
        for t, n in enumerate(self._alive(), start=1):
            product = torch.bmm(self.h_RTBH[:n, t - 1], w_RHH[:n], out=self.product_RBH[:n])
            self.phi.phi_(self.h_RTBH[:n, t].add_(product))
        return torch.stack([self.h_RTBH[i, length] for i, length in enumerate(self.lengths)])

    def backward(self, weights: Weights, d_last_RBH: torch.Tensor) -> None:
        """Carry dL/dh_T of each row back to dL/dh_0."""
        w_RHH = weights["W_hh"].transpose(1, 2)
        for i, length in enumerate(self.lengths):
            self.phi.slope(self.h_RTBH[i, 1 : length + 1], self.delta_RTBH[i, :length])
            self.d_TRBH[length, i] = d_last_RBH[i]
        alive = self._alive()
        for t in range(len(alive), 0, -1):
            n = alive[t - 1]
            delta = self.delta_RTBH[:n, t - 1].mul_(self.d_TRBH[t, :n])
            torch.bmm(delta, w_RHH[:n], out=self.d_TRBH[t - 1, :n])

    def _alive(self) -> list[int]:
        """How many rows have a step t, for t = 1..T: a prefix, because lengths fall."""
        lengths = np.array(self.lengths)
        return [int(n) for n in (lengths[None, :] >= np.arange(1, lengths[0] + 1)[:, None]).sum(1)]

    def recurrent_gradients(
        self, i: int, symbols_TB: torch.Tensor, grads: Weights, extra_TBH: torch.Tensor | None = None
    ) -> None:
        """Write row i's gradients of W_uh, W_hh and b_hh, each one product over all steps at once.

        extra_TBH is added to h_{t-1} on its way into the gradient of W_hh: a regulariser whose gradient is a sum over
        t of extra_t^T delta_t costs no product of its own.
        """
        length = self.lengths[i]
        delta = self.delta_RTBH[i, :length].view(-1, self.model.hidden)
        before = self.h_RTBH[i, :length] if extra_TBH is None else self.h_RTBH[i, :length] + extra_TBH
        torch.mm(before.view(-1, self.model.hidden).t(), delta, out=grads["W_hh"][i])
        u_hot = one_hot(symbols_TB.reshape(-1), self.model.inputs).to(delta.dtype)
        torch.mm(u_hot.t(), delta, out=grads["W_uh"][i])
        # Every step has exactly one symbol, so the symbols' gradients add up to the bias's.
        torch.sum(grads["W_uh"][i], 0, out=grads["b_hh"][i])


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
