"""Data and models that the tests of rnnctl.classic share."""

from __future__ import annotations

import numpy as np

from rnnctl.classic import LSTM, RelationalRNN


class LastStep:
    """A linear map of the last input, as users write models: it hands out its own arrays and has no gradients."""

    def __init__(self, input_size, output_size, dtype=np.float64):
        rng = np.random.default_rng(3)
        self.W = (0.1 * rng.standard_normal((input_size, output_size))).astype(dtype)
        self.b = np.zeros(output_size, dtype)

    def forward(self, X, return_sequences=False):
        outputs = X @ self.W + self.b
        return outputs if return_sequences else outputs[:, -1]

    def get_params(self):
        return {"W": self.W, "b": self.b}

    def set_params(self, params):
        self.W, self.b = params["W"], params["b"]


def sums(samples=60, steps=5, seed=1):
    """Sequences of three numbers, and the class: which of the three has the largest sum."""
    X = np.random.default_rng(seed).standard_normal((samples, steps, 3))
    return X, X.sum(axis=1).argmax(axis=1)


def small_models():
    return {
        "lstm": LSTM(3, 4, 3, seed=2),
        "relational": RelationalRNN(3, 4, 3, num_slots=3, slot_size=4, num_heads=2, seed=2),
        "relational without feedback": RelationalRNN(3, 4, 3, 3, 4, 1, feedback=False, initial_memory="zeros", seed=2),
    }
