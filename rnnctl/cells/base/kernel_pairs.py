"""Cells with gates on a GPU: a kernel for few hidden units and one for many, in each direction.

With few, a program takes one sequence and keeps the recurrent matrices in its registers. With many, a program takes a
tile of sequences and reads the matrices block by block.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import torch

from rnnctl.cells.base.kernel_tape import Factor, Inputs, KernelTape, Product
from rnnctl.cells.base.names import bias_name
from rnnctl.kernels.gpu.launch import TILE, blocks, launch, padded, warps_for

# Units of a tile that are made at a time, and that are read at a time. With a greater depth or fewer warps not all of a
# product fits into registers.
BLOCK, DEPTH = 64, 16
TILE_WARPS = 8


class PairedTape(KernelTape):
    """A KernelTape of a cell whose branches have a matrix for the input, one for the state, and a bias each.

    Buffer `h` has the states, and `delta` the gradients of the branches' sums side by side, (R, T, B, branches H).
    """

    # Matrices that are multiplied at once: a program has a thread for each of their columns, two in float64.
    _at_once: ClassVar[int]

    # The module with the cell's kernels, and their buffers: those of the way forward, those of the way back, and what
    # tiles need besides on the way back.
    _kernels: ClassVar[ModuleType]
    _written: ClassVar[tuple[str, ...]]
    _read_back: ClassVar[tuple[str, ...]]
    _room_of_tiles: ClassVar[tuple[str, ...]] = ()

    @property
    def read(self) -> Factor:
        return Factor("h", self.model.hidden, column=self.batch * self.model.hidden)

    def _branch_products(self, states: dict[str, str]) -> list[Product]:
        """Return the products for all weights. states: by branch, the buffer that its recurrent matrix multiplies."""
        hidden = self.model.hidden
        return [
            Product(
                f"W_h{branch}",
                Factor(states[branch], hidden),
                Factor("delta", hidden, column=k * hidden),
                inputs=f"W_u{branch}",
                bias=bias_name(branch),
            )
            for k, branch in enumerate(self.model.branches)
        ]

    def _weights(self, flat_RN: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]:
        """Return the first branch's input matrix, recurrent matrix and bias, and how far from them those of the next
        branch are.
        """
        first, second = self.model.branches[:2]
        names = (f"W_u{first}", f"W_h{first}", bias_name(first))
        w_u, w_h, b = (self.weight(flat_RN, name) for name in names)
        return w_u, w_h, b, self.places[f"W_u{second}"] - self.places[f"W_u{first}"]

    def forward(self, flat_RN: torch.Tensor, inputs: Inputs, *, carry: bool = False) -> None:
        runs, size = flat_RN.shape
        *weights, apart = self._weights(flat_RN)
        buffers = [self.buffers.get(name) for name in self._written]
        arguments = (
            inputs.values, inputs.stride, inputs.lengths_R, inputs.goes_on_R, self.carry_RBC, *weights, apart, size,
            *buffers, self.steps, self.batch, self.model.inputs,
        )  # fmt: skip
        constants = {"REALS": inputs.reals, "KEEP": self.keep, "TRAIN": self.train, "CARRY": carry}
        if self._in_registers:
            self._launch_sequences(self._kernels.forward, runs, *arguments, **constants)
        else:
            self._launch_tiles(self._kernels.forward_tiles, runs, *arguments, **constants)

    def backward(self, flat_RN: torch.Tensor, inputs: Inputs) -> None:
        runs, size = flat_RN.shape
        weights = flat_RN if self._in_registers else self.transposed(flat_RN, *self.model.recurrent)
        _, w_h, _, apart = self._weights(weights)
        buffers = [self.buffers[name] for name in self._read_back]
        arguments = (inputs.lengths_R, w_h, apart, size, *buffers, self.steps, self.batch)
        if self._in_registers:
            self._launch_sequences(self._kernels.backward, runs, *arguments, EVERY=self.every)
        else:
            room = [self.buffers[name] for name in self._room_of_tiles]
            self._launch_tiles(self._kernels.backward_tiles, runs, *arguments, *room, EVERY=self.every)

    def _launch_sequences(self, kernel: Any, runs: int, *arguments: Any, **constants: Any) -> None:
        """Launch a kernel whose programs take one sequence each."""
        size = padded(self.model.hidden)
        warps = warps_for(self._at_once * size * self.dtype.itemsize // 4)
        launch(kernel, (self.batch, runs), *arguments, warps=warps, H=self.model.hidden, HP=size, **constants)

    def _launch_tiles(self, kernel: Any, runs: int, *arguments: Any, **constants: Any) -> None:
        """Launch a kernel whose programs take a tile of sequences each."""
        launch(
            kernel, (blocks(self.batch, TILE), runs), *arguments, warps=TILE_WARPS,
            H=self.model.hidden, PRECISION=self.precision, TILE=TILE, BLOCK=BLOCK, DEPTH=DEPTH, **constants,
        )  # fmt: skip
