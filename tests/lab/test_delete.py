"""Deleting studies and runs by the names that people give them."""

import os
import time

import pytest

from jobs import identity
from rnnctl.lab.delete import chosen, delete, planned, unnamed
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.register import register
from rnnctl.lab.workspaces import selected
from store import queries, queue, workers
from tests.lab.studies import STUDY
from tests.lab.trained import finish


@pytest.fixture
def other(store):
    """A second study, which names the runs of seed 1 as well."""
    file = store.workspace.root / "other.yaml"
    file.write_text(STUDY.replace("study: tiny", "study: other").replace("[1, 2]", "[1]"))
    register(store.workspace.root, [file])


def test_a_study_is_deleted_by_its_name(store):
    finish(store, {row.label: 0.5 for row in selected(store)})
    what = chosen(store, ["tiny"])
    plan = planned(store, what)
    assert (plan.studies, len(plan.runs), plan.checks, plan.files) == (["tiny"], 4, 4, 4)
    assert plan.file_bytes == 4 * len(b"weights")
    assert delete(store, what) == plan
    assert queries.studies(store) == []


def test_a_run_is_deleted_by_its_label_or_id(store):
    runs = selected(store)
    delete(store, chosen(store, ["omega=0.0 seed=1", runs[3].run_id]))
    assert [row.run_id for row in selected(store)] == [runs[1].run_id, runs[2].run_id]


def test_a_run_of_several_studies_is_named_with_one_of_them(store, other):
    with pytest.raises(
        LabError, match="is part of several studies: name one of tiny/omega=0.0 seed=1, other/omega=0.0"
    ):
        chosen(store, ["omega=0.0 seed=1"])
    deletion = delete(store, chosen(store, ["tiny/omega=0.0 seed=1"]))
    assert (len(deletion.runs), len(deletion.kept)) == (0, 1)
    assert [row.label for row in selected(store, "tiny")][0] == "omega=0.0 seed=2"
    assert len(selected(store, "other")) == 2
    deletion = delete(store, chosen(store, ["omega=0.0 seed=1"]))
    assert len(deletion.runs) == 1


def test_unknown_names_and_runs_in_training_are_refused(store):
    with pytest.raises(LabError, match="there is no study or run 'tinny'; did you mean tiny?") as error:
        chosen(store, ["tinny"])
    assert error.value.code is Code.NOTHING
    workers.start(store, workers.WorkerRecord("w", "host", "boot", 1, 0.5, "cpu"), {"bits": {}}, 1.0)
    queue.claim(store, "w", time.time(), 60.0, lambda shape: 1, 1, 1)
    with pytest.raises(LabError, match="1 run being trained: tiny/omega=0.0 seed=1; stop that"):
        planned(store, chosen(store, ["tiny"]))


def test_runs_of_a_worker_that_was_killed_can_be_deleted_at_once(store):
    # A later process has its pid.
    gone = workers.WorkerRecord("w", identity.host(), identity.boot_id(), os.getpid(), 0.5, "cpu")
    workers.start(store, gone, {"bits": {}}, time.time())
    queue.claim(store, "w", time.time(), 60.0, lambda shape: 1, 1, 1)
    runs = len(selected(store, "tiny"))
    assert len(planned(store, chosen(store, ["tiny"])).runs) == runs
    assert len(delete(store, chosen(store, ["tiny"])).runs) == runs


def test_runs_that_a_file_no_longer_names_are_deleted_unless_another_one_names_them(store, other):
    file = store.workspace.root / "tiny.yaml"
    file.write_text(STUDY.replace("omega: [0, 1.0]", "omega: [0]"))
    register(store.workspace.root, [file])
    deletion = delete(store, unnamed(store, ["tiny"]))
    assert [run.label for run in deletion.runs] == ["omega=1.0 seed=2"]
    assert [run.label for run in deletion.kept] == ["omega=1.0 seed=1"]
    assert len(selected(store, "tiny", hidden=True)) == 2
    assert not unnamed(store, ["tiny"]).members
