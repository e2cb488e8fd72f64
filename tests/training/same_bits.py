"""Two recordings of a run, compared to the last bit."""

from __future__ import annotations

import torch

from tests.training.memory import Memory


def assert_same(one: Memory, two: Memory, run_id: str) -> None:
    """Equal to the last bit: weights, generators, counters, history with traces. By repr, so that nan equals nan."""
    left, right = one.state(run_id), two.state(run_id)
    assert left.keys() == right.keys()
    for key, value in left.items():
        assert _same(value, right[key]), key
    rows, others = one.history[run_id], two.history[run_id]
    assert [r.step for r in rows] == [r.step for r in others]
    for row, other in zip(rows, others, strict=True):
        assert repr(row.scalars) == repr(other.scalars)
        for name, trace in row.traces.items():
            assert trace.tobytes() == other.traces[name].tobytes(), name


def _same(value: object, other: object) -> bool:
    if isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(value, other)
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(_same(item, other[key]) for key, item in value.items())
    return repr(value) == repr(other)
