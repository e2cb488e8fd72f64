"""What the two models here share: parameters by name, drawn weights, and both passes over a batch of sequences."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnctl.arguments import checked
from rnnctl.classic.model import Array, Arrays, checked_params
from rnnctl.classic.taken import Numbers
from rnnctl.errors import InvalidArgument


@checked
class Network(ABC):
    """A model whose gradients are written out. Parameters are float64, in row-vector convention: (inputs, outputs)."""

    input_size: int
    _params: Arrays

    def get_params(self) -> Arrays:
        """Return copies of the parameters by name."""
        return {name: value.copy() for name, value in self._params.items()}

    def set_params(self, params: Mapping[str, Numbers]) -> None:
        """Take copies of all parameters. Raise InvalidArgument, and change nothing, if names or shapes differ."""
        self._params = checked_params(params, self._params)

    def forward(self, X: Numbers, return_sequences: bool = False) -> Array:
        """Return the outputs (batch, output_size) of the last step, or (batch, seq_len, output_size) of every step.

        X: (batch, seq_len, input_size). Raise InvalidArgument for another shape.
        """
        outputs, _ = self._forward(self._checked(X))
        return outputs if return_sequences else outputs[:, -1]

    def gradients(self, X: Numbers, derivative: Callable[[Array], Array]) -> tuple[Array, Arrays]:
        """Return the outputs of the last step, and the gradient of a loss by every parameter, by name.

        derivative: from the outputs (batch, output_size) to the derivative of the loss by them. Raise InvalidArgument
        as `forward` does.
        """
        outputs, kept = self._forward(self._checked(X))
        d_outputs, d_last = np.zeros_like(outputs), np.asarray(derivative(outputs[:, -1]))
        if d_last.shape != outputs[:, -1].shape:
            raise InvalidArgument(f"derivative returned shape {d_last.shape}; it must be {outputs[:, -1].shape}")
        d_outputs[:, -1] = d_last
        return outputs[:, -1], self._backward(kept, d_outputs)

    @abstractmethod
    def _forward(self, X: Array) -> tuple[Array, Any]:
        """Return the outputs of every step, and what the backward pass needs."""

    @abstractmethod
    def _backward(self, kept: Any, d_outputs: Array) -> Arrays:
        """Return the gradients of all parameters. d_outputs: (batch, seq_len, output_size)."""

    def _checked(self, X: npt.ArrayLike) -> Array:
        inputs = np.asarray(X, dtype=np.float64)
        if inputs.ndim != 3 or not inputs.shape[1] or inputs.shape[2] != self.input_size:
            raise InvalidArgument(f"X has shape {inputs.shape}; it must be (batch, seq_len, {self.input_size})")
        return inputs


def xavier(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    """Draw a matrix uniform in +-sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010, eq. 16)."""
    bound = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, (fan_in, fan_out))


def orthogonal(rng: np.random.Generator, size: int) -> Array:
    """Draw an orthogonal matrix: the product of the singular vectors of a normal one."""
    left, _, right = np.linalg.svd(rng.standard_normal((size, size)))
    return np.asarray(left @ right)


def sigmoid(a: Array) -> Array:
    """Return 1 / (1 + exp(-a)), by way of tanh, which does not overflow."""
    return np.asarray(0.5 * np.tanh(0.5 * a) + 0.5)


def summed_outer(left: Array, right: Array) -> Array:
    """Return the sum of the outer products of rows: the gradient (m, n) of a matrix from its inputs (..., m) and the
    derivatives by its outputs (..., n).
    """
    return np.asarray(left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1]))
