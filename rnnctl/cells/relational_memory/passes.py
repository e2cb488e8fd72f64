"""Passes through time of rnnctl.cells.relational_memory.equations, backward written out, for a pack of runs.

Letters as in the equations there. D_v is dL/dv, the total derivative, e_t = dL/dM_t, and d_t = dL/dh_t, which is a
by-product for every t; x_t is what the head sends into h_t, and deltas are gradients by the sums inside s:

    e_t      = d_t * o_t * (1 - tanh(M_t)^2) + (what step t + 1 sends)        delta^o = d_t * tanh(M_t) * o * (1 - o)
    delta^i  = e_t * tanh(C_t) * i * (1 - i)                                  delta^f = e_t * M_{t-1} * f * (1 - f)
    D_C      = e_t * i_t * (1 - tanh(C_t)^2)
    D_r      = the way back through LN_2                                      r is what LN_2 normalises
    delta^m  = (D_r W_n^T) where the inner unit is above 0, else 0            D_Y = D_r + delta^m W_m^T
    D_Z      = the way back through LN_1
    D_q, D_k, D_v: the way back through attention           D_X = [D_q ; 0] W_q^T + D_k W_k^T + D_v W_v^T
    into M_{t-1}: e_t * f_t + D_Z + the first S rows of D_X                   D_p = the last row of D_X
    d_{t-1}  = delta^i W_hi^T + delta^f W_hf^T + delta^o W_ho^T + x_{t-1}     for each slot

Where a slot has one gate of each kind, its delta is the sum over the slot's units. A path from M_{t-1} straight to M_t
does not pass h_{t-1}, and is in e_{t-1} alone. The gradient of a matrix is the sum over steps, sequences and rows of
its input^T delta.
"""

from __future__ import annotations

from typing import Any

import torch

from rnnctl.cells.base.activations import ACTIVATIONS, Activation
from rnnctl.cells.base.attention import attend_back
from rnnctl.cells.base.cell import Weights
from rnnctl.cells.base.layer_norm import standardised_back
from rnnctl.cells.base.products import row_by_row
from rnnctl.cells.base.tape import Regularisers, TorchTape, put_first, share_out
from rnnctl.cells.relational_memory.equations import RelationalMemory, Values
from rnnctl.cells.relational_memory.section import GATES, NORMS

SIGMOID, TANH = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]


class RelationalMemoryTape(TorchTape):
    """A Tape of the relational memory. Its carried state is h and M side by side, and a 1; zeros stand for M_0."""

    model: RelationalMemory

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        model = self.model
        slots, units, gates = model.slots, model.units, 3 * model.gate_units
        row, rows = (slots, units), (slots + 1, units)
        shapes: dict[str, tuple[int, ...]] = {
            "qkv": (slots + 1, 3 * units),
            "a": (model.heads, slots, slots + 1),
            **dict.fromkeys(("n1", "n2", "inner", "content", "squashed"), row),
            "gates": (slots, gates),
        }
        if model.norm:
            shapes |= dict.fromkeys(("r1", "r2"), (slots, 1))
        deltas = {"qkv": (slots + 1, 3 * units), "m": row, "n": row, "gates": (slots, gates), "added": (units + gates,)}
        self.values, self.deltas = (
            {name: torch.zeros(runs, steps, self.batch, *shape, **options) for name, shape in shapes_of.items()}
            for shapes_of in (shapes, deltas)
        )
        # What is attended to at each step: the memory before it, and the input's row.
        self.x_RTBNF = torch.zeros(runs, steps + 1, self.batch, *rows, **options)
        self.added_RTBA = torch.zeros(runs, steps, self.batch, units + gates, **options)
        self.e_RBSF = torch.zeros(runs, self.batch, *row, **options)
        # The gradients by gains and biases of the two normalisations, of each slot and sequence.
        names = NORMS if model.norm else ()
        self.norm_grads = {name: torch.zeros_like(self.e_RBSF) for name in names}
        # M_t for t = 0..T
        self.memory_RTBSF = self.x_RTBNF[:, :, :, :slots]
        self._start(None)

    def memory(self, i: int) -> torch.Tensor:
        """Return M_t of row i for t = 0..T_i, (T_i + 1, B, S, F)."""
        return self.memory_RTBSF[i, : self.lengths[i] + 1]

    def gates(self, i: int) -> dict[str, torch.Tensor]:
        length = self.lengths[i]
        gates = self.values["gates"][i, :length].chunk(3, 3)
        to_input = self.values["a"][i, :length, ..., -1].flatten(2)
        return {**{name: gate.flatten(2) for name, gate in zip(GATES, gates, strict=True)}, "a": to_input}

    def state(self, i: int) -> torch.Tensor:
        """h_T, M_T and a 1 side by side, (B, 2 H + 1)."""
        memory = self.memory(i)[-1].flatten(1)
        return torch.cat([self.h(i)[-1], memory, torch.ones_like(memory[:, :1])], 1)

    def _start(self, states_RBC: torch.Tensor | None) -> None:
        into, hidden = self.memory_RTBSF[:, 0], self.model.hidden
        shape, first_H = into.shape[1:], self.model.first_memory(into)
        if states_RBC is None:
            put_first(self.h_RTBH, None)
            into.copy_(first_H.view(shape[1:]))
            return
        h, memory, begun = torch.split(states_RBC, [hidden, hidden, 1], 2)
        put_first(self.h_RTBH, h)
        into[: len(h)] = torch.where(begun != 0, memory, first_H).view(-1, *shape)

    def _forward(self, weights: Weights) -> None:
        model, fused = self.model, self.model.side_by_side(weights)
        self._select(
            self._sums(weights, model.branches), [self.added_RTBA[i, :length] for i, length in enumerate(self.lengths)]
        )
        for t, k in enumerate(self._alive()):
            memory = self.memory_RTBSF[:k, t].flatten(2)
            step = model.step(weights, fused, self.added_RTBA[:k, t], memory, self.h_RTBH[:k, t])
            self.x_RTBNF[:k, t, :, -1] = step["x"][:, :, -1]
            self.memory_RTBSF[:k, t + 1] = step["m"]
            self.h_RTBH[:k, t + 1] = step["h"].flatten(2)
            for name, value in self.values.items():
                value[:k, t] = step[name]

    def _loop_back(self, weights: Weights) -> None:
        fused = {name: w.transpose(1, 2) for name, w in self.model.side_by_side(weights).items()}
        turned = fused | {name: weights[name].transpose(1, 2) for name in ("W_m", "W_n")}
        for room in (self.e_RBSF, *self.norm_grads.values()):
            room.zero_()
        alive = self._alive()
        for t in range(len(alive) - 1, -1, -1):
            k = alive[t]
            deltas = self._step_back(weights, turned, t, k)
            for name, value in deltas.items():
                self.deltas[name][:k, t] = value
            back = row_by_row(deltas["gates"], turned["W_h"][:k])
            self.d_TRBH[t, :k] = back.flatten(2)
            self._join(t, k)

    def _step_back(self, weights: Weights, turned: Values, t: int, k: int) -> Values:
        """Return the deltas of a step, and turn e from that of the step into that of the step before it."""
        slots, units = self.model.slots, self.model.units
        v = {name: value[:k, t] for name, value in self.values.items()}
        d, e = self.d_TRBH[t + 1, :k].view(k, self.batch, slots, units), self.e_RBSF[:k]
        memory, content, squashed = self.memory_RTBSF[:k, t], v["content"], v["squashed"]
        i, f, o = v["gates"].chunk(3, 3)
        e.add_(_slope(TANH, squashed).mul_(d).mul_(o))
        signals = [e * content, e * memory, d * squashed]
        if not self.model.by_unit:
            signals = [signal.sum(3, keepdim=True) for signal in signals]
        gates = torch.cat(signals, 3).mul_(_slope(SIGMOID, v["gates"]))
        dr = self._norm_back("2", weights, v, _slope(TANH, content).mul_(e).mul_(i))
        dm = row_by_row(dr, turned["W_n"][:k]).mul_(v["inner"].sign())
        dz = self._norm_back("1", weights, v, row_by_row(dm, turned["W_m"][:k]).add_(dr))
        q, key, value = v["qkv"].chunk(3, 3)
        dq, dk, dv = attend_back(dz, q[:, :, :slots], key, value, v["a"])
        dqkv = torch.cat([torch.nn.functional.pad(dq, (0, 0, 0, 1)), dk, dv], 3)
        dx = row_by_row(dqkv, turned["W_qkv"][:k])
        e.mul_(f).add_(dz).add_(dx[:, :, :slots])
        added = torch.cat([dx[:, :, slots], gates.sum(2)], 2)
        return {"qkv": dqkv, "m": dm, "n": dr, "gates": gates, "added": added}

    def _norm_back(self, n: str, weights: Weights, v: Values, dy: torch.Tensor) -> torch.Tensor:
        """Return the gradient by what normalisation 1 or 2 normalises, from that by its output."""
        if not self.model.norm:
            return dy
        k, normal = len(dy), v[f"n{n}"]
        self.norm_grads[f"g_{n}"][:k].add_(dy * normal)
        self.norm_grads[f"b_{n}"][:k].add_(dy)
        return standardised_back(dy * weights[f"g_{n}"][:k, None, None], normal, v[f"r{n}"])

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        omegas = super()._backward(weights, grads, regularisers)
        for i in range(len(self.lengths)):
            self._perceptron_gradients(i, weights, grads)
        return omegas

    def _cell_input_gradients(self, i: int, grads: Weights) -> None:
        branches = self.model.branches
        by_place = self._by_place(i, self.deltas["added"][i, : self.lengths[i]], branches, grads)
        self._input_gradients(i, by_place, branches, grads)

    def _recurrent_gradients(self, grads: Weights, regularisers: Regularisers) -> list[float]:
        slots, units = self.model.slots, self.model.units
        for i, length in enumerate(self.lengths):
            h = self.h(i)[:-1].view(length, self.batch, slots, units)
            share_out(self._product(i, h, "gates"), i, [f"W_h{gate}" for gate in GATES], grads)
            share_out(self._product(i, self.x_RTBNF[i, :length], "qkv"), i, ["W_q", "W_k", "W_v"], grads)
        return [0.0] * len(self.lengths)

    def _perceptron_gradients(self, i: int, weights: Weights, grads: Weights) -> None:
        """Write row i's gradients of the perceptron, and of gains and biases of the normalisations."""
        length = self.lengths[i]
        y = self.values["n1"][i, :length]
        if self.model.norm:
            y = y * weights["g_1"][i] + weights["b_1"][i]
        for letter, inputs in (("m", y), ("n", self.values["inner"][i, :length])):
            grads[f"W_{letter}"][i].copy_(self._product(i, inputs, letter))
            torch.sum(self.deltas[letter][i, :length].flatten(0, 2), 0, out=grads[f"b_{letter}"][i])
        for name, sums in self.norm_grads.items():
            torch.sum(sums[i].flatten(0, 1), 0, out=grads[name][i])

    def _product(self, i: int, inputs_TBNF: torch.Tensor, delta: str) -> torch.Tensor:
        """Return the gradient of row i's matrix: the sum over all rows of its input^T delta."""
        flat = self.deltas[delta][i, : self.lengths[i]].flatten(0, 2)
        return torch.mm(inputs_TBNF.flatten(0, 2).t(), flat)


def _slope(activation: Activation, values: torch.Tensor) -> torch.Tensor:
    return activation.slope(values, torch.empty_like(values))
