"""What every cell has: sizes, weights by name, and the classifier that reads its last hidden state.

A cell has one or more branches, each an input matrix W_u*, a recurrent matrix W_h* and a bias. Branch `h` is the one
that makes new content for the hidden state: its W_hh is what spectral radius and largest singular value are taken of,
in every cell. The others are gates.

Names of axes: R runs, T time, B batch, H hidden, G units of several branches side by side, V input symbols, O outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn.functional import one_hot

from rnnctl.models.activations import Activation
from rnnctl.models.layout import Layout

Weights = dict[str, torch.Tensor]


def bias_name(branch: str) -> str:
    """`b_hh` for the branch of new content, `b_z` and the like for a gate."""
    return "b_hh" if branch == "h" else f"b_{branch}"


@dataclass(frozen=True)
class Cell(ABC):
    """Sizes of a network: V symbols in, H hidden units, O classes out."""

    inputs: int
    hidden: int
    outputs: int

    branches: ClassVar[tuple[str, ...]]

    @property
    def layout(self) -> Layout:
        v, h, o = self.inputs, self.hidden, self.outputs
        shapes = []
        for branch in self.branches:
            shapes += [(f"W_u{branch}", (v, h)), (f"W_h{branch}", (h, h)), (bias_name(branch), (h,))]
        return Layout((*shapes, ("W_hy", (h, o)), ("b_hy", (o,))))

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """Shapes of the weights that an init draws; the others are biases."""
        return {name: shape for name, shape in self.layout.shapes if len(shape) == 2}

    @property
    def recurrent(self) -> tuple[str, ...]:
        """Names of the recurrent matrices."""
        return tuple(f"W_h{branch}" for branch in self.branches)

    @property
    def biases(self) -> dict[str, float]:
        """Biases that do not start at zero."""
        return {}

    @property
    @abstractmethod
    def phi(self) -> Activation:
        """What bounds h_t, for the saturation of hidden units."""

    @abstractmethod
    def last_hidden(self, weights: Weights, symbols_TB: torch.Tensor) -> torch.Tensor:
        """h_T of every run for one shared batch, (R, B, H): a validation's forward pass, which keeps no other state."""


def input_table(weights: Weights, branches: Sequence[str] = ("h",)) -> torch.Tensor:
    """(R, V, G): what each symbol adds to the branches' sums. Inputs are indices, so their projection is a row of this
    table.
    """
    return _beside([weights[f"W_u{b}"] + weights[bias_name(b)].unsqueeze(1) for b in branches])


def recurrence(weights: Weights, branches: Sequence[str] = ("h",)) -> torch.Tensor:
    """(R, H, G): the branches' recurrent matrices side by side."""
    return _beside([weights[f"W_h{b}"] for b in branches])


def _beside(matrices: list[torch.Tensor]) -> torch.Tensor:
    return matrices[0] if len(matrices) == 1 else torch.cat(matrices, 2)


def readout(weights: Weights, h_RBH: torch.Tensor, targets_RB: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and -log softmax at the target: (R, B, O) and (R, B), in nats."""
    y_RBO = torch.bmm(h_RBH, weights["W_hy"]) + weights["b_hy"].unsqueeze(1)
    return y_RBO, -y_RBO.log_softmax(2).gather(2, targets_RB.unsqueeze(2)).squeeze(2)


def readout_gradients(
    weights: Weights, h_RBH: torch.Tensor, y_RBO: torch.Tensor, targets_RB: torch.Tensor, grads: Weights
) -> torch.Tensor:
    """Write the gradients of W_hy and b_hy of the batch-mean loss; return dL/dh_T, (R, B, H)."""
    dy_RBO = y_RBO.softmax(2).sub_(one_hot(targets_RB, y_RBO.shape[2])).div_(targets_RB.shape[1])
    grads["W_hy"].copy_(torch.bmm(h_RBH.transpose(1, 2), dy_RBO))
    for i, dy_BO in enumerate(dy_RBO):
        torch.sum(dy_BO, 0, out=grads["b_hy"][i])
    return torch.bmm(dy_RBO, weights["W_hy"].transpose(1, 2))
