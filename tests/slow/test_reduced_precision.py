"""Training with products in bfloat16 and float16 stays near training in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.memory import train
from tests.training.runs import spec, with_train


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "gated"])
def test_the_course_of_training_is_near_that_of_float64(cell):
    """The losses of 200 updates, beside those of a run in float64; bfloat16 is the coarser one."""
    model = {"name": cell, "hidden": 13} | ({"init": "orthogonal"} if cell != "gated" else {"layers": 1})
    base = with_train(spec(updates=200, omega=0, every=20), model=model, lr=0.02)

    def losses(**keys: Any) -> np.ndarray:
        history = train({"run": with_train(base, **keys)}).history["run"]
        return np.array([row.scalars["valid_loss"] for row in history])

    exact = losses(dtype="float64")
    fall = np.abs(exact - exact[0]).max()
    distances = {
        keys["precision"]: np.abs(losses(**keys) - exact).max()
        for keys in ({"precision": "bfloat16"}, {"precision": "float16", "loss_scale": "dynamic"})
    }
    assert distances["float16"] < 0.02 * fall
    assert distances["bfloat16"] < 0.15 * fall
    assert distances["float16"] > np.abs(losses() - exact).max()
