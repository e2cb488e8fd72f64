"""The passes of the layered cell of optional gates in compiled loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rnnctl.cells.base.cell import Weights
from rnnctl.cells.base.layout import block
from rnnctl.cells.base.tape import FusedTape, Regularisers
from rnnctl.cells.gated import loops
from rnnctl.cells.gated.passes import GatedTape


class FusedGatedTape(GatedTape, FusedTape):
    """The layered cell of optional gates in fused loops."""

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        model = self.model
        maps, shape = model.maps, (model.layers, runs, steps, self.batch, model.hidden)
        self.x_LRTBH = torch.zeros(model.layers + 1, *shape[1:], **options)
        values = {name: torch.zeros(shape, **options) for name in ("m", "o", "g", "s", *model.gates)}
        # A map that the flags leave out changes nothing: its output is its input.
        values["x'"] = torch.zeros(shape, **options) if "A" in maps else self.x_LRTBH
        values["s'"] = torch.zeros(shape, **options) if "B" in maps else values["s"]
        values["p"] = torch.zeros(shape, **options) if "D" in maps else values["m"]
        values["n"] = torch.zeros(shape, **options) if "E" in maps else values["p"]
        self.values = values
        # A gate that the flags leave out is never read; any array stands in for it.
        self.arrays = tuple(values.get(name, values["m"]).numpy() for name in loops.VALUES)
        self.rows, self.height = np.full((len("ABCDEFG"), 2), -1), 0
        for letter, parts in maps.items():
            bias = self.height + parts * model.hidden
            self.rows["ABCDEFG".index(letter)] = self.height, bias
            self.height = bias + 1
        read = model.read("n", "s", "x")
        self.parts = np.array([read.index(part) if part in read else -1 for part in "nsx"])
        names = [name for name, _ in model.layout.shapes if name[2] in maps]
        self.ends = names[0], names[-1]

    def _maps(self, weights: Weights) -> np.ndarray:
        """Return all maps of every run, (R, L, P, H), as they lie in the runs' rows."""
        maps = block(weights, *self.ends).view(-1, self.model.layers, self.height, self.model.hidden)
        array: np.ndarray = maps.numpy()
        return array

    def _forward(self, weights: Weights) -> None:
        self.sums = self._sums(weights, self.model.branches)
        self._select(self.sums, [self.x_LRTBH[0, i, :length] for i, length in enumerate(self.lengths)])
        w, x, h = self._maps(weights), self.x_LRTBH.numpy(), self.h_RTBH.numpy()
        for i, length in enumerate(self.lengths):
            loops.forward(w[i], self.rows, self.parts, x, h, self.arrays, i, length)

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        w, into, x, d = self._maps(weights), self._maps(grads), self.x_LRTBH.numpy(), self.d_RTBH.numpy()
        for i, (_, places) in enumerate(self.sums):
            by_place = self._room(i, self.model.branches, grads)
            loops.backward(
                w[i], self.rows, self.parts, places.numpy(), x, self.arrays,
                self.direct[i].numpy(), d, i, by_place.numpy(), into[i],
            )  # fmt: skip
            self._input_gradients(i, by_place, self.model.branches, grads)
        return [0.0] * len(self.lengths)
