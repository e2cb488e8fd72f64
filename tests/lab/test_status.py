"""The state of a workspace and of a run."""

import pytest

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.records import plain
from rnnctl.lab.show import show
from rnnctl.lab.status import status
from store import queries, queue, verification, workers
from store.encoding import from_json


@pytest.fixture
def claim(store):
    """A run that a worker has claimed."""
    workers.start(store, workers.WorkerRecord("w1", "elsewhere", "boot", 1, 0.5, "cpu"), {"bits": 1}, 100.0)
    (claim,) = queue.claim(store, "w1", 100.0, 60.0, lambda runs: 1, 1, 1)
    return claim


def test_status_tells_what_runs_and_what_waits(store, claim):
    now = status(store, 110.0)
    assert (now.counts["running"], now.counts["queued"]) == (1, 3)
    assert now.studies["tiny"] == now.counts
    (run,) = now.running
    assert (run.run, run.worker, run.total, run.lease_left_seconds) == (claim.run_id, "w1", 120, 50.0)
    (worker,) = now.workers
    assert (worker.process, worker.beat_seconds_ago) == ("on another host", 10.0)
    assert now.updates_left_at_most == 480
    assert now.seconds_left_at_most is None


def test_status_tells_what_failed_and_when_it_is_tried_again(store, claim):
    traceback = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: bad\nmore'
    queue.fail(store, claim, traceback, 110.0, 2, lambda strikes: 5.0)
    (waiting,) = status(store, 111.0).waiting_to_be_tried_again
    assert (waiting.run, waiting.strikes) == (claim.run_id, 1)
    assert plain(waiting)["in"] == pytest.approx(4.0)
    again = next(
        claimed
        for _ in range(4)
        for claimed in queue.claim(store, "w1", 120.0, 60.0, lambda runs: 1, 1, 1)
        if claimed.run_id == claim.run_id
    )
    queue.fail(store, again, traceback, 121.0, 2, lambda strikes: 5.0)
    (wrong,) = status(store, 122.0).wrong
    assert (wrong.run, wrong.error) == (claim.run_id, "ValueError: bad")


def test_status_reads_only_the_runs_that_it_names(store, claim, monkeypatch):
    read = []
    monkeypatch.setattr(verification, "from_json", lambda texts: read.extend(texts := list(texts)) or from_json(texts))
    status(store, 110.0)
    assert len(read) <= 3  # spec and summary of the running run, and the environment of its attempt; three runs wait


def test_a_run_is_shown_with_its_attempts(store, claim):
    details = show(store, claim.run_id)
    assert details.status == "running"
    assert [attempt.worker for attempt in details.attempts] == ["w1"]
    assert not details.environments_differ
    record = plain(details)
    assert record["run_id"] == claim.run_id
    assert record["attempts"][0]["environment"] == {"bits": 1}
    assert (record["checks"], record["refined_from"], record["refined_into"]) == ([], [], [])


def test_a_run_is_shown_with_the_values_of_all_defaults(store):
    (row, *_) = queries.runs_of(store)
    assert "bptt" not in row.spec["train"]  # added later: left out where it has its default
    assert show(store, row.run_id).spec["train"]["bptt"] == "full"


def test_an_unknown_run_is_an_error(store):
    with pytest.raises(LabError, match="there is no run 'omega=1.0 seed=3'; did you mean") as error:
        show(store, "omega=1.0 seed=3")
    assert error.value.code is Code.NOTHING
