"""Passes through time of rnnctl.cells.lstm_side_memory.equations, backward written out, for a pack of runs.

The LSTM does not depend on the memory. So its states are made first, the memory is written and read after them, and on
the way back the memory comes first: what it sends into h_t, for every t, is to the LSTM what a head sends. Letters as
in the equations; D_v is dL/dv, e_t = dL/dM_t, and deltas are gradients by the sums inside s and tanh:

    delta^m = D_y * (1 - y^2)                      [D_h ; D_r] = delta^m W_m^T
    e_t     = (D_r W_r^T) / S for each slot + (what step t + 1 sends)
    delta^g = e_t * (tanh(...) - m_{t-1}) * g * (1 - g)         delta^c = e_t * g * (1 - tanh(...)^2)
    D_a     = [delta^g ; delta^c] times the rows for a of [W_g ; W_c]^T
    D_h    += (sum over slots of delta^g) times the rows for h of W_g^T + (D_a of the first slot) W_p^T
    into M_{t-1}: e_t * (1 - g) + what attention sends through W_q, W_k and W_v

So d_t = dL/dh_t has every path to the loss: the LSTM's own, and those through the memory.
"""

from __future__ import annotations

from typing import Any

import torch

from rnnctl.cells.base.activations import ACTIVATIONS, Activation
from rnnctl.cells.base.attention import attend_back
from rnnctl.cells.base.cell import Weights
from rnnctl.cells.base.products import row_by_row, run_by_run
from rnnctl.cells.base.tape import Regularisers, put_first, share_out
from rnnctl.cells.lstm.equations import LstmTape
from rnnctl.cells.lstm_side_memory.equations import LstmSideMemory, Values, side_by_side

SIGMOID, TANH = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]


class LstmSideMemoryTape(LstmTape):
    """A Tape of the LSTM with a memory at its side. h(i) and d(i) are those of the LSTM; the head reads out(i)."""

    model: LstmSideMemory

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        super()._allocate(runs, steps, options)
        model = self.model
        slots, size, hidden = model.slots, model.slot_size, model.hidden
        row = (slots, size)
        shapes: dict[str, tuple[int, ...]] = {
            "qkv": (slots, 3 * size),
            "shares": (model.heads, slots, slots),
            **dict.fromkeys(("a", "content", "g"), row),
            **dict.fromkeys(("mean", "r"), (size,)),
            "y": (hidden,),
        }
        deltas = {"qkv": (slots, 3 * size), "g": row, "c": row, "p": (size,), "r": (size,), "m": (hidden,)}
        self.values, self.deltas = (
            {name: torch.zeros(runs, steps, self.batch, *shape, **options) for name, shape in shapes_of.items()}
            for shapes_of in (shapes, deltas)
        )
        self.memory_RTBSF = torch.zeros(runs, steps + 1, self.batch, *row, **options)
        self.sent_RTBH = torch.zeros(runs, steps, self.batch, hidden, **options)
        self.memory_back_RBSF = torch.zeros(runs, self.batch, *row, **options)

    def memory(self, i: int) -> torch.Tensor:
        """Return M_t of row i for t = 0..T_i, (T_i + 1, B, S, F)."""
        return self.memory_RTBSF[i, : self.lengths[i] + 1]

    def out(self, i: int) -> torch.Tensor:
        return self.values["y"][i, : self.lengths[i]]

    def gates(self, i: int) -> dict[str, torch.Tensor]:
        return {**super().gates(i), "g": self.values["g"][i, : self.lengths[i]].flatten(2)}

    def state(self, i: int) -> torch.Tensor:
        """h_T, c_T and M_T side by side, (B, 2 H + S F)."""
        return torch.cat([super().state(i), self.memory(i)[-1].flatten(1)], 1)

    def _start(self, states_RBC: torch.Tensor | None) -> None:
        of_lstm = 2 * self.model.hidden
        super()._start(None if states_RBC is None else states_RBC[..., :of_lstm])
        memory = None if states_RBC is None else states_RBC[..., of_lstm:]
        put_first(self.memory_RTBSF.flatten(3), memory)

    def _forward(self, weights: Weights) -> None:
        super()._forward(weights)
        w_qkv = side_by_side(weights)
        for t, k in enumerate(self._alive()):
            step = self.model.write(weights, w_qkv, self.h_RTBH[:k, t + 1], self.memory_RTBSF[:k, t])
            self.memory_RTBSF[:k, t + 1] = step["m"]
            for name, value in self.values.items():
                value[:k, t] = step[name]

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        self._memory_back(weights)
        for i in range(len(self.lengths)):
            self._memory_gradients(i, grads)
        self.direct = [self.sent_RTBH[i, :length] for i, length in enumerate(self.lengths)]
        return super()._backward(weights, grads, regularisers)

    def _memory_back(self, weights: Weights) -> None:
        """Write the deltas of the memory, and what it sends into every h_t."""
        dy_RTBH = torch.zeros_like(self.sent_RTBH)
        for i, (length, direct_SBH) in enumerate(zip(self.lengths, self.direct, strict=True)):
            dy_RTBH[i, length - len(direct_SBH) : length] = direct_SBH
        turned = {name: weights[name].transpose(1, 2) for name in ("W_p", "W_c", "W_g", "W_r", "W_m")}
        turned["W_qkv"] = side_by_side(weights).transpose(1, 2)
        self.memory_back_RBSF.zero_()
        alive = self._alive()
        for t in range(len(alive) - 1, -1, -1):
            k = alive[t]
            deltas, self.sent_RTBH[:k, t] = self._step_back(
                {name: w[:k] for name, w in turned.items()}, t, dy_RTBH[:k, t]
            )
            for name, value in deltas.items():
                self.deltas[name][:k, t] = value

    def _step_back(self, turned: Values, t: int, dy: torch.Tensor) -> tuple[Values, torch.Tensor]:
        """Return the deltas of a step and what it sends into h_t, and turn e from that of the step into that of the
        step before it.
        """
        k, hidden, size = len(dy), self.model.hidden, self.model.slot_size
        v = {name: value[:k, t] for name, value in self.values.items()}
        e, memory, g, content = self.memory_back_RBSF[:k], self.memory_RTBSF[:k, t], v["g"], v["content"]
        dm = _slope(TANH, v["y"]).mul_(dy)
        to_both = run_by_run(dm, turned["W_m"])
        dh, dr = to_both[..., :hidden], to_both[..., hidden:].contiguous()
        e.add_(run_by_run(dr, turned["W_r"]).div_(self.model.slots)[:, :, None])
        dg = _slope(SIGMOID, g).mul_(e).mul_(content - memory)
        dc = _slope(TANH, content).mul_(e).mul_(g)
        da = row_by_row(dg, turned["W_g"][:, :, :size]).add_(row_by_row(dc, turned["W_c"]))
        dp = da[:, :, 0].contiguous()
        dh = dh + run_by_run(dg.sum(2), turned["W_g"][:, :, size:]) + run_by_run(dp, turned["W_p"])
        q, key, value = v["qkv"].chunk(3, 3)
        dqkv = torch.cat(attend_back(da, q, key, value, v["shares"]), 3)
        e.sub_(g * e).add_(row_by_row(dqkv, turned["W_qkv"]))
        return {"qkv": dqkv, "g": dg, "c": dc, "p": dp, "r": dr, "m": dm}, dh

    def _memory_gradients(self, i: int, grads: Weights) -> None:
        """Write row i's gradients of the weights of the memory."""
        length, size, hidden = self.lengths[i], self.model.slot_size, self.model.hidden
        v, h, memory = (
            {name: value[i, :length] for name, value in self.values.items()},
            self.h(i)[1:],
            self.memory(i)[:-1],
        )
        delta = {name: value[i, :length] for name, value in self.deltas.items()}
        share_out(_summed(memory, delta["qkv"]), i, ["W_q", "W_k", "W_v"], grads)
        grads["W_g"][i, :size] = _summed(v["a"], delta["g"])
        grads["W_g"][i, size:] = _summed(h, delta["g"].sum(2))
        grads["W_m"][i, :hidden], grads["W_m"][i, hidden:] = _summed(h, delta["m"]), _summed(v["r"], delta["m"])
        for letter, inputs in (("p", h), ("c", v["a"]), ("r", v["mean"])):
            grads[f"W_{letter}"][i] = _summed(inputs, delta[letter])
        for letter in "pcgrm":
            grads[f"b_{letter}"][i] = delta[letter].flatten(0, -2).sum(0)


def _slope(activation: Activation, values: torch.Tensor) -> torch.Tensor:
    return activation.slope(values, torch.empty_like(values))


def _summed(inputs: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """Return the gradient of a matrix: the sum over all rows of its input^T delta."""
    return torch.mm(inputs.flatten(0, -2).t(), delta.flatten(0, -2))
