"""What every network has: sizes, weights by name, and one step after another.

A cell has one or more branches, each with an input matrix W_u*, a recurrent matrix W_h* and a bias. Branch `h` makes
the new content of the hidden state: spectral radius and largest singular value are those of its W_hh. The others are
gates.

Names of axes: R runs, T time, B batch, H hidden, G units of several branches side by side, V inputs (symbols or reals),
O outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from rnnctl.cells.base.activations import Bounds
from rnnctl.cells.base.layout import Layout
from rnnctl.cells.base.names import bias_name

if TYPE_CHECKING:
    from rnnctl.cells.base.kernel_tape import KernelTape
    from rnnctl.cells.base.tape import Tape

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Cell(ABC):
    """A network: V inputs (symbols or real numbers), H hidden units, O outputs."""

    inputs: int
    hidden: int
    outputs: int

    branches: ClassVar[tuple[str, ...]]

    @property
    def state_size(self) -> int:
        """The number of units that are handed from one step to the next, and that a tape keeps."""
        return self.hidden

    @property
    def measured_units(self) -> int:
        """The number of units of the states that are measured and asked about: those of a tape's h(i) and d(i)."""
        return self.state_size

    @property
    def layout(self) -> Layout:
        """Names and shapes of all weights."""
        v, h, o = self.inputs, self.hidden, self.outputs
        shapes: list[tuple[str, tuple[int, ...]]] = []
        for branch in self.branches:
            shapes += [(f"W_u{branch}", (v, h)), (f"W_h{branch}", (h, h)), (bias_name(branch), (h,))]
        return Layout((*shapes, ("W_hy", (h, o)), ("b_hy", (o,))))

    @property
    def recurrent(self) -> tuple[str, ...]:
        """The names of the recurrent matrices."""
        return tuple(f"W_h{branch}" for branch in self.branches)

    def candidate(self, weights: Weights) -> torch.Tensor:
        """Return the recurrent matrix of the new content, (R, H, H), for spectral radius and singular values."""
        return weights["W_hh"]

    @property
    @abstractmethod
    def torch_tape(self) -> type[Tape]:
        """The passes through time as torch operations, for any device."""

    @property
    def fused_tape(self) -> type[Tape] | None:
        """The passes through time as loops that are compiled for a CPU; None for a cell without. Loads numba."""
        return None

    @property
    def kernel_tape(self) -> type[KernelTape] | None:
        """The passes through time as kernels for a GPU; None for a cell without. Loads Triton."""
        return None

    @property
    @abstractmethod
    def bounds(self) -> Bounds:
        """The limits of h_t, for the saturation of hidden units."""

    @abstractmethod
    def steps(self, weights: Weights, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield h_t of every run, (R, B, H), for t = 1..T: a forward pass that keeps no other state.

        inputs: one batch for all runs, (T, B) symbols or (T, B, V) real numbers. Each h_t is valid until the next one
        is asked for.
        """

    def torch_layer(self, weights: Weights) -> torch.nn.RNNBase:
        """Return the layer of torch.nn that computes the same hidden states from the same inputs, with these weights.

        weights: of one run, without an axis of runs. Raise ValueError, saying in what it differs, if torch.nn has none.
        """
        raise ValueError("torch.nn has no layer with the equations of this cell")


def input_table(weights: Weights, branches: Sequence[str] = ("h",)) -> torch.Tensor:
    """Return what each symbol adds to the branches' sums, (R, V, G). A symbol's projection is a row of this table."""
    return _side_by_side([weights[f"W_u{b}"] + weights[bias_name(b)].unsqueeze(1) for b in branches])


def input_matrix(weights: Weights, branches: Sequence[str]) -> torch.Tensor:
    """Return the branches' input matrices side by side, (R, V, G)."""
    return _side_by_side([weights[f"W_u{b}"] for b in branches])


def input_bias(weights: Weights, branches: Sequence[str]) -> torch.Tensor:
    """Return the branches' biases side by side, (R, 1, G)."""
    return _side_by_side([weights[bias_name(b)].unsqueeze(1) for b in branches])


def projection(weights: Weights, branches: Sequence[str] = ("h",)) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the map from the inputs of a step, (B,) symbols or (B, V) real numbers, to what they add to the branches'
    sums, (R, B, G).
    """
    matrix_RVG, bias_R1G = input_matrix(weights, branches), input_bias(weights, branches)
    table_RVG = input_table(weights, branches)

    def added(u: torch.Tensor) -> torch.Tensor:
        return torch.matmul(u, matrix_RVG) + bias_R1G if u.is_floating_point() else table_RVG.index_select(1, u)

    return added


def recurrence(weights: Weights, branches: Sequence[str] = ("h",)) -> torch.Tensor:
    """Return the branches' recurrent matrices side by side, (R, H, G)."""
    return _side_by_side([weights[f"W_h{b}"] for b in branches])


def _side_by_side(matrices: list[torch.Tensor]) -> torch.Tensor:
    return matrices[0] if len(matrices) == 1 else torch.cat(matrices, 2)
