"""Runs that fail in a worker: what is kept of a failure, and when a run is tried again."""

import pytest

from tests.checks import CheckRow
from tests.jobs.toy import add_runs, assert_finished_once, run_record, write_nothing


def test_a_run_that_raises_is_tried_again_and_then_failed_with_its_traceback(bench):
    bad, good = run_record("bad", trouble="raise"), run_record("good")
    add_runs(bench.workspace, bad, good)
    with bench.worker(packs=2) as worker:
        bench.finish(worker)
    assert bench.run("bad").status == "failed"
    assert [attempt.ended_as for attempt in bench.attempts("bad")] == ["failed"] * 3
    for text in ("Traceback", "in trouble", "ArithmeticError: this run never works"):
        assert text in bench.run("bad").error
    # Two failures were of the whole pack; when one more could end a run, each was tried alone.
    assert [len(event["runs"]) for event in bench.heard("claimed")] == [2, 2, 1, 1]
    assert_finished_once(bench.workspace, good)


def test_retries_wait_longer_each_time(bench):
    add_runs(bench.workspace, run_record("bad", trouble="raise"))
    with bench.worker(backoff=5.0) as worker:
        assert worker.run_once(bench.now) == "worked"
        assert worker.run_once(bench.now) == "worked"
        assert worker.run_once(bench.now + 9.9) == "idle"
        assert worker.run_once(bench.now + 10.0) == "worked"
        assert worker.run_once(bench.now + 10.0) == "empty"


@pytest.mark.parametrize("commits", [True, False])
def test_returning_early_is_a_strike_unless_something_was_committed(bench, commits):
    def stop_early(session):
        if commits:
            session.commit("one", 1, write_nothing, [], {})

    add_runs(bench.workspace, run_record("one"))
    with bench.worker(stop_early) as worker:
        worker.run_once(bench.now)
    assert bench.run("one").status == "queued"
    assert bench.run("one").strikes == (0 if commits else 1)
    assert bench.names()[-2] == ("released" if commits else "failed")


def test_an_exit_from_within_is_a_failure(bench):
    def leave(session):
        raise SystemExit(0)

    add_runs(bench.workspace, run_record("one"))
    with bench.worker(leave, strike_limit=1) as worker:
        worker.run()
    assert bench.run("one").status == "failed"
    assert "SystemExit" in bench.run("one").error


def test_a_history_written_twice_is_a_failure_of_the_run(bench):
    def repeat(session):
        for _ in range(2):
            session.commit("one", 5, write_nothing, [CheckRow(5, {})], {})

    add_runs(bench.workspace, run_record("one"))
    with bench.worker(repeat, strike_limit=1) as worker:
        worker.run()
    assert bench.run("one").status == "failed"
    assert "Conflict" in bench.run("one").error


def test_a_ctrl_c_releases_the_runs(bench):
    def interrupted(session):
        raise KeyboardInterrupt

    add_runs(bench.workspace, run_record("one"))
    with pytest.raises(KeyboardInterrupt), bench.worker(interrupted) as worker:
        worker.run()
    assert (bench.run("one").status, bench.run("one").strikes) == ("queued", 0)
    assert bench.said[-1]["reason"] == "drained"
