"""The passes of the GRU in compiled loops."""

from __future__ import annotations

from rnnctl.cells.base.cell import Weights, recurrence
from rnnctl.cells.base.tape import FusedTape, Regularisers, transposed
from rnnctl.cells.gru import loops
from rnnctl.cells.gru.equations import GATES, GruTape


class FusedGruTape(FusedTape, GruTape):
    """The GRU in fused loops."""

    def _forward(self, weights: Weights) -> None:
        self.sums = list(zip(self._sums(weights, GATES), self._sums(weights), strict=True))
        w_gates, w_hh = recurrence(weights, GATES).numpy(), weights["W_hh"].contiguous().numpy()
        for i, ((to_gates, places), (to_content, _)) in enumerate(self.sums):
            buffers = (self.gates_RTBG, self.n_RTBH, self.reset_RTBH)
            kept = [buffer[i, : self.lengths[i]].numpy() for buffer in buffers]
            sums = to_gates.numpy(), to_content.numpy()
            loops.forward(*sums, w_gates[i], w_hh[i], places.numpy(), self.h(i).numpy(), *kept)

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        w_gates, w_hh = transposed(recurrence(weights, GATES)), transposed(weights["W_hh"])
        for i, ((_, places), _) in enumerate(self.sums):
            gates, n, deltas, delta = (
                buffer[i, : self.lengths[i]].numpy()
                for buffer in (self.gates_RTBG, self.n_RTBH, self.delta_RTBG, self.delta_RTBH)
            )
            kinds = GATES, ("h",)
            by_place = [self._room(i, branches, grads) for branches in kinds]
            loops.backward(
                w_gates[i], w_hh[i], places.numpy(), self.h(i).numpy(), gates, n,
                self.direct[i].numpy(), self.d(i).numpy(),
                deltas, delta, self.product_RBH[0].numpy(), *(rows.numpy() for rows in by_place),
            )  # fmt: skip
            for rows, branches in zip(by_place, kinds, strict=True):
                self._input_gradients(i, rows, branches, grads)
        return self._recurrent_gradients(grads, regularisers)
