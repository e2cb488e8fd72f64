"""Networks that are checked together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from rnnctl.cells.base.cell import Cell


@dataclass(frozen=True, eq=False)
class Networks:
    """The weights of several networks, (R, N) on the device, and what each of them is.

    On a GPU the rows are as long as those of the widest network that could be among them, and its own weights lie at
    the end of each (see rnnctl.cells.base.kinds).
    """

    flat_RN: torch.Tensor
    cells: Sequence[Cell]

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, rows: Sequence[int] | slice) -> Networks:
        if isinstance(rows, slice):
            return Networks(self.flat_RN[rows], self.cells[rows])
        return Networks(self.flat_RN[list(rows)], [self.cells[r] for r in rows])
