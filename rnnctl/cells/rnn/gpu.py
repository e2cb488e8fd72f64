"""The passes of the vanilla RNN on a GPU."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from rnnctl.cells.base.cell import Cell
from rnnctl.cells.base.kernel_tape import Factor, Inputs, KernelTape, Product
from rnnctl.cells.base.section import CellSection
from rnnctl.cells.rnn import kernels
from rnnctl.cells.rnn.equations import Rnn
from rnnctl.cells.rnn.section import RnnSection
from rnnctl.kernels.gpu.launch import TILE, blocks, launch, padded, warps_for

BLOCK, DEPTH = 64, 32  # of the kernels that take tiles of sequences
NORMS, NORMS_AT_A_TIME = 64, 512  # rows that a program of the regulariser takes


class KernelRnnTape(KernelTape):
    """The vanilla RNN on a GPU."""

    model: Rnn
    takes_regularisers: ClassVar[bool] = True
    _section: ClassVar[type[CellSection]] = RnnSection

    def _buffers(self) -> dict[str, tuple[int, ...]]:
        runs, steps, batch, hidden = self.runs, self.steps, self.batch, self.model.hidden
        if not self.train:
            return {"h": (runs, steps + 1, batch, hidden)} if self.keep else {"h": (runs, 2, batch, hidden)}
        shapes: dict[str, tuple[int, ...]] = {
            "h": (runs, steps + 1, batch, hidden),
            "d": (runs, steps + 1, batch, hidden),
            "delta": (runs, steps, batch, hidden),
            "states": (runs, steps, batch, hidden),
            "norms": (runs, 2, (steps + 1) * batch),
        }
        return {**shapes, "carried": (runs, steps, batch, hidden)} if self.every else shapes

    @property
    def read(self) -> Factor:
        return Factor("h", self.model.hidden, column=self.batch * self.model.hidden)

    def products(self, network: Cell) -> list[Product]:
        hidden = self.model.hidden
        delta = Factor("delta", hidden)
        return [Product("W_hh", Factor("states", hidden), delta, inputs="W_uh", bias="b_hh")]

    def forward(self, flat_RN: torch.Tensor, inputs: Inputs, *, carry: bool = False) -> None:
        hidden = self.model.hidden
        arguments = (
            inputs.values, inputs.stride, inputs.lengths_R, inputs.goes_on_R, self.carry_RBC,
            self.weight(flat_RN, "W_uh"), self.weight(flat_RN, "W_hh"), self.weight(flat_RN, "b_hh"),
            flat_RN.shape[1], self.buffers["h"], self.buffers.get("last"), self.steps, self.batch, self.model.inputs,
        )  # fmt: skip
        common: dict[str, Any] = {
            "H": hidden, "PHI": self.model.activation, "REALS": inputs.reals, "KEEP": self.keep, "CARRY": carry,
        }  # fmt: skip
        if self._in_registers:
            size = padded(hidden)
            launch(kernels.forward, (self.batch, len(flat_RN)), *arguments, warps=warps_for(size), HP=size, **common)
        else:
            grid = blocks(self.batch, TILE), len(flat_RN)
            launch(
                kernels.forward_tiles, grid, *arguments,
                PRECISION=self.precision, TILE=TILE, BLOCK=BLOCK, DEPTH=DEPTH, **common,
            )  # fmt: skip

    def backward(self, flat_RN: torch.Tensor, inputs: Inputs) -> None:
        hidden, buffers = self.model.hidden, self.buffers
        weights = flat_RN if self._in_registers else self.transposed(flat_RN, "W_hh")
        arguments = (
            inputs.lengths_R, self.weight(weights, "W_hh"), weights.shape[1], buffers["h"], buffers["direct"],
            buffers["d"], buffers["carried" if self.every else "d"], buffers["delta"], self.steps, self.batch,
        )  # fmt: skip
        common: dict[str, Any] = {"H": hidden, "PHI": self.model.activation, "EVERY": self.every}
        if self._in_registers:
            size = padded(hidden)
            launch(kernels.backward, (self.batch, len(flat_RN)), *arguments, warps=warps_for(size), HP=size, **common)
        else:
            grid = blocks(self.batch, TILE), len(flat_RN)
            launch(
                kernels.backward_tiles, grid, *arguments,
                PRECISION=self.precision, TILE=TILE, BLOCK=BLOCK, DEPTH=DEPTH, **common,
            )  # fmt: skip
        self._lengths_R = inputs.lengths_R

    def regularise(self, scalars_RS: torch.Tensor) -> None:
        hidden, buffers = self.model.hidden, self.buffers
        carried = buffers["carried" if self.every else "d"]
        rows, runs = self.steps * self.batch, len(scalars_RS)
        launch(
            kernels.squared_norms, (blocks(rows + self.batch, NORMS), runs, 2 if self.every else 1),
            self._lengths_R, buffers["d"], carried, buffers["norms"], scalars_RS, scalars_RS.stride(0),
            self.steps, self.batch, hidden,
            TILE=NORMS, BLOCK=BLOCK,
        )  # fmt: skip
        launch(
            kernels.regularise, (blocks(rows, NORMS), runs),
            self._lengths_R, buffers["h"], carried, buffers["norms"], buffers["states"], buffers["omegas"], scalars_RS,
            scalars_RS.stride(0), self.steps, self.batch, hidden,
            EVERY=self.every, TILE=NORMS, BLOCK=BLOCK, DEPTH=NORMS_AT_A_TIME,
        )  # fmt: skip
