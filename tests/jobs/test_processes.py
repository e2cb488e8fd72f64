"""Real workers in real processes, interrupted in every way that users and machines know."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing, contextmanager, suppress

import pytest

from jobs import identity
from store import Store, history, queries
from tests.jobs import toy
from tests.jobs.toy import add_runs, assert_finished_once, pool_of, run_record
from tests.jobs.waiting import DEADLINE, until


class Child:
    """A process of the toy script, with its events as they come."""

    def __init__(self, workspace, role="child", **settings):
        self.said = []
        self.process = subprocess.Popen(
            toy.command(workspace, role, settings=settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **toy.environment()},
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with suppress(ValueError):
                self.said.append(json.loads(line))

    def signal(self, name):
        self.process.send_signal(name)

    def heard(self, name, **fields):
        return [
            event
            for event in list(self.said)
            if event["event"] == name and all(event.get(key) == value for key, value in fields.items())
        ]

    def wait_for(self, name, **fields):
        return until(lambda: self.heard(name, **fields), f"{name} {fields}")[0]

    def wait(self):
        """Return its exit status, once all its events are read."""
        status = self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)
        return status


@contextmanager
def child(workspace, role="child", **settings):
    """Start a process of the toy script, and end it at the end."""
    process = Child(workspace, role, **settings)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.kill()
        process.wait()
        process.process.stdin.close()
        process.process.stdout.close()


def run_row(workspace, run_id):
    with Store.open(workspace, readonly=True) as store:
        return queries.runs_of(store, run_ids=[run_id])[0]


def ends(workspace, run_id):
    with Store.open(workspace, readonly=True) as store:
        return [attempt.ended_as for attempt in queries.attempts(store, run_id)]


def gone(pid):
    """Return whether no process has the pid, or only a dead one that nobody waited for."""
    return identity.started(pid) is None


def everything_about(workspace, run_id):
    """Return everything that is kept of a run, in a form that can be compared."""
    with Store.open(workspace, readonly=True) as store:
        kept = history.read(store, [run_id])[run_id]
        return (
            queries.runs_of(store, run_ids=[run_id]),
            queries.attempts(store, run_id),
            queries.checkpoints_of(store, run_id),
            kept.steps.tolist(),
            kept.scalars["value"].tolist(),
            sorted((workspace / "checkpoints" / run_id).iterdir()),
        )


def test_killed_workers_are_rescued_long_before_their_leases_end(tmp_path):
    add_runs(tmp_path, *[run_record(name, updates=100_000, pause=0.005) for name in ("rescuers", "one")])
    defaults = {"lease": 60.0, "beat": 10.0, "rescue_every": 1.0}
    waits = []
    with child(tmp_path, **defaults) as rescuer:
        rescuer.wait_for("claimed")  # so that it rescues while it trains a run itself
        for _ in range(3):
            with child(tmp_path, **defaults) as victim:
                victim.wait_for("committed", run="one")
                victim.signal(signal.SIGKILL)
                killed_at = time.time()
                until(lambda: len(rescuer.heard("rescued", run="one")) > len(waits), "the rescue")
                waits.append(rescuer.heard("rescued", run="one")[-1]["at"] - killed_at)
    # On a quiet machine within 2 seconds; the lease would take 60.
    assert max(waits) < 20.0, waits


def test_a_stopped_worker_that_was_overtaken_writes_nothing(tmp_path):
    run = run_record("one", updates=400, pause=0.005)
    add_runs(tmp_path, run)
    leases = {"lease": 5.0, "beat": 0.5}
    with child(tmp_path, **leases) as stopped, child(tmp_path, **leases) as other:
        until(lambda: stopped.heard("committed") or other.heard("committed"))
        if not stopped.heard("claimed"):
            stopped, other = other, stopped
        stopped.signal(signal.SIGSTOP)
        other.wait_for("rescued", run="one")
        other.wait_for("finished", run="one")
        before = everything_about(tmp_path, "one")
        stopped.signal(signal.SIGCONT)
        assert stopped.wait() == 0
        assert other.wait() == 0
    assert everything_about(tmp_path, "one") == before
    assert not stopped.heard("finished")
    assert [event["run"] for event in stopped.heard("lease_lost")] == ["one"]
    assert stopped.said[-1]["event"] == "worker_ended"
    assert ends(tmp_path, "one") == ["lost", "done"]
    assert_finished_once(tmp_path, run)


def test_sigterm_drains_a_worker(tmp_path):
    run = run_record("one", updates=10000, pause=0.005, save=10000)
    add_runs(tmp_path, run)
    with child(tmp_path) as worker:
        worker.wait_for("progress")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
    assert worker.said[-1]["reason"] == "drained"
    assert worker.heard("released", run="one")
    row = run_row(tmp_path, "one")
    assert (row.status, row.strikes) == ("queued", 0)
    assert row.step > 0  # saved in draining: nothing else would have saved by then


def test_a_worker_ignores_the_terminals_interrupt(tmp_path):
    run = run_record("one", updates=300, pause=0.005)
    add_runs(tmp_path, run)
    with child(tmp_path) as worker:
        worker.wait_for("progress")
        worker.signal(signal.SIGINT)
        assert worker.wait() == 0
    assert worker.said[-1]["reason"] == "empty"
    assert_finished_once(tmp_path, run)


def test_the_first_interrupt_of_a_pool_drains(tmp_path):
    runs = [run_record(name, updates=10000, pause=0.005) for name in ("one", "two")]
    add_runs(tmp_path, *runs)
    with child(tmp_path, "parent") as pool:
        until(lambda: len({event["worker"] for event in pool.heard("progress")}) == 2)
        pool.signal(signal.SIGINT)
        assert pool.wait() == 130
    assert sorted(event["run"] for event in pool.heard("released")) == ["one", "two"]
    assert {event["reason"] for event in pool.heard("worker_ended")} == {"drained"}
    assert {run_row(tmp_path, name).strikes for name in ("one", "two")} == {0}


def test_the_second_interrupt_of_a_pool_leaves_at_once_and_the_next_goes_on(tmp_path):
    good = run_record("good", updates=500, pause=0.005)
    add_runs(tmp_path, good, run_record("hang", trouble="hang", at=7))
    with child(tmp_path, "parent") as pool:
        pool.wait_for("committed", run="hang")
        pool.signal(signal.SIGINT)
        pool.wait_for("worker_ended")
        assert pool.process.poll() is None
        pool.signal(signal.SIGINT)
        assert pool.wait() == 9
    assert all(gone(event["pid"]) for event in pool.heard("worker_started"))
    assert pool.heard("released", run="hang")
    assert (run_row(tmp_path, "hang").status, run_row(tmp_path, "hang").strikes) == ("queued", 0)
    with child(tmp_path) as worker:
        worker.wait_for("finished", run="good")
        worker.wait_for("resumed", run="hang")
    assert_finished_once(tmp_path, good)


def test_two_interrupts_again_and_again_are_no_fault_of_the_runs(tmp_path):
    add_runs(tmp_path, run_record("one", trouble="hang", at=1))  # before its first checkpoint
    for _ in range(4):
        with child(tmp_path, "parent", strike_limit=3) as pool:
            pool.wait_for("claimed")
            pool.signal(signal.SIGINT)
            pool.wait_for("draining")
            pool.signal(signal.SIGINT)
            assert pool.wait() == 9
    row = run_row(tmp_path, "one")
    assert (row.status, row.strikes) == ("queued", 0)
    assert ends(tmp_path, "one") == ["released"] * 4


def test_a_kill_does_not_wait_long_for_a_locked_store(tmp_path):
    add_runs(tmp_path, run_record("one", trouble="hang", at=1))
    with child(tmp_path, "parent") as pool:
        pool.wait_for("claimed")
        with closing(sqlite3.connect(tmp_path / "rnnctl.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            pool.signal(signal.SIGINT)
            pool.wait_for("draining")
            pool.signal(signal.SIGINT)
            assert pool.wait() == 9
    assert run_row(tmp_path, "one").status == "running"  # left to rescue


def test_a_worker_that_cannot_be_built_says_so_once_and_is_not_started_again(tmp_path):
    said = []
    end = pool_of(tmp_path, 1, said.append, "unbuilt").run()
    assert end.errors == ["ModuleNotFoundError: No module named 'no_such_module'"]
    assert [event["event"] for event in said] == ["pool_started", "worker_ended"]
    assert said[-1]["reason"] == "error"
    [log] = (tmp_path / "logs").glob("worker-*.log")
    assert "Traceback" in log.read_text()
    with child(tmp_path, "unbuilt") as worker:
        assert worker.wait() == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_drain_when_their_parent_is_gone(tmp_path, how):
    runs = [run_record(name, updates=10000, pause=0.005, save=10000) for name in ("one", "two")]
    add_runs(tmp_path, *runs)
    with child(tmp_path, "parent") as pool:
        until(lambda: len({event["worker"] for event in pool.heard("progress")}) == 2)
        workers = [event["pid"] for event in pool.heard("worker_started")]
        pool.signal(how)
        pool.wait()
        until(lambda: all(gone(pid) for pid in workers), "the workers to leave")
    for name in ("one", "two"):
        row = run_row(tmp_path, name)
        assert (row.status, row.strikes) == ("queued", 0)
        assert row.step > 0
        assert ends(tmp_path, name) == ["released"]


def test_a_crashed_worker_is_restarted_and_the_killer_quarantined(tmp_path):
    good = [run_record(f"good {i}") for i in range(3)]
    add_runs(tmp_path, good[0], run_record("killer", trouble="crash", at=3), *good[1:])
    said = []
    end = pool_of(tmp_path, 1, said.append, packs=8, settings={"strike_limit": 3}).run()
    assert end.errors == []
    assert [event["exit"] for event in said if event["event"] == "crashed"] == [-signal.SIGKILL] * 3
    assert [event["run"] for event in said if event["event"] == "quarantined"] == ["killer"]
    assert (run_row(tmp_path, "killer").status, ends(tmp_path, "killer")) == ("quarantined", ["crashed"] * 3)
    assert [len(event["runs"]) for event in said if event["event"] == "claimed"][0] == 4
    assert_finished_once(tmp_path, *good)


def test_a_hanging_run_is_taken_away_and_its_worker_replaced(tmp_path):
    good = run_record("good")
    add_runs(tmp_path, run_record("hang", trouble="hang", at=7), good)
    said = []
    # A run that is well has ten times the time that it needs on a quiet machine before it counts as hanging.
    settings = {"lease": 3.0, "stall": 3.0, "stuck": 0.5, "strike_limit": 1}
    pool_of(tmp_path, 1, said.append, settings=settings).run()
    assert run_row(tmp_path, "hang").status == "quarantined"
    [crash] = [event for event in said if event["event"] == "crashed"]
    assert crash["exit"] == 70
    assert "in trouble" in crash["tail"]  # where the loop hung
    assert_finished_once(tmp_path, good)


def test_what_a_run_prints_does_not_break_its_events(tmp_path):
    run = run_record("one", trouble="chatter")
    add_runs(tmp_path, run)
    said = []
    pool_of(tmp_path, 1, said.append).run()
    assert said[-1]["event"] == "worker_ended"
    [log] = (tmp_path / "logs").glob("worker-*.log")
    assert "a library that prints" in log.read_text()


def test_a_workspace_that_cannot_be_used_is_said_in_one_line(tmp_path):
    said = []
    [error] = pool_of(tmp_path, 2, said.append).run().errors
    assert error.startswith("no workspace in")
    assert [event["event"] for event in said] == ["pool_started", "worker_ended", "worker_ended"]


def test_two_pools_share_a_workspace(tmp_path):
    runs = [run_record(f"run {i}", shape=str(i % 2), updates=60, pause=0.002) for i in range(12)]
    add_runs(tmp_path, *runs)
    with child(tmp_path, "parent") as one, child(tmp_path, "parent") as two:
        assert (one.wait(), two.wait()) == (0, 0)
    assert one.heard("finished")
    assert two.heard("finished")
    assert len(one.heard("finished") + two.heard("finished")) == len(runs)
    assert_finished_once(tmp_path, *runs)


def test_kills_at_random_moments_leave_no_gap_and_no_double(tmp_path):
    dice = random.Random(20)
    slow = tmp_path / "slow"
    slow.touch()
    runs = [run_record(f"run {i}", updates=150, save=1 + i % 3, pause=0.02, pause_while=str(slow)) for i in range(6)]
    add_runs(tmp_path, *runs)
    said, killed = [], set()
    pool = pool_of(tmp_path, 2, said.append, packs=2, settings={"strike_limit": 10_000, "crash_limit": 10_000})
    thread = threading.Thread(target=pool.run)
    thread.start()

    def pids():
        return {event["pid"] for event in list(said) if event["event"] == "worker_started"} - killed

    def cut_short():
        return sum(ends(tmp_path, run.run_id).count("crashed") for run in runs)

    try:
        while cut_short() < 22:
            pid = dice.choice(sorted(until(pids, "a worker")))
            time.sleep(dice.uniform(0.0, 0.25))  # the random moment
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        slow.unlink()
        thread.join(DEADLINE)
        assert not thread.is_alive(), "the pool did not end"
    finally:
        pool.kill()
        thread.join()
    assert_finished_once(tmp_path, *runs)


def test_killing_everything_again_and_again_costs_only_time(tmp_path):
    slow = tmp_path / "slow"
    slow.touch()
    runs = [run_record(f"run {i}", updates=300, pause=0.02, pause_while=str(slow)) for i in range(2)]
    add_runs(tmp_path, *runs)
    for _ in range(4):
        with child(tmp_path, "parent") as pool:
            until(lambda: len({event["run"] for event in pool.heard("committed")}) == 2)
            for pid in [pool.process.pid, *(event["pid"] for event in pool.heard("worker_started"))]:
                os.kill(pid, signal.SIGKILL)
    slow.unlink()
    with child(tmp_path, "parent") as pool:
        assert pool.wait() == 0
    assert_finished_once(tmp_path, *runs)
    # On a busy machine a worker may come too late for its short lease, and gives back what it takes for lost.
    told = [[end for end in ends(tmp_path, run.run_id) if end != "released"] for run in runs]
    assert told == [["crashed"] * 4 + ["done"]] * 2
