"""What every cell has: sizes, weights by name, and one step after another.

A cell has one or more branches, each an input matrix W_u*, a recurrent matrix W_h* and a bias. Branch `h` is the one
that makes new content for the hidden state: its W_hh is what spectral radius and largest singular value are taken of,
in every cell. The others are gates.

Names of axes: R runs, T time, B batch, H hidden, G units of several branches side by side, V inputs (symbols or reals),
O outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from rnnctl.cells.base.activations import Activation
from rnnctl.cells.base.layout import Layout

if TYPE_CHECKING:
    from rnnctl.cells.base.tape import Tape

Weights = dict[str, torch.Tensor]


def bias_name(branch: str) -> str:
    """`b_hh` for the branch of new content, `b_z` and the like for a gate."""
    return "b_hh" if branch == "h" else f"b_{branch}"


@dataclass(frozen=True)
class Cell(ABC):
    """Sizes of a network: V inputs, symbols or reals; H hidden units; O outputs."""

    inputs: int
    hidden: int
    outputs: int

    branches: ClassVar[tuple[str, ...]]

    @property
    def state_size(self) -> int:
        """Units that go from one step to the next, and that a tape keeps."""
        return self.hidden

    @property
    def layout(self) -> Layout:
        v, h, o = self.inputs, self.hidden, self.outputs
        shapes = []
        for branch in self.branches:
            shapes += [(f"W_u{branch}", (v, h)), (f"W_h{branch}", (h, h)), (bias_name(branch), (h,))]
        return Layout((*shapes, ("W_hy", (h, o)), ("b_hy", (o,))))

    @property
    def recurrent(self) -> tuple[str, ...]:
        """Names of the recurrent matrices."""
        return tuple(f"W_h{branch}" for branch in self.branches)

    def candidate(self, weights: Weights) -> torch.Tensor:
        """(R, H, H): the recurrent matrix of the new content, for spectral radius and largest singular value."""
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
    @abstractmethod
    def phi(self) -> Activation:
        """What bounds h_t, for the saturation of hidden units."""

    @abstractmethod
    def steps(self, weights: Weights, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        """h_t of every run, (R, B, H), for t = 1..T, from one shared batch of inputs, (T, B) symbols or (T, B, V): a
        forward pass that keeps no other state. Each is good until the next is asked for.
        """


def input_table(weights: Weights, branches: Sequence[str] = ("h",)) -> torch.Tensor:
    """(R, V, G): what each symbol adds to the branches' sums. Such inputs are indices, so their projection is a row of
    this table.
    """
    return _beside([weights[f"W_u{b}"] + weights[bias_name(b)].unsqueeze(1) for b in branches])


def input_matrix(weights: Weights, branches: Sequence[str]) -> torch.Tensor:
    """(R, V, G): the branches' input matrices side by side."""
    return _beside([weights[f"W_u{b}"] for b in branches])


def input_bias(weights: Weights, branches: Sequence[str]) -> torch.Tensor:
    """(R, 1, G): the branches' biases side by side."""
    return _beside([weights[bias_name(b)].unsqueeze(1) for b in branches])


def projection(weights: Weights, branches: Sequence[str] = ("h",)) -> Callable[[torch.Tensor], torch.Tensor]:
    """From the inputs of one step, (B,) symbols or (B, V), to what they add to the branches' sums, (R, B, G)."""
    matrix_RVG, bias_R1G = input_matrix(weights, branches), input_bias(weights, branches)
    table_RVG = input_table(weights, branches)

    def added(u: torch.Tensor) -> torch.Tensor:
        return torch.matmul(u, matrix_RVG) + bias_R1G if u.is_floating_point() else table_RVG.index_select(1, u)

    return added


def recurrence(weights: Weights, branches: Sequence[str] = ("h",)) -> torch.Tensor:
    """(R, H, G): the branches' recurrent matrices side by side."""
    return _beside([weights[f"W_h{b}"] for b in branches])


def _beside(matrices: list[torch.Tensor]) -> torch.Tensor:
    return matrices[0] if len(matrices) == 1 else torch.cat(matrices, 2)
