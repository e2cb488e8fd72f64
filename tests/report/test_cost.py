"""Estimates of what a run costs."""

from __future__ import annotations

import pytest

from rnnctl.report.cost import SAMPLED_STEP_SECONDS, core_seconds
from rnnctl.study.run import RunSpec


def seconds(teacher: float, batch: int = 1) -> float:
    """The estimate for 1,000 updates of windows of 25 characters."""
    task = {"name": "grammar", "window": 25}
    train = {"updates": 1000, "batch": batch, "teacher": teacher}
    return core_seconds(RunSpec.model_validate({"task": task, "train": train}))


def test_each_step_at_which_a_symbol_is_sampled_costs_a_call_of_its_own():
    every_step = 1000 * 25 * SAMPLED_STEP_SECONDS
    assert seconds(0.0) - seconds(1.0) == pytest.approx(every_step)
    assert seconds(0.75) - seconds(1.0) == pytest.approx(every_step / 4)
    assert seconds(0.75, 20) - seconds(1.0, 20) == pytest.approx(every_step * (1 - 0.75**20))
