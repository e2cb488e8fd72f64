"""Which code goes through time: fused kernels on a CPU where they are faster, torch everywhere else."""

from __future__ import annotations

import importlib.util

import torch

from rnnctl.models.cell import Cell, Weights, input_table, recurrence
from rnnctl.models.gru import GATES, Gru, GruTape
from rnnctl.models.lstm import BRANCHES, Lstm, LstmTape
from rnnctl.models.rnn import Rnn, RnnTape
from rnnctl.models.tape import Tape

# batch * hidden^2 of one run beyond which BLAS products beat the fused loops; measured, see kernels/LOG.md. In gated
# cells the loops won at every size that was tried, 50 million the largest.
FUSED_STEP_WORK = {Rnn: 4_000_000, Gru: 50_000_000, Lstm: 50_000_000}


def kernels_available() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def make_tape(model: Cell, runs: int, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> Tape:
    """Buffers and passes for up to `runs` runs of a model. The choice depends on nothing that a pack shares."""
    plain, fused = TAPES[type(model)]
    small = batch * model.hidden**2 <= FUSED_STEP_WORK[type(model)]
    kind = fused if device == "cpu" and small and kernels_available() else plain
    return kind(model, runs, steps, batch, dtype=dtype, device=device)


class _RunMajor(Tape):
    """A Tape whose loops over time run in rnnctl.kernels, one run after the other: so d is run-major as well."""

    def _allocate_d(self, runs: int, steps: int, options: dict) -> None:
        self.d_RTBH = torch.zeros(runs, steps + 1, self.batch, self.model.hidden, **options)

    def d(self, i: int) -> torch.Tensor:
        return self.d_RTBH[i, : self.lengths[i] + 1]

    def _places(self, i: int):
        return self.symbols[i].numpy()


def _transposed(matrices_RXY: torch.Tensor):
    return matrices_RXY.transpose(1, 2).contiguous().numpy()


class FusedRnnTape(_RunMajor, RnnTape):
    """The vanilla RNN in fused loops."""

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        from rnnctl.kernels import elementwise, rnn

        self.kernels, self.activation = rnn, elementwise.ACTIVATIONS.index(self.model.activation)
        batch, hidden = self.batch, self.model.hidden
        self.delta_RTBH = torch.zeros(runs, steps, batch, hidden, **options)
        self.states_TBH = torch.zeros(steps, batch, hidden, **options)
        self.squared_TB = torch.zeros(steps + 1, batch, **options)

    def _forward(self, weights: Weights) -> None:
        tables, matrices = input_table(weights).numpy(), weights["W_hh"].contiguous().numpy()
        for i in range(len(self.lengths)):
            self.kernels.forward(tables[i], matrices[i], self._places(i), self.h(i).numpy(), self.activation)

    def backward(self, weights: Weights, d_last_RBH: torch.Tensor, grads: Weights) -> None:
        transposed = _transposed(weights["W_hh"])
        for i in range(len(self.lengths)):
            d = self.d(i)
            d[-1] = d_last_RBH[i]
            h, delta, table = self.h(i).numpy(), self.delta(i).numpy(), grads["W_uh"][i].numpy()
            self.kernels.backward(transposed[i], self._places(i), h, d.numpy(), delta, table, self.activation)
            self._bias_gradients(i, grads)

    def _regularised_states(self, i: int, alpha: float, bound: float) -> tuple[torch.Tensor, torch.Tensor]:
        length = self.lengths[i]
        states, squared = self.states_TBH[:length], self.squared_TB[: length + 1]
        # As scalars of the run's own precision: a Python float would turn the loops' arithmetic into float64.
        kind = states.numpy().dtype.type
        value = self.kernels.regularised_states(
            self.h(i).numpy(), self.d(i).numpy(), kind(alpha), kind(bound), squared.numpy(), states.numpy()
        )
        return states, torch.tensor(value, dtype=states.dtype)


class FusedGruTape(_RunMajor, GruTape):
    """The GRU in fused loops."""

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        from rnnctl.kernels import gru

        self.kernels = gru
        super()._allocate(runs, steps, options)

    def _forward(self, weights: Weights) -> None:
        tables, table = input_table(weights, GATES).numpy(), input_table(weights).numpy()
        w_gates, w_hh = recurrence(weights, GATES).numpy(), weights["W_hh"].contiguous().numpy()
        for i, length in enumerate(self.lengths):
            kept = [buffer[i, :length].numpy() for buffer in (self.gates_RTBG, self.n_RTBH, self.reset_RTBH)]
            self.kernels.forward(tables[i], table[i], w_gates[i], w_hh[i], self._places(i), self.h(i).numpy(), *kept)

    def backward(self, weights: Weights, d_last_RBH: torch.Tensor, grads: Weights) -> None:
        w_gates, w_hh = _transposed(recurrence(weights, GATES)), _transposed(weights["W_hh"])
        tables_VG = self.gates_RTBG.new_empty(self.model.inputs, 2 * self.model.hidden)
        for i, length in enumerate(self.lengths):
            d = self.d(i)
            d[-1] = d_last_RBH[i]
            gates, n, deltas, delta = (
                buffer[i, :length].numpy()
                for buffer in (self.gates_RTBG, self.n_RTBH, self.delta_RTBG, self.delta_RTBH)
            )
            q, table = self.product_RBH[0].numpy(), grads["W_uh"][i].numpy()
            h, places = self.h(i).numpy(), self._places(i)
            self.kernels.backward(
                w_gates[i], w_hh[i], places, h, gates, n, d.numpy(), deltas, delta, q, tables_VG.numpy(), table
            )
            self._share_out("W_u", tables_VG, i, grads)
            self._bias_gradients(i, grads)


class FusedLstmTape(_RunMajor, LstmTape):
    """The LSTM in fused loops."""

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        from rnnctl.kernels import lstm

        self.kernels = lstm
        super()._allocate(runs, steps, options)

    def _forward(self, weights: Weights) -> None:
        table, w = input_table(weights, BRANCHES), recurrence(weights, BRANCHES)
        for matrices in (table, w):
            matrices[..., : 3 * self.model.hidden].mul_(0.5)  # as the kernel wants them; exact
        table, w = table.numpy(), w.numpy()
        for i, length in enumerate(self.lengths):
            units, squashed = self.units_RTBG[i, :length].numpy(), self.squashed_RTBH[i, :length].numpy()
            h, c = self.h(i).numpy(), self.c(i).numpy()
            self.kernels.forward(table[i], w[i], self._places(i), h, c, units, squashed)

    def backward(self, weights: Weights, d_last_RBH: torch.Tensor, grads: Weights) -> None:
        w = _transposed(recurrence(weights, BRANCHES))
        table_VG = self.units_RTBG.new_empty(self.model.inputs, 4 * self.model.hidden)
        for i, length in enumerate(self.lengths):
            d = self.d(i)
            d[-1] = d_last_RBH[i]
            units, squashed, delta = (
                buffer[i, :length].numpy() for buffer in (self.units_RTBG, self.squashed_RTBH, self.delta_RTBG)
            )
            c, e, places = self.c(i).numpy(), self.e_RBH[0].numpy(), self._places(i)
            self.kernels.backward(w[i], places, c, units, squashed, d.numpy(), delta, e, table_VG.numpy())
            self._share_out("W_u", table_VG, i, grads)
            self._bias_gradients(i, grads)


TAPES: dict[type[Cell], tuple[type[Tape], type[Tape]]] = {
    Rnn: (RnnTape, FusedRnnTape),
    Gru: (GruTape, FusedGruTape),
    Lstm: (LstmTape, FusedLstmTape),
}
