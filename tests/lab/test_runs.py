"""Runs one by one, and two side by side."""

import pytest

from rnnctl.lab.diff import diff
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.records import plain
from rnnctl.lab.runs import runs, short_ids
from rnnctl.lab.workspaces import one_run
from tests.lab.trained import FLOOR, finish


def test_short_ids_are_as_long_as_they_have_to_be():
    ids = ["r1-0123456789ab", "r1-01234567aaaa", "r1-ffffffffffff"]
    assert short_ids(ids) == {ids[0]: "r1-012345678", ids[1]: "r1-01234567a", ids[2]: "r1-ffffff"}
    assert short_ids(["r1-0123456789ab"]) == {"r1-0123456789ab": "r1-012345"}
    assert short_ids([]) == {}


def test_runs_are_listed_with_what_they_reached(store):
    finish(store, {"omega=1.0 seed=1": 0.5}, "solved")
    listed = runs(store, "tiny")
    assert [each.result.label for each in listed.runs][:2] == ["omega=0.0 seed=1", "omega=0.0 seed=2"]
    assert [each.parameters for each in listed.runs] == [{"train.omega": w} for w in (0.0, 0.0, 1.0, 1.0)]
    assert all(one_run(store, each.short) == each.result.run for each in listed.runs)
    assert not listed.several
    (solved,) = runs(store, where=["loss<0.6"]).runs
    record = plain(solved)
    assert (record["label"], record["ended"], record["loss"]) == ("omega=1.0 seed=1", "solved", 0.5)
    assert (record["floor"], record["loss_unit"]) == (FLOOR, "nats")
    with pytest.raises(LabError, match="no run matches loss>9; loss is 0.5"):
        runs(store, where=["loss>9"])


def test_two_runs_are_compared_key_by_key_and_result_by_result(store):
    finish(store, {"omega=1.0 seed=1": 0.5})
    compared = diff(store, "omega=0.0 seed=1", "tiny/omega=1.0 seed=1")
    assert [run.label for run in compared.runs] == ["omega=0.0 seed=1", "omega=1.0 seed=1"]
    assert compared.keys == {"train.omega": [0.0, 1.0]}
    assert compared.results["loss"] == [None, 0.5]
    assert compared.results["ended"] == ["running", "budget"]
    assert "bits_per_byte" not in compared.results
    assert diff(store, "omega=0.0 seed=1", "omega=0.0 seed=2").keys == {"seed": [1, 2]}


def test_a_diff_needs_two_runs(store):
    run_id = one_run(store, "omega=0.0 seed=1")
    with pytest.raises(LabError, match=f"are the same run {run_id}"):
        diff(store, "omega=0.0 seed=1", run_id)
    with pytest.raises(LabError, match="there is no run 'omega=2'") as error:
        diff(store, "omega=0.0 seed=1", "omega=2")
    assert error.value.code is Code.NOTHING


def test_a_study_in_the_place_of_a_run_is_told(store):
    with pytest.raises(LabError, match="'tiny' is a study, and not a run; `rnnctl runs tiny` shows its runs"):
        one_run(store, "tiny")
