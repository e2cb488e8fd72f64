"""Which code goes through time: fused kernels on a CPU where they are faster, torch everywhere else."""

from __future__ import annotations

import importlib.util

import torch

from rnnctl.models.rnn import Rnn, Tape, Weights, input_table

# Multiply-adds of one step of one run beyond which a BLAS product beats the fused loops; measured, see kernels/LOG.md.
FUSED_STEP_WORK = 4_000_000


def kernels_available() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def make_tape(model: Rnn, runs: int, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> Tape:
    """Buffers and passes for up to `runs` runs of a model. The choice depends on nothing that a pack shares."""
    small = batch * model.hidden**2 <= FUSED_STEP_WORK
    kind = FusedTape if device == "cpu" and small and kernels_available() else Tape
    return kind(model, runs, steps, batch, dtype=dtype, device=device)


class FusedTape(Tape):
    """A Tape whose loops over time run in rnnctl.kernels, one run after the other."""

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        from rnnctl.kernels import elementwise, rnn

        self.kernels, self.activation = rnn, elementwise.ACTIVATIONS.index(self.model.activation)
        batch, hidden = self.batch, self.model.hidden
        self.h_RTBH = torch.zeros(runs, steps + 1, batch, hidden, **options)
        self.delta_RTBH = torch.zeros(runs, steps, batch, hidden, **options)
        self.d_RTBH = torch.zeros(runs, steps + 1, batch, hidden, **options)
        self.states_TBH = torch.zeros(steps, batch, hidden, **options)
        self.squared_TB = torch.zeros(steps + 1, batch, **options)

    def d(self, i: int) -> torch.Tensor:
        return self.d_RTBH[i, : self.lengths[i] + 1]

    def _forward(self, weights: Weights) -> None:
        tables, matrices = input_table(weights).numpy(), weights["W_hh"].contiguous().numpy()
        self._places = [u_TB.numpy() for u_TB in self.symbols]
        for i, places in enumerate(self._places):
            self.kernels.forward(tables[i], matrices[i], places, self.h(i).numpy(), self.activation)

    def backward(self, weights: Weights, d_last_RBH: torch.Tensor, grads: Weights) -> None:
        transposed = weights["W_hh"].transpose(1, 2).contiguous().numpy()
        for i, places in enumerate(self._places):
            d = self.d(i)
            d[-1] = d_last_RBH[i]
            h, delta, table = self.h(i).numpy(), self.delta(i).numpy(), grads["W_uh"][i].numpy()
            self.kernels.backward(transposed[i], places, h, d.numpy(), delta, table, self.activation)
        self._bias_gradients(grads)

    def _regularised_states(self, i: int, alpha: float, bound: float) -> tuple[torch.Tensor, torch.Tensor]:
        length = self.lengths[i]
        states, squared = self.states_TBH[:length], self.squared_TB[: length + 1]
        # As scalars of the run's own precision: a Python float would turn the loops' arithmetic into float64.
        kind = states.numpy().dtype.type
        value = self.kernels.regularised_states(
            self.h(i).numpy(), self.d(i).numpy(), kind(alpha), kind(bound), squared.numpy(), states.numpy()
        )
        return states, torch.tensor(value, dtype=states.dtype)
