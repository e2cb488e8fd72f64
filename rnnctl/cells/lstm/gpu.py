"""The passes of the LSTM on a GPU."""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

import torch

from rnnctl.cells.base.cell import Cell
from rnnctl.cells.base.kernel_pairs import PairedTape
from rnnctl.cells.base.kernel_tape import Product, Rows
from rnnctl.cells.base.section import CellSection
from rnnctl.cells.lstm import kernels
from rnnctl.cells.lstm.equations import Lstm
from rnnctl.cells.lstm.section import LstmSection


class KernelLstmTape(PairedTape):
    """The LSTM on a GPU. Its carried state is h and c side by side."""

    model: Lstm
    _kernels: ClassVar[ModuleType] = kernels
    _written: ClassVar[tuple[str, ...]] = ("h", "last", "c", "units")
    _read_back: ClassVar[tuple[str, ...]] = ("c", "units", "direct", "d", "delta")
    _room_of_tiles: ClassVar[tuple[str, ...]] = ("carried",)
    _section: ClassVar[type[CellSection]] = LstmSection
    _at_once: ClassVar[int] = 4
    _state_parts: ClassVar[int] = 2

    def _buffers(self) -> dict[str, tuple[int, ...]]:
        runs, steps, batch, hidden = self.runs, self.steps, self.batch, self.model.hidden
        shapes: dict[str, tuple[int, ...]] = {"h": (runs, steps + 1 if self.keep else 2, batch, hidden)}
        if self.train or not self._in_registers:
            shapes["c"] = (runs, steps + 1 if self.train else 2, batch, hidden)
        if self.train:
            shapes |= {
                "units": (runs, steps, batch, 4 * hidden),
                "d": (runs, steps + 1, batch, hidden),
                "delta": (runs, steps, batch, 4 * hidden),
            }
            if not self._in_registers:
                shapes["carried"] = (runs, batch, hidden)
        return shapes

    def gates(self, rows: Rows) -> dict[str, torch.Tensor]:
        units = self.buffers["units"][rows, : self.steps_of(rows)]
        return dict(zip("ifo", units.chunk(4, -1)[:3], strict=True))

    def products(self, network: Cell) -> list[Product]:
        return self._branch_products(dict.fromkeys(self.model.branches, "h"))
