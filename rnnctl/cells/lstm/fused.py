"""The passes of the LSTM in compiled loops."""

from __future__ import annotations

from rnnctl.cells.base.cell import Weights, recurrence
from rnnctl.cells.base.tape import FusedTape, Regularisers, transposed
from rnnctl.cells.lstm import loops
from rnnctl.cells.lstm.equations import LstmTape
from rnnctl.cells.lstm.section import BRANCHES


class FusedLstmTape(FusedTape, LstmTape):
    """The LSTM in fused loops."""

    def _forward(self, weights: Weights) -> None:
        self.sums, w = self._sums(weights, BRANCHES), recurrence(weights, BRANCHES)
        gates = 3 * self.model.hidden
        w[..., :gates].mul_(0.5)  # as the kernel wants them; exact
        for i, (rows, places) in enumerate(self.sums):
            rows[:, :gates].mul_(0.5)
            units, squashed = self.units_RTBG[i, : len(places)].numpy(), self.squashed_RTBH[i, : len(places)].numpy()
            h, c = self.h(i).numpy(), self.c(i).numpy()
            loops.forward(rows.numpy(), w[i].numpy(), places.numpy(), h, c, units, squashed)

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        w = transposed(recurrence(weights, BRANCHES))
        for i, (_, places) in enumerate(self.sums):
            units, squashed, delta = (
                buffer[i, : len(places)].numpy() for buffer in (self.units_RTBG, self.squashed_RTBH, self.delta_RTBG)
            )
            by_place, c, e = self._room(i, BRANCHES, grads), self.c(i).numpy(), self.e_RBH[0].numpy()
            loops.backward(
                w[i], places.numpy(), c, units, squashed,
                self.direct[i].numpy(), self.d(i).numpy(), delta, e, by_place.numpy(),
            )  # fmt: skip
            self._input_gradients(i, by_place, BRANCHES, grads)
        return self._recurrent_gradients(grads, regularisers)
