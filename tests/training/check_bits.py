"""Runs of a pack, compared with each alone and with the pack interrupted."""

from __future__ import annotations

from rnnctl.study.run import RunSpec
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same


def check_bits(runs: dict[str, RunSpec], drains: tuple[int, ...]) -> Memory:
    """Compare runs of one pack with each alone, and with the pack interrupted after a number of updates of each."""
    together = train(runs)
    for run_id, run in runs.items():
        assert_same(train({run_id: run}), together, run_id)
    for updates in drains:
        memory = Memory()
        memory.drain_after = updates * len(runs)
        train(runs, memory)
        memory.drain_after = None
        train({run_id: run for run_id, run in runs.items() if run_id not in memory.outcomes}, memory)
        for run_id in runs:
            assert_same(memory, together, run_id)
    return together
