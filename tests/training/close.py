"""Two recordings of a run, by different code, compared to the precision of the run."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch

from rnnctl.study.run import RunSpec
from tests.training.memory import Memory

# Relative to the greatest weight.
TOLERANCES = {"float32": 1e-4, "float64": 1e-11}


def assert_close(actual: Memory, expected: Memory, run_id: str, spec: RunSpec) -> None:
    """Weights, what the optimizer keeps, and the figures of checks agree to the precision of the run."""
    tolerance = TOLERANCES[spec.train.dtype]
    left, right = actual.state(run_id), expected.state(run_id)
    assert left["step"] == right["step"]
    for key in ("weights", "best_weights", "carried", "kept"):
        if right[key] is not None:
            scale = float(right[key].abs().max())
            torch.testing.assert_close(
                left[key],
                right[key],
                rtol=0,
                atol=tolerance * scale,
                equal_nan=True,
                msg=lambda m, key=key: f"{key}: {m}",
            )
    rows, others = actual.history[run_id], expected.history[run_id]
    assert [row.step for row in rows] == [row.step for row in others]
    for row, other in zip(rows, others, strict=True):
        assert row.traces.keys() == other.traces.keys()
        _assert_figures_close(row.scalars, other.scalars, tolerance)
    assert actual.outcomes == expected.outcomes


def _assert_figures_close(actual: Mapping[str, float], expected: Mapping[str, float], tolerance: float) -> None:
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        # Norms of gradients that fall off over many steps lose digits.
        assert actual[key] == pytest.approx(value, rel=100 * tolerance, abs=10 * tolerance, nan_ok=True), key
        assert math.isfinite(actual[key]) == math.isfinite(value), key
