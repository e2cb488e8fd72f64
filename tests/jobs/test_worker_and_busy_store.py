"""A worker whose store is busy, locked or full."""

import os
import sqlite3
from contextlib import closing

import pytest

from jobs import identity
from store import Busy, DiskFull, Store, commits, queue
from tests.jobs import toy
from tests.jobs.toy import add_runs, assert_finished_once, run_record


def test_a_failing_store_releases_the_runs_and_ends_the_worker(bench):
    def fill_the_disk(session):
        raise DiskFull("no room left")

    add_runs(bench.workspace, run_record("one"))
    with pytest.raises(DiskFull), bench.worker(fill_the_disk) as worker:
        bench.finish(worker)
    assert (bench.run("one").status, bench.run("one").strikes) == ("queued", 0)
    assert bench.said[-1]["error"] == "no room left"


def test_a_busy_store_is_tried_again(bench, monkeypatch):
    real, tries = commits.commit, []

    def busy_twice(*args):
        tries.append(args)
        if len(tries) <= 2:
            raise Busy("locked")
        real(*args)

    monkeypatch.setattr(commits, "commit", busy_twice)
    run = run_record("one")
    add_runs(bench.workspace, run)
    with bench.worker() as worker:
        bench.finish(worker)
    assert_finished_once(bench.workspace, run)
    assert [attempt.ended_as for attempt in bench.attempts("one")] == ["done"]


def test_a_store_that_stays_busy_past_the_lease_loses_the_run(bench, monkeypatch):
    def busy(*args):
        bench.now += 25.0
        raise Busy("locked")

    monkeypatch.setattr(commits, "commit", busy)
    add_runs(bench.workspace, run_record("one"))
    with bench.worker() as worker:
        worker.run_once(bench.now)
    assert bench.files("one") == []
    assert [event["run"] for event in bench.heard("lease_lost")] == ["one"]


def test_busy_workers_of_other_pools_are_no_reason_to_take_what_ones_own_peers_want(bench):
    add_runs(bench.workspace, *(run_record(f"run{n}") for n in range(5)))
    parent = os.getppid()  # lives, and is no sibling
    bench.ghost(pid=parent, pid_started=identity.started(parent))
    with bench.worker(packs=8, peers=2) as worker:
        worker.run_once(bench.now)
    assert len(bench.heard("claimed")[0]["runs"]) == 2  # of 4


def test_a_store_that_is_locked_makes_an_idle_turn_and_is_told_once(bench, monkeypatch):
    real = Store.open.__func__
    monkeypatch.setattr(Store, "open", classmethod(lambda cls, path, **kw: real(cls, path, **{**kw, "timeout": 0.01})))
    run = run_record("one")
    add_runs(bench.workspace, run)
    with bench.worker() as worker:
        for _ in range(2):
            with closing(sqlite3.connect(bench.workspace / "rnnctl.db", isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                assert [worker.run_once(bench.now) for _ in range(3)] == ["idle"] * 3
            worker.run_once(bench.now)
    assert [event["error"].endswith("then try again") for event in bench.heard("store_busy")] == [True] * 2
    assert bench.said[-1]["reason"] == "empty"
    assert_finished_once(bench.workspace, run)


def refusing(monkeypatch, name, error, times):
    """Let a function of the queue fail that many times."""
    real, left = getattr(queue, name), [error] * times

    def refuse(*args):
        if left:
            raise left.pop()
        return real(*args)

    monkeypatch.setattr(queue, name, refuse)


def test_a_failure_is_kept_although_the_store_is_busy_just_then(bench, monkeypatch):
    refusing(monkeypatch, "fail", Busy("locked"), 2)
    add_runs(bench.workspace, run_record("bad", trouble="raise"), run_record("good"))
    with bench.worker(packs=2) as worker:
        assert worker.run_once(bench.now) == "worked"
    for name in ("bad", "good"):
        assert [attempt.ended_as for attempt in bench.attempts(name)] == ["failed"]
        assert "ArithmeticError: this run never works" in bench.run(name).error


def test_what_the_store_refuses_for_one_run_does_not_keep_the_others_from_being_settled(bench, monkeypatch):
    refusing(monkeypatch, "fail", DiskFull("no room left"), 1)
    add_runs(bench.workspace, run_record("bad", trouble="raise"), run_record("good"))
    with pytest.raises(DiskFull), bench.worker(packs=2) as worker:
        worker.run_once(bench.now)
    assert bench.run("bad").status == "running"  # left to rescue
    assert "ArithmeticError: this run never works" in bench.run("good").error
    assert (bench.said[-1]["event"], bench.said[-1]["error"]) == ("worker_ended", "no room left")


def test_a_store_that_is_busy_while_a_pack_is_executed_ends_no_worker(bench):
    tried = []

    def busy_once(session):
        tried.append(session)
        if len(tried) == 1:
            raise Busy("locked")
        toy.execute(session)

    run = run_record("one")
    add_runs(bench.workspace, run)
    with bench.worker(busy_once) as worker:
        assert worker.run_once(bench.now) == "idle"
        worker.run()
    assert [attempt.ended_as for attempt in bench.attempts("one")] == ["released", "done"]
    assert bench.names().count("store_busy") == 1
    assert_finished_once(bench.workspace, run)
