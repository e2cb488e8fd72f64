"""The passes of the GRU on a GPU."""

from __future__ import annotations

from typing import ClassVar

import torch

from rnnctl.cells.base.kernel_pairs import PairedTape
from rnnctl.cells.base.kernel_tape import Inputs, Product, Rows
from rnnctl.cells.gru import kernels
from rnnctl.cells.gru.equations import GATES, Gru


class KernelGruTape(PairedTape):
    """The GRU on a GPU."""

    model: Gru
    _most_units: ClassVar[int] = 64
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

    def products(self) -> list[Product]:
        return self._branch_products({"z": "h", "r": "h", "h": "reset"})

    def forward(self, flat_RN: torch.Tensor, inputs: Inputs, *, carry: bool = False) -> None:
        runs, size = flat_RN.shape
        *weights, apart = self._weights(flat_RN)
        buffers = [self.buffers.get(name) for name in ("h", "last", "units", "reset")]
        arguments = (
            inputs.values, inputs.stride, inputs.lengths_R, inputs.goes_on_R, self.carry_RBC, *weights, apart, size,
            *buffers, self.steps, self.batch, self.model.inputs,
        )  # fmt: skip
        constants = {"REALS": inputs.reals, "KEEP": self.keep, "TRAIN": self.train, "CARRY": carry}
        if self._in_registers:
            self._launch_sequences(kernels.forward, runs, *arguments, **constants)
        else:
            self._launch_tiles(kernels.forward_tiles, runs, *arguments, **constants)

    def backward(self, flat_RN: torch.Tensor, inputs: Inputs) -> None:
        runs, size = flat_RN.shape
        weights = flat_RN if self._in_registers else self.transposed(flat_RN, *self.model.recurrent)
        _, w_h, _, apart = self._weights(weights)
        buffers = [self.buffers[name] for name in ("h", "units", "direct", "d", "delta")]
        arguments = (inputs.lengths_R, w_h, apart, size, *buffers, self.steps, self.batch)
        if self._in_registers:
            self._launch_sequences(kernels.backward, runs, *arguments, EVERY=self.every)
        else:
            self._launch_tiles(kernels.backward_tiles, runs, *arguments, EVERY=self.every)
