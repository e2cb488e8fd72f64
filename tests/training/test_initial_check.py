"""The first row of a history is the check of the initial weights, which changes nothing else of a run."""

import io

import numpy as np
import pytest
import torch

from rnnctl.study.run import RunSpec
from rnnctl.training import loop
from rnnctl.training.member import begin
from tests.training.memory import Memory, train
from tests.training.runs import explosive, spec
from tests.training.same_bits import assert_same


def without_it(monkeypatch):
    """Train as earlier versions did, which did not check initial weights."""

    def begin_later(*args):
        member, weights = begin(*args)
        member.fresh = False
        return member, weights

    monkeypatch.setattr(loop, "begin", begin_later)


def row_0(memory, run_id="a"):
    first, *others = memory.history[run_id]
    assert first.step == 0 < others[0].step
    return first


def test_an_orthogonal_matrix_begins_with_a_spectral_radius_of_1():
    first = row_0(train({"a": spec(1)}))
    assert first.scalars["rho"] == pytest.approx(1, abs=1e-6)
    assert first.scalars["sigma_max"] == pytest.approx(1, abs=1e-6)
    assert {"valid_loss", "valid_error", "valid_floor", "reach"} <= first.scalars.keys()
    assert not {"train_loss", "grad_norm"} & first.scalars.keys()  # means over no update
    assert first.traces["grad_time"].shape == (31,)


def test_it_is_what_a_check_after_an_update_that_changes_nothing_says():
    first, second = train({"a": spec(1, lr=1e-30, every=1, updates=1)}).history["a"]
    for name, value in first.scalars.items():
        assert repr(second.scalars[name]) == repr(value), name
    for name, trace in first.traces.items():
        assert second.traces[name].tobytes() == trace.tobytes()


@pytest.mark.parametrize(
    "run",
    [spec(1), spec(1, screen=20, diagnose_every=20), explosive("none"), explosive(1.0), spec(2, lr=1e-6)],
    ids=["usual", "screened", "diverges", "guarded", "idle"],
)
def test_it_changes_nothing_else(run, monkeypatch):
    plain = run.model_dump(mode="json")
    run = RunSpec.model_validate({**plain, "stop": {"solved": "zero_errors", "patience": 3}})
    actual = train({"a": run})
    without_it(monkeypatch)
    expected = train({"a": run})
    assert row_0(actual)
    assert repr(actual.history["a"][1:]) == repr(expected.history["a"])
    assert repr(actual.state("a")) == repr(expected.state("a"))
    assert actual.outcomes == expected.outcomes
    told, told_before = (
        {key: value for key, value in memory.summaries["a"].items() if not key.endswith("seconds")}
        for memory in (actual, expected)
    )
    assert repr(told) == repr(told_before)


def test_a_check_that_a_screen_ends_early_says_so():
    first = row_0(train({"a": spec(1, screen=20)}))
    assert first.scalars["valid_samples"] == 20


def test_it_diagnoses_however_rare_diagnoses_are():
    assert row_0(train({"a": spec(1, diagnose_every=50)})).traces


def test_it_is_made_once_however_often_a_run_is_resumed():
    expected = train({"a": spec(1), "b": spec(2)})
    memory = Memory()
    for updates in (0, 0, 1, 30, None):
        memory.drain_after = None if updates is None else memory.updates + updates
        train({"a": spec(1), "b": spec(2)}, memory)
    for run_id in ("a", "b"):
        assert_same(memory, expected, run_id)
        assert [row.step for row in memory.history[run_id]].count(0) == 1


def test_runs_that_begin_beside_others_that_go_on_are_checked_alone():
    expected = train({"a": spec(1), "b": spec(2)})
    memory = Memory()
    memory.drain_after = 15
    train({"a": spec(1)}, memory)
    memory.drain_after = None
    train({"a": spec(1), "b": spec(2)}, memory)
    for run_id in ("a", "b"):
        assert_same(memory, expected, run_id)


def test_a_longer_run_takes_it_over():
    memory = Memory()
    memory.specs = {"short": spec(1, updates=30), "long": spec(1, updates=60)}
    train({"short": memory.specs["short"]}, memory)
    train({"long": memory.specs["long"]}, memory)
    assert memory.origins == {"long": ("short", 30)}
    assert_same(memory, train({"long": memory.specs["long"]}), "long")
    assert repr(row_0(memory, "long")) == repr(row_0(memory, "short"))


def test_a_run_begins_itself_where_another_one_has_made_no_update():
    memory = Memory()
    memory.specs = {"short": spec(1, updates=30), "long": spec(1, updates=60)}
    memory.drain_after = 0
    train({"short": memory.specs["short"]}, memory)
    memory.drain_after = None
    train({"long": memory.specs["long"]}, memory)
    assert memory.origins == {}
    assert row_0(memory, "long")


def test_patience_of_a_longer_run_does_not_count_it():
    """The initial weights are the best that these runs ever have."""
    parent, run = spec(1, updates=30, lr=5.0), spec(1, updates=60, lr=5.0)
    run = RunSpec.model_validate({**run.model_dump(mode="json"), "stop": {"solved": "never", "patience": 4}})
    memory = Memory()
    memory.specs = {"parent": parent, "run": run}
    train({"parent": parent}, memory)
    losses = [row.scalars["valid_loss"] for row in memory.history["parent"]]
    assert np.argmin(losses) == 0
    train({"run": run}, memory)
    assert_same(memory, train({"run": run}), "run")


def test_a_run_of_an_earlier_version_goes_on_without_it():
    memory = Memory()
    memory.drain_after = 15
    train({"a": spec(1)}, memory)
    memory.history["a"] = [row for row in memory.history["a"] if row.step > 0]
    state = torch.load(io.BytesIO(memory.files["a"]), weights_only=True)
    del state["fresh"], state["snapshots"]
    buffer = io.BytesIO()
    torch.save(state, buffer)
    memory.files["a"] = buffer.getvalue()
    memory.drain_after = None
    train({"a": spec(1)}, memory)
    assert [row.step for row in memory.history["a"]] == [10, 20, 30, 40, 50, 60]
    assert torch.equal(memory.state("a")["weights"], train({"a": spec(1)}).state("a")["weights"])
