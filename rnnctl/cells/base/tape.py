"""Passes through time for a pack of runs, whatever the cell: their results, and how rows and memory are ordered.

Each run of a pack has its own length. Rows are ordered by falling length: at every step the runs that still have one
are a prefix, and no step is computed in vain. Memory is run-major where a run's rows are multiplied or summed as a
whole ((R, T, B, H): its valid steps are one flat slice) and time-major where a step's product is written (d_TRBH).

Bits: a run has the same bits alone and in any pack, because every operation is elementwise, or a torch.bmm with the
runs as its batch (its bits do not depend on the batch if MKL_CBWR is set, but for the case in
rnnctl.cells.base.products), or an operation on the slice of one run. baddbmm, addcmul, torch.sigmoid and sums over an
(R, ...) tensor would break this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch.nn.functional import one_hot

from rnnctl.cells.base.cell import Cell, Weights, input_bias, input_matrix, input_table
from rnnctl.cells.base.names import bias_name

# alpha and bound of each row; None where no row is regularised.
Regularisers = Sequence[tuple[float, float]] | None
# What inputs add to the sums of one row: rows of sums, (X, G), and each step's and sequence's place among them, (T, B).
Sums = tuple[torch.Tensor, torch.Tensor]


class Tape(ABC):
    """The passes through time for up to `runs` runs, `steps` steps and `batch` sequences, and their results.

    Rows are runs, ordered by falling length. After forward(), h(i) is h_t of row i for t = 0..T_i, with h_0 = 0 unless
    a state was given, and gates(i) are its gates. After backward(), d(i) is dL/dh_t for t = 0..T_i. All are views of
    buffers, valid until the next pass.
    """

    takes_regularisers: ClassVar[bool] = False  # whether Omega is defined for the cell

    def __init__(self, model: Cell, runs: int, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> None:
        self.model, self.batch = model, batch
        self.lengths: list[int] = []
        self.inputs: list[torch.Tensor] = []
        self.direct: Sequence[torch.Tensor] = []
        self.blank = True  # whether the initial states are zeros
        options: dict[str, Any] = {"dtype": dtype, "device": device}
        self.h_RTBH = torch.zeros(runs, steps + 1, batch, model.state_size, **options)
        self._allocate(runs, steps, options)
        self._allocate_d(runs, steps, options)

    @abstractmethod
    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        """Allocate the buffers that the cell needs beside h and d."""

    def _allocate_d(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        # Time-major, so that the rows of a step's product are one block of memory.
        self.d_TRBH = torch.zeros(steps + 1, runs, self.batch, self.model.hidden, **options)

    def h(self, i: int) -> torch.Tensor:
        """Return h_t of row i for t = 0..T_i, (T_i + 1, B, H)."""
        return self.h_RTBH[i, : self.lengths[i] + 1]

    def d(self, i: int) -> torch.Tensor:
        """Return dL/dh_t of row i for t = 0..T_i, (T_i + 1, B, H)."""
        return self.d_TRBH[: self.lengths[i] + 1, i]

    def gates(self, i: int) -> dict[str, torch.Tensor]:
        """Return each gate of row i for t = 1..T_i, (T_i, B, H), by name; none for a cell without gates."""
        return {}

    def omega(self, i: int, bound: float) -> float | None:
        """Return Omega of row i after backward(); None for cells that the regulariser is not defined for.

        bound: squared gradient norms below it do not count.
        """
        return None

    def out(self, i: int) -> torch.Tensor:
        """Return what the head reads of row i, (T_i, B, H)."""
        return self.h(i)[1:]

    def state(self, i: int) -> torch.Tensor:
        """Return a copy of the state that row i is in after its last step, (B, C)."""
        return self.h(i)[-1].clone()

    def forward(
        self, weights: Weights, inputs: list[torch.Tensor], states: Sequence[torch.Tensor] | None = None
    ) -> None:
        """Run the recurrence over `inputs`: for each row (T_i, B) symbols as integers, or (T_i, B, V) real numbers.

        states: the state that each row starts from, (B, C), as state() returned it; without, all start from zeros.
        """
        self.lengths, self.inputs = [len(u) for u in inputs], inputs
        assert self.lengths == sorted(self.lengths, reverse=True)
        if states is not None or not self.blank:
            self._start(None if states is None else torch.stack(list(states)))
            self.blank = states is None
        self._forward(weights)

    def _start(self, states_RBC: torch.Tensor | None) -> None:
        """Write the initial states of the first rows; None writes zeros to all rows."""
        put_first(self.h_RTBH, states_RBC)

    @abstractmethod
    def _forward(self, weights: Weights) -> None:
        """Compute h and everything else that backward() reads."""

    def backward(
        self, weights: Weights, direct: Sequence[torch.Tensor], grads: Weights, regularisers: Regularisers = None
    ) -> list[float]:
        """Carry the gradient of each row back to dL/dh_0, write the gradients of all weights but the head's, and return
        each row's Omega (0 if its alpha is 0).

        The gradients are those of loss + alpha * Omega. direct: what the head sends into the last S steps of each row,
        (S, B, H), S >= 1. regularisers: alpha and bound of each row.
        """
        assert regularisers is None or self.takes_regularisers, "no regulariser is defined for this cell"
        self.direct = direct
        return self._backward(weights, grads, regularisers)

    @abstractmethod
    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]: ...

    def _each(self, regularisers: Regularisers) -> Sequence[tuple[float, float]]:
        return regularisers or [(0.0, 0.0)] * len(self.lengths)

    def _alive(self) -> list[int]:
        """Return how many rows have a step t, for t = 1..T. They are a prefix, because lengths fall."""
        lengths = np.array(self.lengths)
        return [int(n) for n in (lengths[None, :] >= np.arange(1, lengths[0] + 1)[:, None]).sum(1)]

    def _sums(self, weights: Weights, branches: Sequence[str] = ("h",)) -> list[Sums]:
        """Return what each row's inputs add to the branches' sums: a row for each symbol, or for each real input."""
        if not self.inputs[0].is_floating_point():
            return list(zip(input_table(weights, branches), self.inputs, strict=False))
        matrices, biases = input_matrix(weights, branches), input_bias(weights, branches)
        return [
            (torch.mm(u.view(-1, u.shape[2]), matrix).add_(bias), torch.arange(u[..., 0].numel()).view(u.shape[:2]))
            for u, matrix, bias in zip(self.inputs, matrices, biases, strict=False)
        ]

    def _select(self, sums: Sequence[Sums], into: Sequence[torch.Tensor]) -> None:
        """Write what inputs add to each row's sums, (T_i, B, G)."""
        for (rows_XG, places_TB), out_TBG in zip(sums, into, strict=True):
            flat = out_TBG.view(-1, out_TBG.shape[2])
            torch.index_select(rows_XG, 0, places_TB.reshape(-1).to(flat.device), out=flat)

    def _room(self, i: int, branches: Sequence[str], grads: Weights) -> torch.Tensor:
        """Return memory for the gradient of row i's sums, (X, G).

        For symbols and one branch this is the gradient of the input matrix itself, and is written there.
        """
        if self._is_matrix(i, branches):
            return grads[f"W_u{branches[0]}"][i]
        u = self.inputs[i]
        rows = u[..., 0].numel() if u.is_floating_point() else self.model.inputs
        return self.h_RTBH.new_empty(rows, sum(grads[f"W_u{branch}"].shape[2] for branch in branches))

    def _is_matrix(self, i: int, branches: Sequence[str]) -> bool:
        return len(branches) == 1 and not self.inputs[i].is_floating_point()

    def _by_place(self, i: int, delta_TBG: torch.Tensor, branches: Sequence[str], grads: Weights) -> torch.Tensor:
        """Return the gradient of row i's sums, (X, G): for symbols, delta_t summed over each symbol's places."""
        delta = delta_TBG.reshape(-1, delta_TBG.shape[2])
        u = self.inputs[i]
        if u.is_floating_point():
            return delta
        places = one_hot(u.reshape(-1), self.model.inputs).to(delta).t()
        return torch.mm(places, delta, out=self._room(i, branches, grads))

    def _input_gradients(self, i: int, by_place_XG: torch.Tensor, branches: Sequence[str], grads: Weights) -> None:
        """Write the gradients of row i's input matrices and biases, from that of its sums."""
        u = self.inputs[i]
        if not self._is_matrix(i, branches):
            matrix_VG = u.view(-1, u.shape[2]).t() @ by_place_XG if u.is_floating_point() else by_place_XG
            share_out(matrix_VG, i, [f"W_u{branch}" for branch in branches], grads)
        # Every place is in exactly one of the rows, so they add up to the bias's gradient.
        share_out(by_place_XG.sum(0), i, [bias_name(branch) for branch in branches], grads)


def put_first(buffer_RTBH: torch.Tensor, states_RBH: torch.Tensor | None) -> None:
    """Write the initial states of rows into step 0 of a buffer; None writes zeros."""
    if states_RBH is None:
        buffer_RTBH[:, 0] = 0
    else:
        buffer_RTBH[: len(states_RBH), 0] = states_RBH


def share_out(gradient: torch.Tensor, i: int, names: Sequence[str], grads: Weights) -> None:
    """Write row i's gradients of several weights that lie side by side along the last axis."""
    start = 0
    for name in names:
        weight = grads[name][i]
        width = weight.shape[-1]
        weight.copy_(gradient.narrow(-1, start, width))  # torch.split takes twice as long as the copy
        start += width
    assert start == gradient.shape[-1], names


class TorchTape(Tape):
    """A Tape whose loop over time takes all rows a step at a time."""

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        self._start_back()
        self._loop_back(weights)
        for i in range(len(self.lengths)):
            self._cell_input_gradients(i, grads)
        return self._recurrent_gradients(grads, regularisers)

    @abstractmethod
    def _loop_back(self, weights: Weights) -> None:
        """Compute d, adding what the head sends into each step (_join)."""

    @abstractmethod
    def _cell_input_gradients(self, i: int, grads: Weights) -> None:
        """Write row i's gradients of input matrices and biases."""

    @abstractmethod
    def _recurrent_gradients(self, grads: Weights, regularisers: Regularisers) -> list[float]:
        """Write the gradients of all rows' recurrent matrices, and return each row's Omega."""

    def _start_back(self) -> None:
        rows = list(enumerate(zip(self.lengths, self.direct, strict=True)))
        for i, (length, direct_SBH) in rows:
            self.d_TRBH[length, i] = direct_SBH[-1]
        self.read_back = any(len(direct_SBH) > 1 for direct_SBH in self.direct)
        if self.read_back:
            self.direct_TRBH = torch.zeros_like(self.d_TRBH)
            for i, (length, direct_SBH) in rows:
                self.direct_TRBH[length - len(direct_SBH) + 1 : length + 1, i] = direct_SBH

    def _join(self, t: int, rows: int) -> None:
        """Add the gradient that the head sends into step t to the one that came back to it."""
        if self.read_back:
            self.d_TRBH[t, :rows] += self.direct_TRBH[t, :rows]


class FusedTape(Tape):
    """A Tape whose loop over time runs in compiled loops, one run after the other: so d is run-major as well."""

    def _allocate_d(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        self.d_RTBH = torch.zeros(runs, steps + 1, self.batch, self.model.hidden, **options)

    def d(self, i: int) -> torch.Tensor:
        return self.d_RTBH[i, : self.lengths[i] + 1]


def transposed(matrices_RXY: torch.Tensor) -> np.ndarray:
    """Return the transposes of matrices, (R, Y, X), in their own memory."""
    array: np.ndarray = matrices_RXY.transpose(1, 2).contiguous().numpy()
    return array
