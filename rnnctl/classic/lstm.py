"""The LSTM, forward and backward through time, in numpy.

With s the logistic function and * elementwise, for inputs x_t and t = 1..T:

    i_t = s(x_t W_i + h_{t-1} U_i + b_i)        f_t = s(x_t W_f + h_{t-1} U_f + b_f)
    g_t = tanh(x_t W_g + h_{t-1} U_g + b_g)     o_t = s(x_t W_o + h_{t-1} U_o + b_o)
    c_t = f_t * c_{t-1} + i_t * g_t,  c_0 = 0
    h_t = o_t * tanh(c_t),  h_0 = 0             y_t = h_t W_out + b_out

(Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000; no peepholes. The
equations are those of torch.nn.LSTM.) Backward, with d_t = dL/dh_t and e_t = dL/dc_t the total derivatives:

    e_t     = d_t * o_t * (1 - tanh(c_t)^2) + e_{t+1} * f_{t+1}
    delta_t = [e_t * g_t * i_t * (1 - i_t), e_t * c_{t-1} * f_t * (1 - f_t), e_t * i_t * (1 - g_t^2),
               d_t * tanh(c_t) * o_t * (1 - o_t)]
    d_{t-1} = delta_t [U_i, U_f, U_g, U_o]^T + (dL/dy_{t-1}) W_out^T
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rnnctl.arguments import checked
from rnnctl.classic.model import Array, Arrays
from rnnctl.classic.network import Network, orthogonal, sigmoid, summed_outer, xavier
from rnnctl.classic.taken import Seed, Size

GATES = ("i", "f", "g", "o")


class Step(NamedTuple):
    """What one step of an LSTM computes, each (batch, hidden): the gates, the state of the cell, and the output."""

    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    tanh_c: Array
    h: Array


def step(sums: Array, c_before: Array) -> Step:
    """Return one step. sums: (batch, 4 hidden), what goes into the gates i, f, g, o. c_before: (batch, hidden)."""
    a_i, a_f, a_g, a_o = np.split(sums, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    c = f * c_before + i * g
    tanh_c = np.tanh(c)
    return Step(i, f, g, o, c, tanh_c, o * tanh_c)


def step_back(done: Step, c_before: Array, d_h: Array, d_c: Array) -> tuple[Array, Array]:
    """Return the derivatives by the sums, (batch, 4 hidden), and by c_before, (batch, hidden).

    d_h: the total derivative by h. d_c: what reaches c without passing h.
    """
    e = d_c + d_h * done.o * (1 - done.tanh_c**2)
    deltas = [
        e * done.g * done.i * (1 - done.i),
        e * c_before * done.f * (1 - done.f),
        e * done.i * (1 - done.g**2),
        d_h * done.tanh_c * done.o * (1 - done.o),
    ]
    return np.concatenate(deltas, axis=1), e * done.f


def drawn_gates(rng: np.random.Generator, input_size: int, hidden_size: int) -> Arrays:
    """Draw the parameters of the gates: W Xavier uniform, U orthogonal, biases 0 but that of the forget gate, 1."""
    params: Arrays = {}
    for gate in GATES:
        params[f"W_{gate}"] = xavier(rng, input_size, hidden_size)
        params[f"U_{gate}"] = orthogonal(rng, hidden_size)
        params[f"b_{gate}"] = np.full(hidden_size, 1.0 if gate == "f" else 0.0)
    return params


def side_by_side(params: Mapping[str, Array], kind: str) -> Array:
    """Return the arrays W, U, V or b of all gates side by side, (..., 4 hidden)."""
    return np.concatenate([params[f"{kind}_{gate}"] for gate in GATES], axis=-1)


def by_gate(kind: str, array: Array) -> Arrays:
    """Return the parts (..., hidden) of an array (..., 4 hidden) under the names of the gates' parameters."""
    return {f"{kind}_{gate}": part for gate, part in zip(GATES, np.split(array, 4, axis=-1), strict=True)}


class LSTM(Network):
    """An LSTM with a linear head. See the module for its equations.

    Parameters: W_* (input_size, hidden_size), U_* (hidden_size, hidden_size) and b_* (hidden_size,) for the gates i, f,
    g and o; W_out (hidden_size, output_size) and b_out (output_size,). seed: of the initial weights, which are Xavier
    uniform, and orthogonal for U_*; the forget gate's bias begins at 1, the others at 0. Raise InvalidArgument for
    a size below 1.
    """

    @checked
    def __init__(self, input_size: Size, hidden_size: Size, output_size: Size, seed: Seed = 0) -> None:
        self.input_size, self.hidden_size, self.output_size = input_size, hidden_size, output_size
        rng = np.random.default_rng(seed)
        self._params = drawn_gates(rng, self.input_size, self.hidden_size)
        self._params["W_out"] = xavier(rng, self.hidden_size, self.output_size)
        self._params["b_out"] = np.zeros(self.output_size)

    def _forward(self, X: Array) -> tuple[Array, tuple[Array, list[Step]]]:
        sums = X @ side_by_side(self._params, "W") + side_by_side(self._params, "b")
        recurrent = side_by_side(self._params, "U")
        h = c = np.zeros((len(X), self.hidden_size))
        steps: list[Step] = []
        for t in range(X.shape[1]):
            steps.append(step(sums[:, t] + h @ recurrent, c))
            h, c = steps[-1].h, steps[-1].c
        states = np.stack([done.h for done in steps], axis=1)
        return states @ self._params["W_out"] + self._params["b_out"], (X, steps)

    def _backward(self, kept: tuple[Array, list[Step]], d_outputs: Array) -> Arrays:
        X, steps = kept
        recurrent = side_by_side(self._params, "U")
        zeros = np.zeros_like(steps[0].h)
        states = np.stack([zeros, *(done.h for done in steps)], axis=1)
        d_states = d_outputs @ self._params["W_out"].T
        deltas = np.empty((*X.shape[:2], 4 * self.hidden_size))
        d_h, d_c = zeros, zeros
        for t in range(len(steps) - 1, -1, -1):
            c_before = steps[t - 1].c if t else zeros
            deltas[:, t], d_c = step_back(steps[t], c_before, d_h + d_states[:, t], d_c)
            d_h = deltas[:, t] @ recurrent.T
        return {
            **by_gate("W", summed_outer(X, deltas)),
            **by_gate("U", summed_outer(states[:, :-1], deltas)),
            **by_gate("b", deltas.sum(axis=(0, 1))),
            "W_out": summed_outer(states[:, 1:], d_outputs),
            "b_out": d_outputs.sum(axis=(0, 1)),
        }
