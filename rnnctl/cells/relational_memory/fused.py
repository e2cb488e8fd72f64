"""The passes of the relational memory in compiled loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rnnctl.cells.base.cell import Weights
from rnnctl.cells.base.tape import FusedTape, Regularisers, share_out
from rnnctl.cells.relational_memory import loops
from rnnctl.cells.relational_memory.passes import RelationalMemoryTape
from rnnctl.cells.relational_memory.section import GATES, NORMS, PERCEPTRON


class FusedRelationalMemoryTape(FusedTape, RelationalMemoryTape):
    """The relational memory in fused loops."""

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        model, batch = self.model, self.batch
        slots, units = model.slots, model.units
        columns = slots * batch
        shapes: dict[str, tuple[int, ...]] = {
            "qkv": (3 * units, columns),
            "input": (2 * units + 3 * model.gate_units, batch),
            "a": (model.heads * slots * (slots + 1), batch),
            **dict.fromkeys(("n1", "inner", "content", "squashed"), (units, columns)),
            # Without normalisation nothing is kept of it.
            "n2": (units, columns) if model.norm else (0, 0),
            **dict.fromkeys(("r1", "r2"), (columns,) if model.norm else (0,)),
            "gates": (3 * model.gate_units, columns),
        }
        self.values = {name: torch.zeros(runs, steps, *shape, **options) for name, shape in shapes.items()}
        memory_RTFC = torch.zeros(runs, steps + 1, units, columns, **options)
        self.memory_RTBSF = memory_RTFC.view(*memory_RTFC.shape[:3], slots, batch).permute(0, 1, 4, 3, 2)
        self.arrays = [tuple(self.values[name][i].numpy() for name in loops.VALUES) for i in range(runs)]
        self.memories = [memory_TFC.numpy() for memory_TFC in memory_RTFC]
        self._start(None)

    def gates(self, i: int) -> dict[str, torch.Tensor]:
        length, heads, slots, batch = self.lengths[i], self.model.heads, self.model.slots, self.batch
        gates_TPSB = self.values["gates"][i, :length].view(length, -1, slots, batch)
        gates = {name: g.permute(0, 3, 2, 1).flatten(2) for name, g in zip(GATES, gates_TPSB.chunk(3, 1), strict=True)}
        # Of the places that a slot attends to, the input is the last.
        a_TnSB = self.values["a"][i, :length].view(length, heads, slots, -1, batch)[:, :, :, -1]
        return {**gates, "a": a_TnSB.permute(0, 3, 1, 2).flatten(2)}

    def _weights(self, weights: Weights, i: int) -> tuple[np.ndarray, ...]:
        """Return row i's weights, or their gradients, that loops read, but for the matrices that stand side by side."""
        # What normalisation has none of is never read: any vector stands in for it.
        names = (*PERCEPTRON, *(NORMS if self.model.norm else ("b_m",) * len(NORMS)))
        return tuple(weights[name][i].numpy() for name in names)

    def _forward(self, weights: Weights) -> None:
        model, units = self.model, self.model.units
        self.sums, self.fused = self._sums(weights, model.branches), model.side_by_side(weights)
        for i, (rows, places) in enumerate(self.sums):
            w_qkv, w_h = self.fused["W_qkv"][i], self.fused["W_h"][i]
            table = torch.cat([torch.mm(rows[:, :units], w_qkv[:, units:]), rows[:, units:]], 1)
            loops.forward(
                table.numpy(), places.numpy(),
                (w_qkv.numpy(), w_h.numpy(), *self._weights(weights, i)), model.heads, model.norm,
                self.memories[i], self.h_RTBH[i].numpy(), self.arrays[i],
            )  # fmt: skip

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        model, units = self.model, self.model.units
        for i, (rows, places) in enumerate(self.sums):
            w_qkv, w_h = self.fused["W_qkv"][i], self.fused["W_h"][i]
            to_qkv, to_h = torch.empty_like(w_qkv), torch.empty_like(w_h)
            to_table = rows.new_empty(len(rows), 2 * units + w_h.shape[1])
            loops.backward(
                places.numpy(), (w_qkv.numpy(), w_h.numpy(), *self._weights(weights, i)), model.heads, model.norm,
                self.memories[i], self.h_RTBH[i].numpy(), self.arrays[i], self.direct[i].numpy(), self.d(i).numpy(),
                to_table.numpy(), (to_qkv.numpy(), to_h.numpy(), *self._weights(grads, i)),
            )  # fmt: skip
            to_kv = to_table[:, : 2 * units]
            to_qkv[:, units:] += torch.mm(rows[:, :units].t(), to_kv)
            share_out(to_qkv, i, ["W_q", "W_k", "W_v"], grads)
            share_out(to_h, i, [f"W_h{gate}" for gate in GATES], grads)
            to_rows = torch.cat([torch.mm(to_kv, w_qkv[:, units:].t()), to_table[:, 2 * units :]], 1)
            self._input_gradients(i, to_rows, model.branches, grads)
        return [0.0] * len(self.lengths)
