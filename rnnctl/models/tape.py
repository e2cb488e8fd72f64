"""Passes through time for a pack of runs, whatever the cell: what they leave, and how rows and memory are ordered.

Each run of a pack has a length of its own; rows are ordered by falling length, so that at every step the runs still
alive are a prefix and no step is computed in vain. Memory is run-major where a run's rows are multiplied or summed as a
whole ((R, T, B, H): its valid steps are one flat slice) and time-major where a step's product is written (d_TRBH).

Bits: a run's figures are the same alone and in any pack, because everything is either elementwise, one torch.bmm with
the runs as its batch (its bits do not depend on the batch where MKL_CBWR is set), or an operation on one run's own
slice. baddbmm and addcmul, torch.sigmoid, or a sum over a (R, ...) tensor, would break this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import one_hot

from rnnctl.models.cell import Cell, Weights, bias_name

# alpha and bound of each row; None where no row has any. Of the vanilla RNN alone.
Regularisers = Sequence[tuple[float, float]] | None


class Tape(ABC):
    """The passes through time for up to `runs` runs, `steps` steps and `batch` sequences, and what they leave.

    Rows are runs, ordered by falling length. After forward(), h(i) is h_t of row i for t = 0..T_i (h_0 = 0) and
    gates(i) what its gates were; after backward(), d(i) is dL/dh_t for t = 0..T_i. All are views of buffers, good until
    the next pass.
    """

    def __init__(self, model: Cell, runs: int, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> None:
        self.model, self.batch = model, batch
        self.lengths: list[int] = []
        self.symbols: list[torch.Tensor] = []
        options = {"dtype": dtype, "device": device}
        self.h_RTBH = torch.zeros(runs, steps + 1, batch, model.hidden, **options)
        self._allocate(runs, steps, options)
        self._allocate_d(runs, steps, options)

    @abstractmethod
    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        """Make the buffers that the cell needs beside h and d."""

    def _allocate_d(self, runs: int, steps: int, options: dict) -> None:
        # Time-major, so that the rows of a step's product are one block of memory.
        self.d_TRBH = torch.zeros(steps + 1, runs, self.batch, self.model.hidden, **options)

    def h(self, i: int) -> torch.Tensor:
        """(T_i + 1, B, H)"""
        return self.h_RTBH[i, : self.lengths[i] + 1]

    def d(self, i: int) -> torch.Tensor:
        """(T_i + 1, B, H)"""
        return self.d_TRBH[: self.lengths[i] + 1, i]

    def gates(self, i: int) -> dict[str, torch.Tensor]:
        """Each gate of row i for t = 1..T_i, (T_i, B, H), by its branch's name; none in a cell without gates."""
        return {}

    def forward(self, weights: Weights, symbols: list[torch.Tensor]) -> torch.Tensor:
        """Run the recurrence over `symbols`, (T_i, B) integers a row. Returns each row's h_T, (R, B, H)."""
        self.lengths, self.symbols = [len(u_TB) for u_TB in symbols], symbols
        assert self.lengths == sorted(self.lengths, reverse=True)
        self._forward(weights)
        return torch.stack([self.h_RTBH[i, length] for i, length in enumerate(self.lengths)])

    @abstractmethod
    def _forward(self, weights: Weights) -> None:
        """Fill h and whatever else backward() reads."""

    @abstractmethod
    def backward(
        self, weights: Weights, d_last_RBH: torch.Tensor, grads: Weights, regularisers: Regularisers = None
    ) -> list[float]:
        """Carry dL/dh_T of each row back to dL/dh_0, and write the gradients of all but the head's weights: those of
        loss + alpha * Omega, with (alpha, bound) of each row in `regularisers`. Returns each row's Omega, 0 where its
        alpha is.
        """

    def _each(self, regularisers: Regularisers) -> Regularisers:
        return regularisers or [(0.0, 0.0)] * len(self.lengths)

    def _alive(self) -> list[int]:
        """How many rows have a step t, for t = 1..T: a prefix, because lengths fall."""
        lengths = np.array(self.lengths)
        return [int(n) for n in (lengths[None, :] >= np.arange(1, lengths[0] + 1)[:, None]).sum(1)]

    def _select(self, tables_RVG: torch.Tensor, sums: Sequence[torch.Tensor]) -> None:
        """Write the inputs' share of sums[i], (T_i, B, G), for every row: the symbols' rows of its table."""
        for i, u_TB in enumerate(self.symbols):
            flat = sums[i].view(-1, tables_RVG.shape[2])
            torch.index_select(tables_RVG[i], 0, u_TB.reshape(-1), out=flat)

    def _table_gradient(self, i: int, delta_TBG: torch.Tensor, out_VG: torch.Tensor) -> None:
        """Write the gradient of row i's table: the sum of delta_t over each symbol's places."""
        u_hot = one_hot(self.symbols[i].reshape(-1), self.model.inputs).to(delta_TBG.dtype)
        torch.mm(u_hot.t(), delta_TBG.view(-1, delta_TBG.shape[2]), out=out_VG)

    def _bias_gradients(self, i: int, grads: Weights) -> None:
        for branch in self.model.branches:
            # Every step has exactly one symbol, so the symbols' gradients add up to the bias's.
            torch.sum(grads[f"W_u{branch}"][i], 0, out=grads[bias_name(branch)][i])
