"""Where each weight lies in a run's flat vector.

A pack keeps its weights as one (R, N) matrix, a row a run, and its gradients as another; the weights that the
equations name are views into it. So a norm, a clip and an update are operations on a flat row, the same whoever else
is in the pack.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Layout:
    """Names and shapes of a network's weights, in a fixed order."""

    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def size(self) -> int:
        """N, the number of weights of one run."""
        return sum(math.prod(shape) for _, shape in self.shapes)

    def views(self, flat_RN: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return each weight as an (R, *shape) view of the rows."""
        columns = torch.split(flat_RN, [math.prod(shape) for _, shape in self.shapes], 1)
        return {
            name: flat.view(len(flat_RN), *shape) if len(shape) > 1 else flat
            for (name, shape), flat in zip(self.shapes, columns, strict=True)
        }

    def slices_without(self, names: Collection[str]) -> tuple[slice, ...]:
        """Return where the other weights lie in a run's row, as few slices as possible."""
        slices: list[slice] = []
        start = 0
        for name, shape in self.shapes:
            end = start + math.prod(shape)
            if name not in names:
                joins = bool(slices) and slices[-1].stop == start
                first = slices.pop().start if joins else start
                slices.append(slice(first, end))
            start = end
        return tuple(slices)


def block(views: dict[str, torch.Tensor], first: str, last: str) -> torch.Tensor:
    """Return the entries from weight `first` to weight `last`, (R, n), of the rows that `views` are views of."""
    start, end = views[first], views[last]
    entries = end.storage_offset() + math.prod(end.shape[1:]) - start.storage_offset()
    return start.as_strided((len(start), entries), (start.stride(0), 1))
