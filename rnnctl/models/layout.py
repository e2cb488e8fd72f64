"""Where each weight lies in a run's flat vector.

A pack keeps its weights as one (R, N) matrix, a row a run, and its gradients as another; the weights that the
equations name are views into it. So a norm, a clip and an update are operations on a flat row, the same whoever else
is in the pack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Layout:
    """Names and shapes of a model's weights, in a fixed order."""

    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def size(self) -> int:
        """N: the weights of one run."""
        return sum(math.prod(shape) for _, shape in self.shapes)

    def views(self, flat_RN: torch.Tensor) -> dict[str, torch.Tensor]:
        """Each weight as an (R, *shape) view of the rows."""
        found, offset = {}, 0
        for name, shape in self.shapes:
            entries = math.prod(shape)
            found[name] = flat_RN[:, offset : offset + entries].unflatten(1, shape)
            offset += entries
        return found
