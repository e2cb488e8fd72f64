"""A relational network: an LSTM beside a memory whose slots attend to one another. In numpy, with its gradients.

For t = 1..T, with r_t the mean of the slots of M_t, and r_0 that of M_0:

    h_t = LSTM(x_t W + r_{t-1} V + h_{t-1} U + b)           see rnnctl.classic.lstm; V only with feedback
    A_t = attention(M_{t-1}), with h_t W_p + b_p added to its first slot
    N_t = tanh(A_t W_n + b_n)                               new content of every slot
    G_t = s(A_t W_m + h_t W_h + b_m)                        the gate of every slot, s the logistic function
    M_t = G_t * N_t + (1 - G_t) * M_{t-1}
    z_t = tanh(h_t W_z + r_t V_z + b_z)                     y_t = z_t W_out + b_out

This is a small relative of the relational memory core of Santoro et al. (2018). M_0 is the identity, padded with zeros,
as in theirs. Were it zero, as `initial_memory="zeros"` makes it, all slots but the first would be equal for ever: they
begin equal, and the same equations move them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from rnnctl.arguments import checked
from rnnctl.classic.attention import NAMES, Kept, attend, attend_back
from rnnctl.classic.lstm import GATES, Step, by_gate, drawn_gates, side_by_side, step, step_back
from rnnctl.classic.model import Array, Arrays
from rnnctl.classic.network import Network, sigmoid, summed_outer, xavier
from rnnctl.classic.taken import Numbers, Seed, Size
from rnnctl.errors import InvalidArgument


class _Step(NamedTuple):
    """What one step computes: that of the LSTM, attention, new content, gate, memory, readout and last hidden layer."""

    lstm: Step
    attention: Kept
    attended: Array
    content: Array
    gate: Array
    memory: Array
    readout: Array
    joined: Array


@checked
class RelationalRNN(Network):
    """An LSTM with a relational memory and a linear head. See the module for its equations.

    num_slots, slot_size: of the memory; num_heads divides slot_size. feedback: whether the LSTM reads the memory.
    initial_memory: `identity` or `zeros`. seed: of the initial weights: those of the LSTM as there, those of attention
    normal with variance 1 / slot_size, the others Xavier uniform; biases 0. Raise InvalidArgument for sizes below 1,
    heads that do not divide the slots, and more slots than columns, which an identity cannot tell apart.
    """

    @checked
    def __init__(
        self,
        input_size: Size,
        hidden_size: Size,
        output_size: Size,
        num_slots: Size = 4,
        slot_size: Size = 64,
        num_heads: Size = 2,
        *,
        feedback: bool = True,
        initial_memory: Literal["identity", "zeros"] = "identity",
        seed: Seed = 0,
    ) -> None:
        self.input_size, self.hidden_size, self.output_size = input_size, hidden_size, output_size
        self.num_slots, self.slot_size, self.num_heads = num_slots, slot_size, num_heads
        self.feedback, self.initial_memory = feedback, initial_memory
        if self.slot_size % self.num_heads:
            raise InvalidArgument(f"slot_size {slot_size} is not a multiple of num_heads {num_heads}")
        if initial_memory == "identity" and self.num_slots > self.slot_size:
            raise InvalidArgument(f"num_slots {num_slots} is above slot_size {slot_size}: slots would begin equal")
        self._params = self._drawn(np.random.default_rng(seed))

    def memories(self, X: Numbers) -> Array:
        """Return the memory after every step, (batch, seq_len, num_slots, slot_size). X: as for `forward`."""
        _, (_, steps) = self._forward(self._checked(X))
        return np.stack([done.memory for done in steps], axis=1)

    def _drawn(self, rng: np.random.Generator) -> Arrays:
        hidden, size = self.hidden_size, self.slot_size
        params = drawn_gates(rng, self.input_size, hidden)
        if self.feedback:
            params |= {f"V_{gate}": xavier(rng, size, hidden) for gate in GATES}
        params |= {name: rng.standard_normal((size, size)) / np.sqrt(size) for name in NAMES}
        shapes = {
            "W_p": (hidden, size),
            "W_n": (size, size),
            "W_m": (size, size),
            "W_h": (hidden, size),
            "W_z": (hidden, hidden),
            "V_z": (size, hidden),
            "W_out": (hidden, self.output_size),
        }
        params |= {name: xavier(rng, *shape) for name, shape in shapes.items()}
        widths = {"b_p": size, "b_n": size, "b_m": size, "b_z": hidden, "b_out": self.output_size}
        return params | {name: np.zeros(width) for name, width in widths.items()}

    def _first_memory(self, batch: int) -> Array:
        first = np.zeros((self.num_slots, self.slot_size))
        if self.initial_memory == "identity":
            np.fill_diagonal(first, 1.0)
        return np.broadcast_to(first, (batch, *first.shape))

    def _forward(self, X: Array) -> tuple[Array, tuple[Array, list[_Step]]]:
        p = self._params
        sums = X @ side_by_side(p, "W") + side_by_side(p, "b")
        recurrent = side_by_side(p, "U")
        back = side_by_side(p, "V") if self.feedback else None
        h = c = np.zeros((len(X), self.hidden_size))
        memory = self._first_memory(len(X))
        readout = memory.mean(axis=1)
        steps: list[_Step] = []
        for t in range(X.shape[1]):
            fed = 0.0 if back is None else readout @ back
            lstm = step(sums[:, t] + h @ recurrent + fed, c)
            h, c = lstm.h, lstm.c
            attended, kept = attend(p, memory, self.num_heads)
            attended[:, 0] += h @ p["W_p"] + p["b_p"]
            content = np.tanh(attended @ p["W_n"] + p["b_n"])
            gate = sigmoid(attended @ p["W_m"] + (h @ p["W_h"])[:, None] + p["b_m"])
            memory = gate * content + (1 - gate) * memory
            readout = memory.mean(axis=1)
            joined = np.tanh(h @ p["W_z"] + readout @ p["V_z"] + p["b_z"])
            steps.append(_Step(lstm, kept, attended, content, gate, memory, readout, joined))
        outputs = np.stack([done.joined for done in steps], axis=1) @ p["W_out"] + p["b_out"]
        return outputs, (X, steps)

    def _backward(self, kept: tuple[Array, list[_Step]], d_outputs: Array) -> Arrays:
        X, steps = kept
        p, grads = self._params, {name: np.zeros_like(value) for name, value in self._params.items()}
        recurrent = side_by_side(p, "U")
        back = side_by_side(p, "V") if self.feedback else None
        zeros, first = np.zeros((len(X), self.hidden_size)), self._first_memory(len(X))
        d_h = d_c = zeros  # through the next step of the LSTM
        d_memory = np.zeros_like(first)  # through the next step of the memory
        d_readout = np.zeros((len(X), self.slot_size))  # through the next step of the LSTM, which reads the memory

        def add(name: str, left: Array, right: Array) -> None:
            grads[name] += summed_outer(left, right)

        for t in range(len(steps) - 1, -1, -1):
            done, before = steps[t], steps[t - 1] if t else None
            h = done.lstm.h
            memory_before = first if before is None else before.memory
            add("W_out", done.joined, d_outputs[:, t])
            grads["b_out"] += d_outputs[:, t].sum(axis=0)
            d_z = (d_outputs[:, t] @ p["W_out"].T) * (1 - done.joined**2)
            add("W_z", h, d_z)
            add("V_z", done.readout, d_z)
            grads["b_z"] += d_z.sum(axis=0)
            d_h = d_h + d_z @ p["W_z"].T
            d_readout = d_readout + d_z @ p["V_z"].T
            d_memory = d_memory + (d_readout / self.num_slots)[:, None]

            d_content = d_memory * done.gate * (1 - done.content**2)
            d_gate = d_memory * (done.content - memory_before) * done.gate * (1 - done.gate)
            add("W_n", done.attended, d_content)
            add("W_m", done.attended, d_gate)
            grads["b_n"] += d_content.sum(axis=(0, 1))
            grads["b_m"] += d_gate.sum(axis=(0, 1))
            d_gate_of_h = d_gate.sum(axis=1)
            add("W_h", h, d_gate_of_h)
            d_attended = d_content @ p["W_n"].T + d_gate @ p["W_m"].T
            add("W_p", h, d_attended[:, 0])
            grads["b_p"] += d_attended[:, 0].sum(axis=0)
            d_h = d_h + d_gate_of_h @ p["W_h"].T + d_attended[:, 0] @ p["W_p"].T
            d_through_attention, of_attention = attend_back(p, done.attention, d_attended)
            d_memory = d_memory * (1 - done.gate) + d_through_attention

            delta, d_c = step_back(done.lstm, zeros if before is None else before.lstm.c, d_h, d_c)
            d_h = delta @ recurrent.T
            h_before = zeros if before is None else before.lstm.h
            added = {
                **of_attention,
                **by_gate("W", summed_outer(X[:, t], delta)),
                **by_gate("U", summed_outer(h_before, delta)),
                **by_gate("b", delta.sum(axis=0)),
            }
            if back is not None:
                added |= by_gate("V", summed_outer(memory_before.mean(axis=1), delta))
                d_readout = delta @ back.T
            else:
                d_readout = np.zeros_like(d_readout)
            for name, change in added.items():
                grads[name] += change
        return grads
