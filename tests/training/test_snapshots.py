"""Weights are kept at exactly the updates that a run asks for: the same bits alone, in packs, resumed and extended."""

import io

import pytest
import torch

from rnnctl.study.run import RunSpec
from rnnctl.training.member import begin, network_of
from rnnctl.training.trained import Trained
from tests.training.memory import Memory, train
from tests.training.runs import explosive, spec
from tests.training.same_bits import assert_same

KEPT = [0, 7, 10, 23, 40]  # two of them at a check


def keeping(snapshots, run=None, **changes):
    plain = (run or spec(1, updates=40)).model_dump(mode="json")
    plain["train"] |= {key: value for key, value in changes.items() if key == "updates"}
    return RunSpec.model_validate({**plain, "check": {**plain["check"], "snapshots": snapshots}})


def snapshots(memory, run_id="a"):
    return torch.load(io.BytesIO(memory.files[run_id]), weights_only=True)["snapshots"]


def test_they_are_the_weights_of_runs_that_end_there():
    kept = snapshots(train({"a": keeping(KEPT)}))
    assert list(kept) == KEPT
    for update in KEPT[1:]:
        shorter = train({"a": spec(1, updates=update)})
        assert torch.equal(kept[update], shorter.state("a")["weights"])


def test_at_0_they_are_the_initial_weights():
    run = keeping([0])
    task = run.task.make()
    _, weights = begin("a", run, task, network_of(run.model, task))
    assert torch.equal(snapshots(train({"a": run}))[0], weights)


def test_they_change_nothing_else():
    with_them, without = train({"a": keeping(KEPT)}), train({"a": spec(1, updates=40)})
    files = [memory.state("a") for memory in (with_them, without)]
    assert files[0].pop("snapshots").keys() == set(KEPT)
    assert files[1].pop("snapshots") == {}
    assert {key: repr(value) for key, value in files[0].items()} == {
        key: repr(value) for key, value in files[1].items()
    }
    assert repr(with_them.history) == repr(without.history)


def test_in_packs_and_resumed_they_have_the_same_bits():
    runs = {"a": keeping(KEPT), "b": keeping([3, 23], spec(2, updates=40)), "c": spec(3, updates=25)}
    together = train(runs)
    assert [list(snapshots(together, run_id)) for run_id in runs] == [KEPT, [3, 23], []]
    for run_id, run in runs.items():
        assert_same(train({run_id: run}), together, run_id)
    for after in (0, 1, 20, 21, 69, 90):
        resumed = Memory()
        resumed.drain_after = after
        train(runs, resumed)
        resumed.drain_after = None
        train({run_id: run for run_id, run in runs.items() if run_id not in resumed.outcomes}, resumed)
        for run_id in runs:
            assert_same(resumed, together, run_id)


def extended(parent, run):
    """Train a run after another one of its trajectory. Return from which update it went on, None if it did not."""
    memory = Memory()
    memory.specs = {"parent": parent, "run": run}
    assert parent.trajectory_id == run.trajectory_id
    train({"parent": parent}, memory)
    train({"run": run}, memory)
    assert_same(memory, train({"run": run}), "run")
    return memory.origins.get("run", (None, None))[1]


@pytest.mark.parametrize(
    ("of_parent", "of_run", "goes_on_from"),
    [
        ([0, 7], [0, 7], 30),
        ([0, 7], [0, 7, 30, 45], 30),  # the one at the end of the other run is there: its weights
        ([0, 7], [7, 45], 30),
        ([0, 7], "none", 30),
        ([0, 7], [0, 7, 8], None),
        ("none", [0], None),
        ("none", [30, 31], 30),
    ],
)
def test_a_run_goes_on_from_another_one_that_has_kept_all_that_it_has_to_keep(of_parent, of_run, goes_on_from):
    parent = keeping(of_parent, spec(1, updates=30))
    assert extended(parent, keeping(of_run, spec(1, updates=60))) == goes_on_from


def test_a_run_that_diverges_has_those_up_to_there():
    kept = snapshots(train({"a": keeping([0, 1, 2, 50], explosive("none"))}))
    assert list(kept) == [0, 1]


def test_equal_tensors_are_in_the_file_once():
    alone = train({"a": spec(1, updates=40)})
    at_the_end = train({"a": keeping([40])})
    weights = alone.state("a")["weights"].nbytes
    assert len(at_the_end.files["a"]) < len(alone.files["a"]) + weights / 2


def test_a_trained_network_has_them_by_their_update():
    memory, run = train({"a": keeping([0, 7])}), keeping([0, 7])
    state = torch.load(io.BytesIO(memory.files["a"]), weights_only=True)
    trained = Trained.from_state(state, "a", run)
    assert list(trained.weights) == ["last", "best", "0", "7"]
    assert [trained.weights[name].step for name in ("0", "7")] == [0, 7]
    assert torch.equal(trained.weights["7"].flat_N, state["snapshots"][7])


def test_the_order_in_which_they_are_written_makes_no_difference():
    assert keeping([40, 0, 7, 7]) == keeping("0+7+40") == keeping(["7", 40, 0])
    assert keeping(7) == keeping([7])
    assert keeping([]) == keeping(None) == keeping("none") == spec(1, updates=40)
    assert keeping([]).run_id == spec(1, updates=40).run_id != keeping([0]).run_id


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0, 41], "check.snapshots names update 41, which is above train.updates 40"),
        ([-1], "whole numbers from 0, such as [0, 1000], not -1"),
        ([1.5], "not 1.5"),
        ([True], "not true"),
        ("0,7", 'not the text "0,7"'),
        ("best", 'not the text "best"'),
        ([[0]], "not a list"),
        ({"at": 1}, "not a mapping"),
    ],
)
def test_what_is_no_update_of_the_run_is_refused(value, message):
    with pytest.raises(ValueError, match="(?s).*" + message.replace("[", r"\[")):
        keeping(value)
