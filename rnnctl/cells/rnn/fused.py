"""The passes of the vanilla RNN in compiled loops."""

from __future__ import annotations

from typing import Any

import torch

from rnnctl.cells.base.cell import Weights
from rnnctl.cells.base.tape import FusedTape, Regularisers
from rnnctl.cells.rnn import loops
from rnnctl.cells.rnn.equations import OmegaTape
from rnnctl.kernels import elementwise


class FusedRnnTape(OmegaTape, FusedTape):
    """The vanilla RNN in fused loops; after backward(), carried(i) is c_t for t = 1..T_i."""

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        self.activation = elementwise.ACTIVATIONS.index(self.model.activation)

    def carried(self, i: int) -> torch.Tensor:
        return self.carried_TBH[i]

    def _forward(self, weights: Weights) -> None:
        w, h = weights["W_hh"].numpy(), self.h_RTBH.numpy()
        self.sums = self._sums(weights)
        for i, (sums, places) in enumerate(self.sums):
            loops.forward(sums.numpy(), places.numpy(), w, i, h, self.activation)

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        w, h, d, w_grad = (x.numpy() for x in (weights["W_hh"], self.h_RTBH, self.d_RTBH, grads["W_hh"]))
        # As scalars of the run's own precision: a Python float would turn the loops' arithmetic into float64.
        kind = w.dtype.type
        values, self.carried_TBH = [], []
        for i, (alpha, bound) in enumerate(self._each(regularisers)):
            (_, places), direct = self.sums[i], self.direct[i]
            by_place = self._room(i, self.model.branches, grads)
            carried = self.d_RTBH[i, : self.lengths[i]]
            if len(direct) > 1:
                carried = torch.empty_like(carried)
            self.carried_TBH.append(carried)
            values.append(
                loops.backward(
                    places.numpy(), w, i, h, direct.numpy(), d, carried.numpy(),
                    self.activation, kind(alpha), kind(bound), by_place.numpy(), w_grad,
                )
            )  # fmt: skip
            self._input_gradients(i, by_place, self.model.branches, grads)
        return values
