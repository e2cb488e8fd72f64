"""Patience on any figure of the history: a run ends where the history of a run that goes on says that it has to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from rnnctl.measures import SCALARS, WATCHED
from rnnctl.study.check import Stop
from rnnctl.study.loss_scale import StaticScale
from rnnctl.study.run import RunSpec
from tests.training.memory import Memory, train
from tests.training.runs import easy, spec
from tests.training.same_bits import assert_same

FIGURES = ("valid_loss", "valid_error", "grad_norm", "train_omega", "rho")


def stopping(run: RunSpec, updates: int | None = None, **stop: Any) -> RunSpec:
    plain = run.model_dump(mode="json")
    plain["stop"] |= stop
    plain["train"]["updates"] = updates or plain["train"]["updates"]
    return RunSpec.model_validate(plain)


def end_by(history: list[Any], stop: Stop) -> int | None:
    """Return the update at which these rules end a run with a history; None if they do not."""
    assert stop.patience is not None
    best, stale = float("inf"), 0
    for row in history:
        if not row.step or stop.on not in row.scalars:
            continue
        value = row.scalars[stop.on]
        if stop.on == "valid_loss":
            value -= row.scalars["valid_floor"]
        value = value if stop.direction == "down" else -value
        best, stale = (value, 0) if value < best - stop.min_delta else (best, stale + 1)
        if stale >= stop.patience:
            return int(row.step)
    return None


UPDATES = 80
CHECKS: dict[str, dict[str, Any]] = {"every check": {}, "every third": {"diagnose_every": 30}}


@pytest.mark.parametrize("checks", CHECKS.values(), ids=CHECKS)
def test_a_run_ends_where_the_history_of_one_that_goes_on_says(checks: dict[str, Any]) -> None:
    plain = spec(1, updates=UPDATES, **checks)
    runs = {
        f"{on} {direction} {patience}": stopping(plain, patience=patience, min_delta=1e-3, on=on, direction=direction)
        for on in FIGURES
        for direction in ("down", "up")
        for patience in (1, 2)
    }
    memory = train({"endless": plain, **runs})
    history, ends = memory.history["endless"], set()
    for run_id, run in runs.items():
        end = end_by(history, run.stop) or UPDATES
        ends.add(end)
        assert memory.outcomes[run_id] == ("budget" if end == UPDATES else "early_stop")
        assert memory.state(run_id)["step"] == end
        before = [row.scalars for row in history if row.step < end]
        assert [row.scalars for row in memory.history[run_id]][: len(before)] == before
    assert len(ends) > 3


@pytest.mark.parametrize("on", ["valid_error", "grad_norm", "rho"])
@pytest.mark.parametrize("updates", [40, 45])
def test_a_run_that_goes_on_from_another_waits_by_its_own_rules(on: str, updates: int) -> None:
    base = spec(1, updates=70, diagnose_every=20)
    run = stopping(base, patience=2, on=on, min_delta=0.01, direction="up")
    parent = stopping(base, updates, patience=3, on="train_loss")
    assert parent.trajectory_id == run.trajectory_id
    memory = Memory()
    memory.specs = {"parent": parent, "run": run}
    train({"parent": parent}, memory)
    train({"run": run}, memory)
    assert_same(memory, train({"run": run}), "run")


def test_a_resumed_run_waits_on() -> None:
    run = stopping(spec(1, updates=200), patience=4, on="grad_norm", direction="up", min_delta=1e-3)
    whole = train({"run": run})
    assert whole.outcomes["run"] == "early_stop"
    for updates in (15, 30):
        memory = Memory()
        memory.drain_after = updates
        train({"run": run}, memory)
        memory.drain_after = None
        train({"run": run}, memory)
        assert_same(memory, whole, "run")


@pytest.mark.parametrize(
    ("outcome", "run"),
    [
        ("budget", spec(1, updates=60, lr=0.3)),
        ("early_stop", stopping(spec(1, updates=200, lr=0.3), patience=3, on="grad_norm")),
        ("solved", easy()),
    ],
    ids=["budget", "early_stop", "solved"],
)
def test_the_best_weights_are_kept_whether_or_not_stopping_fired(outcome: str, run: RunSpec) -> None:
    every = range(0, run.train.updates + 1, run.check.every)
    plain = run.model_dump(mode="json")
    plain["check"]["snapshots"] = "+".join(map(str, every))
    memory = train({"run": RunSpec.model_validate(plain)})
    assert memory.outcomes["run"] == outcome
    state, rows = memory.state("run"), [row for row in memory.history["run"] if row.step]
    best = min(rows, key=lambda row: row.scalars["valid_loss"] - row.scalars["valid_floor"])
    assert state["best"]["step"] == best.step
    assert torch.equal(state["best_weights"], state["snapshots"][best.step])
    if outcome != "solved":
        assert not torch.equal(state["best_weights"], state["weights"])


SCRIPTED = [
    ([5.0, 4.0, 3.0, 3.0, 3.0], {"patience": 2}, [0, 0, 0, 1, 2]),
    ([5.0, 4.9, 4.8, 4.7], {"patience": 2, "min_delta": 0.15}, [0, 1, 0, 1]),
    ([1.0, 2.0, 1.5, 3.0], {"patience": 9, "direction": "up"}, [0, 0, 1, 0]),
    ([1.0, float("nan"), float("inf"), 1.0], {"patience": 9}, [0, 0, 0, 1]),
]


@pytest.mark.parametrize(("curve", "keys", "stale"), SCRIPTED, ids=repr)
def test_patience_on_scripted_curves(curve: list[float], keys: dict[str, Any], stale: list[int]) -> None:
    from rnnctl.training.member import Best

    stop, waited, counts = Stop.model_validate({"on": "grad_norm", **keys}), Best(), []
    for value in curve:
        if (watched := stop.watched({"grad_norm": value})) is not None:
            waited.wait(watched, stop.min_delta)
        counts.append(waited.stale_checks)
    assert counts == stale


def test_only_figures_that_are_recorded_can_be_watched() -> None:
    plain = spec(1, updates=10)
    reduced = plain.train.model_copy(update={"precision": "float16", "loss_scale": StaticScale()})
    scaled = plain.model_copy(update={"train": reduced})
    recorded = train({"run": scaled}).history["run"][-1].scalars
    assert set(WATCHED) <= set(recorded) <= set(SCALARS)
    assert FIGURES[0] == Stop().on
    for on in WATCHED:
        stopping(scaled, on=on, patience=2)
    with pytest.raises(ValidationError, match="valid_los"):
        stopping(spec(1), on="valid_los")
    for run, on, why in (
        (spec(1, omega=0), "train_omega", "train.omega.alpha is 0"),
        (plain, "skip_share", "train.loss_scale is none"),
        (spec(1, activation="relu"), "saturation", "the hidden units have no two limits"),
        (RunSpec.model_validate({"task": "temporal_order", "model": "gru"}), "omega", "Omega is not defined for gru"),
    ):
        with pytest.raises(ValidationError, match=f"stop.on {on} is never recorded: {why}"):
            stopping(run, on=on)
