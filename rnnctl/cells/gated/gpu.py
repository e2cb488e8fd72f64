"""The passes of the layered cell of optional gates on a GPU."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch

from rnnctl.cells.base.cell import Cell
from rnnctl.cells.base.kernel_tape import Factor, Inputs, KernelTape, Product, Rows
from rnnctl.cells.base.section import REDUCED
from rnnctl.cells.gated import kernels
from rnnctl.cells.gated.equations import Gated
from rnnctl.cells.gated.plan import NEXT, Plan
from rnnctl.cells.gated.section import tile_of
from rnnctl.kernels.gpu.launch import TILE, blocks, launch, padded


class KernelGatedTape(KernelTape):
    """The layered cell on a GPU. h(i) and d(i) are those of all layers side by side, (T_i + 1, B, L * H).

    Networks of rows may differ in their flags; `model` has all flags that one of them has. `values`, `deltas` and
    `room` are as rnnctl.cells.gated.kernels says.
    """

    model: Gated

    def _buffers(self) -> dict[str, tuple[int, ...]]:
        runs, batch, hidden, layers = self.runs, self.batch, self.model.hidden, self.model.layers
        steps, states = self.steps if self.train else 1, self.model.state_size
        shapes: dict[str, tuple[int, ...]] = {
            "values": (runs, steps, batch, (layers * len(self.plan.values) + 1) * hidden),
            "h": (runs, steps + 1, batch, states),
        }
        if self.train:
            shapes |= {
                "deltas": (runs, steps, batch, layers * len(self.plan.deltas) * hidden),
                "d": (runs, steps + 1, batch, states),
                "dx": (runs, steps, batch, hidden),
                "room": (runs, batch, kernels.ROOM.value * hidden),
            }
        elif self.every:
            shapes["out"] = runs, self.steps, batch, hidden
        return shapes

    @cached_property
    def plan(self) -> Plan:
        """The slots of the widest network. A layer of another has room for as many, and may use fewer."""
        return Plan(self.model, self.model)

    @property
    def _plans(self) -> torch.Tensor:
        """The plan of each kind of network."""
        return self.kinds.table("plans", lambda network: [_plan(network, self.model).numbers()], torch.int32)

    @property
    def read(self) -> Factor:
        if not self.train:
            return Factor("out", self.model.hidden)
        return self._value(self.plan, self.model.layers, "x")

    def _value(self, plan: Plan, layer: int, name: str) -> Factor:
        """Return where a value of layer 0, 1, ... lies; x of layer L is the last layer's output."""
        hidden, states = self.model.hidden, self.model.state_size
        source = plan.source(name)
        if source >= 0:
            return Factor("values", hidden, (layer * len(self.plan.values) + source) * hidden)
        # The state of the next step is a row of states further for each sequence.
        return Factor("h", hidden, layer * hidden + (self.batch * states if source == NEXT else 0))

    def _delta(self, plan: Plan, layer: int, letter: str) -> Factor:
        slot = layer * len(self.plan.deltas) + plan.deltas.index(letter)
        return Factor("deltas", self.model.hidden, slot * self.model.hidden)

    def products(self, network: Cell) -> list[Product]:
        hidden, plan = self.model.hidden, _plan(network, self.model)
        products = [Product(None, None, Factor("dx", hidden), inputs="W_ux", bias="b_x")]
        for layer in range(self.model.layers):
            for letter in plan.model.maps:
                delta = self._delta(plan, layer, letter)
                *others, last = enumerate(plan.parts(letter))
                for i, part in (*others, last):
                    bias = f"b_{letter}{layer + 1}" if (i, part) == last else None
                    a = self._value(plan, layer, part)
                    products.append(Product(f"W_{letter}{layer + 1}", a, delta, first_row=i * hidden, bias=bias))
        return products

    def gates(self, rows: Rows) -> dict[str, torch.Tensor]:
        """Return each gate of rows for t = 1..T, all layers side by side, (..., T, B, L * H), by name."""
        values, hidden = self.buffers["values"][rows, ..., : self.steps_of(rows), :, :], self.model.hidden
        networks = self.kinds.networks[rows]
        plan = _plan(networks[0] if isinstance(networks, list) else networks, self.model)

        def side_by_side(name: str) -> torch.Tensor:
            starts = [self._value(plan, layer, name).column for layer in range(self.model.layers)]
            return torch.cat([values[..., start : start + hidden] for start in starts], -1)

        return {name: side_by_side(name) for name in plan.model.gates}

    def gates_of(self, network: Cell) -> tuple[str, ...]:
        return _plan(network, self.model).model.gates

    def forward(self, flat_RN: torch.Tensor, inputs: Inputs, *, carry: bool = False) -> None:
        values, model = self.buffers["values"], self.model
        out = None if self.train else self.buffers["out" if self.every else "last"]
        launch(
            kernels.layers_forward, self._grid(flat_RN),
            inputs.values, inputs.stride, inputs.lengths_R, inputs.goes_on_R, self.carry_RBC,
            self.weight(flat_RN, "W_ux"), self.weight(flat_RN, "b_x"), self._maps(flat_RN), flat_RN.shape[1],
            self.kinds.numbers_R, self._plans, values, len(self.plan.values), values.shape[-1], self.buffers["h"], out,
            self.steps, self.batch, model.inputs, model.layers,
            H=model.hidden, KEEP=self.train, EVERY=self.every, CARRY=carry, PRECISION=self.precision, **self._sizes,
        )  # fmt: skip

    def backward(self, flat_RN: torch.Tensor, inputs: Inputs) -> None:
        buffers, model = self.buffers, self.model
        values, names = buffers["values"], [f"W_{letter}{i + 1}" for i in range(model.layers) for letter in model.maps]
        launch(
            kernels.layers_backward, self._grid(flat_RN),
            inputs.lengths_R, self._maps(self.transposed(flat_RN, *names)), flat_RN.shape[1], self.kinds.numbers_R,
            self._plans, values, len(self.plan.values), values.shape[-1], buffers["h"], buffers["direct"], buffers["d"],
            buffers["dx"], buffers["deltas"], len(self.plan.deltas), buffers["room"], self.steps, self.batch,
            model.layers,
            H=model.hidden, EVERY=self.every, PRECISION=self.precision, **self._sizes,
        )  # fmt: skip

    def _maps(self, flat_RN: torch.Tensor) -> torch.Tensor:
        """Return the first run's weights from the first map of the first layer on."""
        return self.weight(flat_RN, f"W_{next(iter(self.model.maps))}1")

    def _grid(self, flat_RN: torch.Tensor) -> tuple[int, int]:
        return blocks(self.batch, self._sizes["TILE"]), len(flat_RN)

    @cached_property
    def _sizes(self) -> dict[str, Any]:
        return sizes(self.model.hidden, self.batch, self.dtype, self.precision)


def _plan(network: Cell, widest: Gated) -> Plan:
    assert isinstance(network, Gated)
    return Plan(network, widest)


def sizes(hidden: int, batch: int, dtype: torch.dtype, precision: str) -> dict[str, Any]:
    """Return the sizes of a program's blocks, its warps, and how many blocks it loads ahead (one: none).

    A thread has 8 sums of a product, or 16 of those of larger layers and batches. With more sums, or blocks ahead of
    the present one, registers do not suffice; nor do they for 8 sums where factors are made narrow, which takes
    registers too. Float64 is multiplied in registers alone, so its blocks are small.
    """
    if dtype == torch.float64:
        return {"TILE": 16, "BLOCK": min(32, padded(hidden)), "DEPTH": 8, "warps": 4, "num_stages": 1}
    tile = tile_of(batch)
    block = 128 if tile > TILE and hidden >= 128 else min(64, padded(hidden))
    warps = min(8, max(1, tile * block // (128 if precision in REDUCED else 256)))
    return {"TILE": tile, "BLOCK": block, "DEPTH": min(32, block), "warps": warps, "num_stages": 1}
