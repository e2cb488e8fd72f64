"""The passes of the GRU on a GPU."""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

import torch

from rnnctl.cells.base.cell import Cell
from rnnctl.cells.base.kernel_pairs import PairedTape
from rnnctl.cells.base.kernel_tape import Product, Rows
from rnnctl.cells.base.section import CellSection
from rnnctl.cells.gru import kernels
from rnnctl.cells.gru.equations import GATES, Gru
from rnnctl.cells.gru.section import GruSection


class KernelGruTape(PairedTape):
    """The GRU on a GPU."""

    model: Gru
    _kernels: ClassVar[ModuleType] = kernels
    _written: ClassVar[tuple[str, ...]] = ("h", "last", "units", "reset")
    _read_back: ClassVar[tuple[str, ...]] = ("h", "units", "direct", "d", "delta")
    _section: ClassVar[type[CellSection]] = GruSection
    _at_once: ClassVar[int] = 2

    def _buffers(self) -> dict[str, tuple[int, ...]]:
        runs, steps, batch, hidden = self.runs, self.steps, self.batch, self.model.hidden
        shapes: dict[str, tuple[int, ...]] = {"h": (runs, steps + 1 if self.keep else 2, batch, hidden)}
        if self.train or not self._in_registers:
            kept = steps if self.train else 1
            shapes |= {"units": (runs, kept, batch, 3 * hidden), "reset": (runs, kept, batch, hidden)}
        if self.train:
            shapes |= {"d": (runs, steps + 1, batch, hidden), "delta": (runs, steps, batch, 3 * hidden)}
        return shapes

    def gates(self, rows: Rows) -> dict[str, torch.Tensor]:
        units = self.buffers["units"][rows, : self.steps_of(rows)]
        return dict(zip(GATES, units.chunk(3, -1)[:2], strict=True))

    def products(self, network: Cell) -> list[Product]:
        return self._branch_products({"z": "h", "r": "h", "h": "reset"})
