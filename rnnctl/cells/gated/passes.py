"""Passes through time of rnnctl.cells.gated.equations, backward written out, for a pack of runs.

Letters as in the equations there, all of one layer and step. D_v is dL/dv, the total derivative, and delta^V = dL by
the sums that the map V yields; sig' = v (1 - v) at v = sig(...). With y the layer's output, whose D_y comes from the
layer above and the head, and d_t = D_n, which has a part from step t + 1:

    delta^G = D_y * o * g'          D_o = D_y * g + (what delta^G G^T has for o)      output_gate
                                    D_o = D_y * (g + o * g')                          else
    delta^F = D_o                   D_q = delta^F F^T + (what delta^G G^T has for q): for n, s' and x
    delta^E = D_n * p * f'          D_p = D_n * f + (E's for p), or D_n
    delta^D = D_p * (m - s) * z'    D_m = D_p * z + (D's for m), or D_p;              D_s = D_p * (1 - z), or 0
    delta^C = D_m * (1 - m^2)       D_x', D_s' = the sums of what C, D, E and q have for them
    delta^A = D_x' * x * a',  delta^B = D_s' * s * b'
    D_x = D_x' * a + (A's and B's) + (q's);   D_s += D_s' * b + (A's and B's)         D_x', D_s' without input_gate

D_s joins d_{t-1}, D_x is D_y of the layer below. The gradient of a matrix is the sum over t of its input^T delta.

Where q has no n (old_state alone), nothing reaches n within a step: D_n is 0 at T, and with T = 1 so are the gradients
of A, C, D and E, exactly. rnnctl.cells.base.tape tells how rows are ordered, and why a run has the same bits
in any pack. Layers lead the buffers (L, R, T, B, H), so that a run's rows are one block in each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch

from rnnctl.cells.base.cell import Weights
from rnnctl.cells.base.products import run_by_run
from rnnctl.cells.base.tape import Regularisers, Tape
from rnnctl.cells.gated.equations import SIGMOID, TANH, Gated, gated, mixed

Values = dict[str, torch.Tensor]


class GatedTape(Tape):
    """A Tape of Gated. Its states, h and d, are those of all layers side by side, (T_i + 1, B, L * H); what the head
    reads, and sends its gradient into, is out(i).
    """

    model: Gated

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        model = self.model
        shape = (model.layers, runs, steps, self.batch, model.hidden)
        # x of each layer, and after the last one its output.
        self.x_LRTBH = torch.zeros(model.layers + 1, *shape[1:], **options)
        self.values = {name: torch.zeros(shape, **options) for name in dict.fromkeys((*model.gates, "m", "o", "g"))}
        self.deltas = {letter: torch.zeros(shape, **options) for letter in model.maps}

    def _allocate_d(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        self.d_RTBH = torch.zeros(runs, steps + 1, self.batch, self.model.state_size, **options)

    def d(self, i: int) -> torch.Tensor:
        """Return dL/ds_t of row i for t = 0..T_i, (T_i + 1, B, L * H)."""
        return self.d_RTBH[i, : self.lengths[i] + 1]

    def out(self, i: int) -> torch.Tensor:
        """Return the last layer's output of row i for t = 1..T_i, (T_i, B, H)."""
        return self.x_LRTBH[-1, i, : self.lengths[i]]

    def gates(self, i: int) -> Values:
        """Return each gate of row i for t = 1..T_i, all layers side by side, (T_i, B, L * H)."""
        rows = {name: self.values[name][:, i, : self.lengths[i]] for name in self.model.gates}
        return {name: torch.cat(list(gate_LTBH), 2) for name, gate_LTBH in rows.items()}

    def _forward(self, weights: Weights) -> None:
        model, lengths = self.model, list(enumerate(self.lengths))
        self._select(self._sums(weights, model.branches), [self.x_LRTBH[0, i, :length] for i, length in lengths])
        for t, k in enumerate(self._alive()):
            for i, s, after in self._layers(self.h_RTBH[:k, t], self.h_RTBH[:k, t + 1]):
                step = model.layer(weights, i + 1, self.x_LRTBH[i, :k, t], s)
                after.copy_(step["n"])
                self.x_LRTBH[i + 1, :k, t] = step["output"]
                for name, value in self.values.items():
                    value[i, :k, t] = step[name]

    def _layers(self, *states: torch.Tensor) -> Iterator[tuple[Any, ...]]:
        """Yield each layer's number, from 0, and its columns of the given states."""
        columns = (state.chunk(self.model.layers, -1) for state in states)
        return iter(zip(range(self.model.layers), *columns, strict=True))

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        dx_RTBH = torch.zeros_like(self.x_LRTBH[0])
        self._send(dx_RTBH)
        self._loop_back(weights, dx_RTBH)
        for i, length in enumerate(self.lengths):
            by_place = self._by_place(i, dx_RTBH[i, :length], self.model.branches, grads)
            self._input_gradients(i, by_place, self.model.branches, grads)
        self._map_gradients(grads)
        return [0.0] * len(self.lengths)

    def _send(self, into_RTBH: torch.Tensor) -> None:
        """Write what the head sends into the steps that it reads."""
        for i, (length, direct_SBH) in enumerate(zip(self.lengths, self.direct, strict=True)):
            into_RTBH[i, length - len(direct_SBH) : length] = direct_SBH

    def _loop_back(self, weights: Weights, dx_RTBH: torch.Tensor) -> None:
        """Compute d and the deltas; turn D_y of the last layer into D_x of the first."""
        for i, length in enumerate(self.lengths):
            self.d_RTBH[i, length] = 0
        alive = self._alive()
        for t in range(len(alive) - 1, -1, -1):
            k = alive[t]
            states = self.h_RTBH[:k, t], self.d_RTBH[:k, t], self.d_RTBH[:k, t + 1]
            dx = dx_RTBH[:k, t]
            for i, s, before, after in reversed(list(self._layers(*states))):
                dx, ds = self._layer_back(weights, i, t, s, dx, after)
                before.copy_(ds)
            dx_RTBH[:k, t] = dx

    def _layer_back(
        self, weights: Weights, layer: int, t: int, s: torch.Tensor, dy: torch.Tensor, d: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return D_x and D_s of a layer at step t from D_y, and add to d, which is D_n as step t + 1 left it, what the
        step itself sends. All (K, B, H).
        """
        k, flags = len(s), self.model.flags
        x, v = self.x_LRTBH[layer, :k, t], {name: value[layer, :k, t] for name, value in self.values.items()}

        def back(letter: str, delta: torch.Tensor) -> tuple[torch.Tensor, ...]:
            """Keep a map's delta, and return what it sends into each part of the map's input."""
            self.deltas[letter][layer, :k, t] = delta
            w_RHI = weights[f"W_{letter}{layer + 1}"][:k].transpose(1, 2)
            return torch.split(torch.bmm(delta, w_RHI), self.model.hidden, 2)

        do, to_g = dy * v["g"], dy * v["o"] * _slope(v["g"])
        if "output_gate" in flags:
            from_o, *dq = back("G", to_g)
            dq = [from_g + from_f for from_g, from_f in zip(dq, back("F", do + from_o), strict=True)]
        else:
            dq = list(back("F", do + to_g))
        sent = dict(zip(self.model.read("n", "s", "x"), dq, strict=True))
        if "n" in sent:
            d.add_(sent["n"])
        dp, kept = d, []
        if "f" in v:
            *to_kept, dp = back("E", d * mixed(v, s) * _slope(v["f"]))
            kept.append(to_kept)
            dp = dp + d * v["f"]
        dm, ds = dp, torch.zeros_like(s)
        if "z" in v:
            *to_kept, dm = back("D", dp * (v["m"] - s) * _slope(v["z"]))
            kept.append(to_kept)
            dm, ds = dm + dp * v["z"], dp - dp * v["z"]
        dx_kept, ds_kept = back("C", dm * TANH.slope(v["m"], torch.empty_like(s)))
        for to_x, to_s in kept:
            dx_kept, ds_kept = dx_kept + to_x, ds_kept + to_s
        if "s" in sent:
            ds_kept = ds_kept + sent["s"]
        if "a" in v:
            from_a, from_b = back("A", dx_kept * x * _slope(v["a"])), back("B", ds_kept * s * _slope(v["b"]))
            dx_kept = dx_kept * v["a"] + from_a[0] + from_b[0]
            ds_kept = ds_kept * v["b"] + from_a[1] + from_b[1]
        return (dx_kept + sent["x"] if "x" in sent else dx_kept), ds + ds_kept

    def _map_gradients(self, grads: Weights) -> None:
        """Write the gradients of all layers' maps. Runs of one length are one product, as if each were alone."""
        for length, group in groupby(range(len(self.lengths)), key=self.lengths.__getitem__):
            first, *others = group
            rows = slice(first, first + 1 + len(others))
            for i, s in self._layers(self.h_RTBH[rows, :length]):
                for letter, parts in self._operands(i, rows, length, s).items():
                    w_grad, b_grad = (grads[f"{kind}_{letter}{i + 1}"][rows] for kind in "Wb")
                    delta = self.deltas[letter][i, rows, :length].flatten(1, 2)
                    w_grad.copy_(run_by_run(torch.cat(list(parts), 3).flatten(1, 2).transpose(1, 2), delta))
                    for delta_of_run, into in zip(delta, b_grad, strict=True):
                        torch.sum(delta_of_run, 0, out=into)

    def _operands(self, layer: int, rows: slice, length: int, s: torch.Tensor) -> dict[str, Sequence[torch.Tensor]]:
        """Return the parts of each map's input, (R, T, B, H) each."""
        x = self.x_LRTBH[layer, rows, :length]
        v = {name: value[layer, rows, :length] for name, value in self.values.items()}
        n = self.h_RTBH[rows, 1 : length + 1].chunk(self.model.layers, -1)[layer]
        kept = gated(v, x, s)
        q = self.model.read(n, kept[1], x)
        parts: dict[str, Sequence[torch.Tensor]] = {
            "A": (x, s), "B": (x, s), "C": kept, "D": (*kept, v["m"]), "E": (*kept, mixed(v, s)), "F": q,
            "G": (v["o"], *q),
        }  # fmt: skip
        return {letter: parts[letter] for letter in self.model.maps}


def _slope(gate: torch.Tensor) -> torch.Tensor:
    return SIGMOID.slope(gate, torch.empty_like(gate))
