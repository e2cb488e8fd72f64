"""A run that goes on from another one of its trajectory ends with the bits of one trained from the start.

A longer campaign over drawn runs is in tests/slow.
"""

import io
import random

import pytest
import torch

from rnnctl.cells.catalogue import CELLS
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.study.run import RunSpec
from tests.places import small_data
from tests.training.drawn_extensions import check_extension, drawn_extension
from tests.training.memory import Memory, train
from tests.training.runs import easy, explosive, spec
from tests.training.same_bits import assert_same


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two places of one text, and of one file of arrays."""
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    return small_data(tmp_path)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.names)
@pytest.mark.parametrize("cell", CELLS.names)
def test_drawn_runs_of_every_cell_and_optimizer(cell, optimizer, places):
    rng, extended = random.Random(f"{cell} {optimizer}"), 0
    for n in range(30):
        if n >= 3 and extended:
            break
        parent, run = drawn_extension(rng, places, {"model": cell, "train.optimizer": optimizer})
        extended += check_extension(rng, {parent.run_id: parent}, {run.run_id: run})
    assert extended >= 1


def changed(run, stop=None, **train):
    plain = run.model_dump(mode="json")
    return RunSpec.model_validate({**plain, "train": plain["train"] | train, "stop": plain["stop"] | (stop or {})})


def go_on(parent, run, *, extended=True):
    """Train a run after another one, and compare it with the run trained from the start."""
    memory = Memory()
    memory.specs = {"parent": parent, "run": run}
    train({"parent": parent}, memory)
    before = memory.updates
    train({"run": run}, memory)
    anew = train({"run": run})
    assert_same(memory, anew, "run")
    assert memory.outcomes["run"] == anew.outcomes["run"]
    assert ("run" in memory.origins) == extended
    step = memory.origins["run"][1] if extended else 0
    assert memory.updates - before == memory.state("run")["step"] - step
    return memory


@pytest.mark.parametrize("updates", [10, 30, 33, 59, 60])
@pytest.mark.parametrize("check", [{}, {"diagnose_every": 20}, {"screen": 20}], ids=repr)
def test_a_longer_run_costs_only_the_difference(updates, check):
    memory = go_on(spec(1, updates=updates, **check), changed(spec(1, **check), updates=61))
    assert memory.origins == {"run": ("parent", updates)}


def test_in_packs_with_others():
    short = {f"short {seed}": spec(seed, updates=20 + seed) for seed in (1, 2, 3)}
    long = {f"long {seed}": spec(seed, updates=60, omega=0.5 if seed < 4 else 0) for seed in (1, 2, 3, 4)}
    memory = Memory()
    memory.specs = {**short, **long}
    train(short, memory)
    memory.drain_after = memory.updates + 70
    train(long, memory)
    memory.drain_after = None
    train({run_id: run for run_id, run in long.items() if run_id not in memory.outcomes}, memory)
    anew = train(long)
    for run_id in long:
        assert_same(memory, anew, run_id)
    assert memory.origins == {f"long {seed}": (f"short {seed}", 20 + seed) for seed in (1, 2, 3)}


def test_a_run_that_ends_where_the_other_did_makes_its_own_last_check():
    memory = go_on(easy(), changed(easy(), updates=2000))
    assert memory.outcomes == {"parent": "solved", "run": "solved"}
    assert memory.origins["run"][1] == memory.state("parent")["step"]
    solved_later = go_on(easy(solved="under_1_percent"), easy())
    assert solved_later.state("run")["step"] >= solved_later.origins["run"][1]


def test_a_diverged_run_diverges_again_without_an_update():
    parent = explosive("none")
    memory = go_on(parent, changed(parent, updates=70))
    assert memory.outcomes == {"parent": "diverged", "run": "diverged"}
    assert memory.updates == memory.state("parent")["step"]


def test_a_run_that_would_have_ended_before_does_not_go_on_from_there():
    unconcerned = changed(easy(solved="never"), updates=200)
    memory = go_on(unconcerned, easy(), extended=False)
    assert memory.state("run")["step"] < 200
    impatient = changed(spec(1, updates=60, lr=1e-6), stop={"patience": 2, "min_delta": 0.5})
    memory = go_on(spec(1, updates=60, lr=1e-6), impatient, extended=False)
    assert memory.outcomes["run"] == "early_stop"


def test_patience_goes_on_by_the_rules_of_the_run_itself():
    parent = changed(spec(1, updates=33, lr=1e-6), stop={"patience": 9, "min_delta": 0.0})
    patient = changed(spec(1, updates=200, lr=1e-6), stop={"patience": 5, "min_delta": 0.5})
    memory = go_on(parent, patient)
    assert memory.outcomes["run"] == "early_stop"
    assert memory.state("run")["best"]["stale_checks"] == 5
    go_on(changed(spec(1, updates=90, lr=1e-6), stop={"patience": 3, "min_delta": 0.5}), spec(1, updates=90, lr=1e-6))


def test_another_rate_is_another_trajectory():
    go_on(spec(1), changed(spec(1), updates=80, lr=0.03), extended=False)
    falling = {"name": "1/t", "period": 10}
    go_on(spec(1), changed(spec(1), updates=80, rate=falling), extended=False)
    go_on(changed(spec(1), rate=falling), changed(spec(1), updates=80, rate=falling))


def test_a_run_goes_on_from_one_that_itself_went_on():
    runs = {"a": spec(1, updates=15), "b": spec(1, updates=35), "c": spec(1, updates=60)}
    memory = Memory()
    memory.specs = runs
    for run_id, run in runs.items():
        train({run_id: run}, memory)
    assert memory.origins == {"b": ("a", 15), "c": ("b", 35)}
    assert memory.updates == 60
    assert_same(memory, train({"c": runs["c"]}), "c")


def test_a_run_may_go_on_before_its_own_first_save():
    """The check at the end of the other run is still to come in the first checkpoint, and is made after a resume."""
    memory = Memory()
    memory.specs = {"parent": spec(1, updates=20), "run": spec(1, updates=40), "other": spec(1, updates=50)}
    train({"parent": memory.specs["parent"]}, memory)
    commit, kept = memory.commit, []

    def only_the_first(run_id, *rest):
        kept.append(run_id)
        return len(kept) == 1 and commit(run_id, *rest)

    memory.commit = only_the_first
    train({"run": memory.specs["run"]}, memory)
    memory.commit = commit
    assert memory.state("run")["unchecked"]
    assert [row.step for row in memory.history["run"]] == [0, 10]
    del memory.specs["parent"]
    train({"other": memory.specs["other"]}, memory)
    train({"run": memory.specs["run"]}, memory)
    assert memory.origins["other"] == ("run", 20)
    for run_id in ("run", "other"):
        assert_same(memory, train({run_id: memory.specs[run_id]}), run_id)


@pytest.mark.parametrize("content", [b"junk", b""])
def test_a_checkpoint_that_cannot_be_used_is_passed_over(content):
    memory = Memory()
    memory.specs = {"parent": spec(1, updates=20), "run": spec(1, updates=30)}
    train({"parent": memory.specs["parent"]}, memory)
    load = memory.state
    memory.state = lambda run_id: {"step": 20} if run_id == "parent" else load(run_id)
    memory.files["parent"] = content
    train({"run": memory.specs["run"]}, memory)
    assert memory.origins == {}
    assert memory.outcomes["run"] == "budget"


def test_the_end_of_a_run_of_an_earlier_version_is_passed_over():
    memory = Memory()
    memory.specs = {"parent": spec(1, updates=20), "run": spec(1, updates=30)}
    train({"parent": memory.specs["parent"]}, memory)
    state = torch.load(io.BytesIO(memory.files["parent"]), weights_only=True)
    del state["before_check"], state["unchecked"], state["diverged"]
    buffer = io.BytesIO()
    torch.save(state, buffer)
    memory.files["parent"] = buffer.getvalue()
    train({"run": memory.specs["run"]}, memory)
    assert memory.origins == {}
