"""Which code goes through time: fused kernels on a CPU where they are faster, torch everywhere else."""

from __future__ import annotations

import torch

from rnnctl.determinism import kernel_compiler
from rnnctl.models.cell import Cell, Weights, input_table, recurrence
from rnnctl.models.gru import GATES, Gru, GruTape
from rnnctl.models.lstm import BRANCHES, Lstm, LstmTape
from rnnctl.models.rnn import Rnn, RnnTape
from rnnctl.models.tape import Regularisers, Tape

# batch * hidden^2 of one run up to which the fused loops are known to beat BLAS products: the largest that was tried,
# see kernels/LOG.md.
FUSED_STEP_WORK = 50_000_000

# Sequences of a validation batch that go through time together in the fused loops.
SLICE = 40


def make_tape(model: Cell, runs: int, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> Tape:
    """Buffers and passes for up to `runs` runs of a model. The choice depends on nothing that a pack shares."""
    plain, fused = TAPES[type(model)]
    small = batch * model.hidden**2 <= FUSED_STEP_WORK
    kind = fused if device == "cpu" and small and kernel_compiler() else plain
    return kind(model, runs, steps, batch, dtype=dtype, device=device)


class LastHidden:
    """h_T of runs over one shared batch, for validation: torch's in one go, or the fused loops' in slices whose states
    stay in the cache from one step to the next.
    """

    def __init__(self, model: Cell, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> None:
        self.model, self.slice = model, min(SLICE, batch)
        tape = make_tape(model, 1, steps, self.slice, dtype=dtype, device=device)
        self.tape = tape if isinstance(tape, _RunMajor) else None

    def __call__(self, weights: Weights, symbols_TB: torch.Tensor) -> torch.Tensor:
        """(R, B, H)"""
        if self.tape is None:
            return self.model.last_hidden(weights, symbols_TB)
        runs, batch = len(weights["W_hh"]), symbols_TB.shape[1]
        h_RBH = weights["W_hh"].new_empty(runs, batch, self.model.hidden)
        for start in range(0, batch, self.slice):
            # The last slice overlaps the one before it rather than being shorter.
            part = slice(first := min(start, batch - self.slice), first + self.slice)
            symbols = symbols_TB[:, part].contiguous()
            for i in range(runs):
                one = {name: w[i : i + 1] for name, w in weights.items()}
                h_RBH[i : i + 1, part] = self.tape.forward(one, [symbols])
        return h_RBH


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


class FusedRnnTape(_RunMajor, Tape):
    """The vanilla RNN in fused loops."""

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        from rnnctl.kernels import elementwise, rnn

        self.kernels, self.activation = rnn, elementwise.ACTIVATIONS.index(self.model.activation)

    def _forward(self, weights: Weights) -> None:
        matrices, h = [weights[name].numpy() for name in ("W_uh", "b_hh", "W_hh")], self.h_RTBH.numpy()
        for i, symbols in enumerate(self.symbols):
            self.kernels.forward(*matrices, symbols.numpy(), i, h, self.activation)

    def backward(
        self, weights: Weights, d_last_RBH: torch.Tensor, grads: Weights, regularisers: Regularisers = None
    ) -> list[float]:
        w, h, d, d_last = weights["W_hh"].numpy(), self.h_RTBH.numpy(), self.d_RTBH.numpy(), d_last_RBH.numpy()
        found = [grads[name].numpy() for name in ("W_uh", "b_hh", "W_hh")]
        # As scalars of the run's own precision: a Python float would turn the loops' arithmetic into float64.
        kind = w.dtype.type
        return [
            self.kernels.backward(
                w, symbols.numpy(), i, h, d_last, d, self.activation, kind(alpha), kind(bound), *found
            )
            for i, (symbols, (alpha, bound)) in enumerate(zip(self.symbols, self._each(regularisers), strict=True))
        ]


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

    def backward(
        self, weights: Weights, d_last_RBH: torch.Tensor, grads: Weights, regularisers: Regularisers = None
    ) -> list[float]:
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
        return self._recurrent_gradients(grads, regularisers)


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

    def backward(
        self, weights: Weights, d_last_RBH: torch.Tensor, grads: Weights, regularisers: Regularisers = None
    ) -> list[float]:
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
        return self._recurrent_gradients(grads, regularisers)


TAPES: dict[type[Cell], tuple[type[Tape], type[Tape]]] = {
    Rnn: (RnnTape, FusedRnnTape),
    Gru: (GruTape, FusedGruTape),
    Lstm: (LstmTape, FusedLstmTape),
}
