"""Two recordings of a run, compared to the last bit."""

from __future__ import annotations

import torch

from tests.training.memory import Memory


def assert_same(one: Memory, two: Memory, run_id: str) -> None:
    """Equal to the last bit: weights, generators, counters, history with traces. By repr, so that nan equals nan."""
    left, right = one.state(run_id), two.state(run_id)
    assert left.keys() == right.keys()
    for key, value in left.items():
        same = torch.equal(value, right[key]) if isinstance(value, torch.Tensor) else repr(value) == repr(right[key])
        assert same, key
    rows, others = one.history[run_id], two.history[run_id]
    assert [r.step for r in rows] == [r.step for r in others]
    for row, other in zip(rows, others, strict=True):
        assert repr(row.scalars) == repr(other.scalars)
        for name, trace in row.traces.items():
            assert trace.tobytes() == other.traces[name].tobytes(), name
