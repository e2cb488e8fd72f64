"""Schedules in training: the rates that a run was trained with, and the same bits alone, packed, resumed and extended,
also where the rate depends on what the checks of the run have shown.
"""

from __future__ import annotations

from typing import Any

import pytest

from rnnctl.study.run import RunSpec
from tests.training.check_bits import check_bits
from tests.training.memory import Memory, train
from tests.training.runs import easy, spec
from tests.training.same_bits import assert_same

STALE = {"name": "plateau", "patience": 1, "min_delta": 10.0}  # no check but the first is an improvement
SCHEDULES: dict[str, dict[str, Any]] = {
    "plateau": STALE,
    "plateau with warm-up": {"name": "plateau", "patience": 2, "factor": 0.3, "warmup": 35},
    "milestones": {"name": "milestones", "at": [7, 31], "factor": 0.5},
    "stairs": {"name": "exponential", "period": 8, "factor": 0.9, "stairs": True},
    "cosine": {"name": "cosine", "period": 50},
    "cosine over all updates": {"name": "cosine"},
    "one cycle": {"name": "one_cycle", "period": 60},
    "one cycle over all updates": {"name": "one_cycle", "warmup": 4},
}
each_schedule = pytest.mark.parametrize("rate", SCHEDULES.values(), ids=SCHEDULES)


def with_rate(run: RunSpec, rate: dict[str, Any], **train_keys: Any) -> RunSpec:
    plain = run.model_dump(mode="json")
    return RunSpec.model_validate({**plain, "train": {**plain["train"], "rate": rate, **train_keys}})


def rates(memory: Memory, run_id: str) -> dict[int, float]:
    return {row.step: row.scalars["rate"] for row in memory.history[run_id] if row.step}


@each_schedule
def test_alone_packed_and_resumed_have_the_same_bits(rate: dict[str, Any]) -> None:
    others = {"constant": spec(2), "falling": with_rate(spec(3), {"name": "1/t", "period": 5})}
    runs = {"a": with_rate(spec(1), rate), "b": with_rate(spec(2), rate, lr=0.05), **others}
    memory = check_bits(runs, (1, 20, 37))
    expected = runs["a"].train
    if not expected.rate.reads_checks:
        assert rates(memory, "a") == {step: expected.learning_rate(step) for step in range(10, 61, 10)}
    assert rates(memory, "constant") == dict.fromkeys(range(10, 61, 10), 0.02)


def test_a_plateau_halves_the_rate_check_after_check() -> None:
    memory = train({"run": with_rate(spec(1, lr=0.08), STALE)})
    # The rate at a check is that of the update before it, so it falls in the row after the one without improvement.
    assert list(rates(memory, "run").values()) == [0.08, 0.08, 0.04, 0.02, 0.01, 0.005]
    plain = train({"run": spec(1, lr=0.08)})
    assert [row.scalars == other.scalars for row, other in _rows(memory, plain)] == [True, True, *[False] * 4]


def _rows(memory: Memory, other: Memory) -> list[tuple[Any, Any]]:
    pairs = zip(memory.history["run"], other.history["run"], strict=True)
    return [(row, its) for row, its in pairs if row.step]


@each_schedule
@pytest.mark.parametrize("updates", [20, 33])
def test_a_longer_run_goes_on_from_a_shorter_one_if_the_rates_do_not_depend_on_its_length(
    rate: dict[str, Any], updates: int
) -> None:
    parent, run = with_rate(spec(1), rate, updates=updates), with_rate(spec(1), rate)
    memory = Memory()
    memory.specs = {"parent": parent, "run": run}
    train({"parent": parent}, memory)
    train({"run": run}, memory)
    assert_same(memory, train({"run": run}), "run")
    over_all = rate["name"] in ("cosine", "one_cycle") and "period" not in rate
    assert (parent.trajectory_id == run.trajectory_id) == (not over_all)
    assert memory.origins == ({} if over_all else {"run": ("parent", updates)})


DECAYS: list[dict[str, Any]] = [
    {"name": "1/t", "period": 10},
    {"name": "exponential", "period": 10},
    {"name": "milestones", "at": [1, 12]},
    {"name": "cosine", "period": 40, "end": 0.1},
    {"name": "cosine"},
]


@pytest.mark.parametrize("rate", DECAYS, ids=repr)
def test_a_decay_begins_when_the_floor_is_broken(rate: dict[str, Any]) -> None:
    rate = {**rate, "after": "broke_floor"}
    run = with_rate(easy(solved="never"), rate, updates=100)
    memory = check_bits({"run": run, "other": with_rate(run, {"name": "constant"})}, (10, 50, 77))
    broken_at = memory.summaries["run"]["broke_floor_at"]
    assert 10 <= broken_at <= 60
    shown = rates(memory, "run")
    assert all(value == 0.03 for step, value in shown.items() if step <= broken_at)
    began = run.train.rate.model_copy(update={"after": "start"})
    for step, value in shown.items():
        if step > broken_at:
            assert value == began.in_force(0.03, step - broken_at, 100 - broken_at, {})
    assert shown[100] < 0.03

    shorter = with_rate(run, rate, updates=83)
    memory = Memory()
    memory.specs = {"parent": shorter, "run": run}
    train({"parent": shorter}, memory)
    train({"run": run}, memory)
    assert_same(memory, train({"run": run}), "run")
    assert bool(memory.origins) == (rate != {"name": "cosine", "after": "broke_floor"})


def test_the_guard_shrinks_by_the_rate_in_force() -> None:
    """The guard's update, W_hh times (1 - 0.02 rate), uses the rate that the schedule has reached."""
    exploding = spec(2, activation="identity", init={"name": "basic_tanh", "std": 50.0}, clip=1.0, omega=0, lr=0.1)
    plain, slow = (train({"run": with_rate(exploding, rate, updates=1)}) for rate in ({"name": "constant"}, WARM))
    before = train({"run": with_rate(exploding, {"name": "constant", "warmup": 10**9}, updates=1)})
    start, one, other = (memory.state("run")["weights"] for memory in (before, plain, slow))
    assert ((one - start).norm() / (other - start).norm()).item() == pytest.approx(4, rel=1e-3)


WARM = {"name": "constant", "warmup": 4}
