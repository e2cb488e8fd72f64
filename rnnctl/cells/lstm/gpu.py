"""The passes of the LSTM on a GPU."""

from __future__ import annotations

from typing import ClassVar

import torch

from rnnctl.cells.base.kernel_pairs import PairedTape
from rnnctl.cells.base.kernel_tape import Inputs, Product, Rows
from rnnctl.cells.lstm import kernels
from rnnctl.cells.lstm.equations import Lstm


class KernelLstmTape(PairedTape):
    """The LSTM on a GPU. Its carried state is h and c side by side."""

    model: Lstm
    _most_units: ClassVar[int] = 64
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

    def products(self) -> list[Product]:
        return self._branch_products(dict.fromkeys(self.model.branches, "h"))

    def forward(self, flat_RN: torch.Tensor, inputs: Inputs, *, carry: bool = False) -> None:
        runs, size = flat_RN.shape
        *weights, apart = self._weights(flat_RN)
        buffers = [self.buffers.get(name) for name in ("h", "last", "c", "units")]
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
        buffers = [self.buffers[name] for name in ("c", "units", "direct", "d", "delta")]
        arguments = (inputs.lengths_R, w_h, apart, size, *buffers, self.steps, self.batch)
        if self._in_registers:
            self._launch_sequences(kernels.backward, runs, *arguments, EVERY=self.every)
        else:
            self._launch_tiles(kernels.backward_tiles, runs, *arguments, self.buffers["carried"], EVERY=self.every)
