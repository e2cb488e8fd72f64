"""What a pool decides, with workers that are no processes and a clock that only the test moves."""

import json
import os
import signal
import threading

import pytest

from jobs.config import Settings
from jobs.launcher import Ending
from jobs.pool import Pool, signals_to
from store import Busy
from store.workers import WorkerRecord
from tests.jobs.fakes import FakeLauncher
from tests.jobs.memory_ledger import MemoryLedger
from tests.jobs.toy import run_record


class Pooled:
    """A pool whose turns are taken by hand, a second each, and what it says."""

    def __init__(self, folder, workers=1, on_start=lambda worker: None, event_log=None, **settings):
        self.said = []
        self.now = 1000.0
        self.launcher = FakeLauncher(on_start)
        self.ledger = MemoryLedger(folder, run_record("one"), run_record("two"))
        self.settings = Settings(**settings)
        self.pool = Pool(self.launcher, self.ledger, workers, self.said.append, self.settings, event_log)

    def turn(self, seconds=1.0):
        self.now += seconds
        return self.pool.run_once(self.now)

    def finish(self):
        """Take turns until the pool is done; return how it ended."""
        for _ in range(1000):
            if not self.turn():
                return self.pool.run()
        raise AssertionError("the pool does not come to an end")

    def names(self):
        return [event["event"] for event in self.said if event["event"] != "pool_started"]

    @property
    def started(self):
        return self.launcher.started


@pytest.fixture
def pooled(tmp_path):
    return lambda *args, **options: Pooled(tmp_path, *args, **options)


def test_a_pool_ends_when_all_its_workers_have(pooled):
    running = pooled(3)
    assert running.turn()
    for worker in running.started:
        worker.leaves()
    end = running.finish()
    assert (end.drained, end.killed, end.errors) == (False, False, [])
    assert [worker.slot for worker in running.started] == [0, 1, 2]
    assert running.names() == ["worker_started"] * 3 + ["worker_ended"] * 3
    assert running.said[-1] == {"event": "pool_started", "at": running.said[-1]["at"], "worker": None, "workers": 3}


def test_a_crashed_worker_is_restarted_at_once(pooled, tmp_path):
    running = pooled(event_log=tmp_path / "events.jsonl")
    running.turn()
    running.started[0].crashes(tail="the last words\n")
    running.turn()
    running.turn(0.0)
    running.started[1].leaves()
    assert running.finish().errors == []
    assert running.names() == ["worker_started", "crashed", "worker_started", "worker_ended"]
    crash = running.said[1]
    assert (crash["exit"], crash["pid"], crash["worker"]) == (-signal.SIGKILL, 100, "w100")
    assert (crash["slot"], crash["tail"]) == (0, "the last words\n")
    logged = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert logged == running.said


def test_the_end_of_a_worker_that_said_goodbye_is_looked_for_often(pooled, monkeypatch):
    monkeypatch.setattr("jobs.pool.TURN", 3600.0)

    def leaves_after_a_while(worker):
        ending, looks = Ending(0, ""), iter([None] * 5)
        worker.says("worker_ended", reason="empty", error=None)
        worker.ended = lambda: next(looks, ending)

    assert pooled(on_start=leaves_after_a_while).pool.run().errors == []


def test_only_what_is_told_often_is_kept_out_of_the_log(pooled, tmp_path):
    running = pooled(event_log=tmp_path / "events.jsonl")
    running.turn()
    running.started[0].says("idle")
    running.started[0].says("progress", steps={"one": 1})
    running.started[0].says("committed", run="one", step=1)
    running.turn()
    logged = [json.loads(line)["event"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert logged == ["worker_started", "committed"]
    assert running.names() == ["worker_started", "idle", "progress", "committed"]


def test_waits_between_crashes_grow(pooled):
    running = pooled(on_start=lambda worker: worker.crashes(), backoff=2.0, crash_limit=5)
    starts = []
    while running.turn():
        if len(running.started) > len(starts):
            starts.append(running.now)
    # A turn starts it, the next one sees it dead; then come 0, 4, 8 and 16 seconds.
    assert [after - before for before, after in zip(starts, starts[1:], strict=False)] == [2.0, 5.0, 9.0, 17.0]


def test_a_quiet_exit_without_goodbye_is_a_crash(pooled):
    running = pooled(on_start=lambda worker: worker.crashes(exit=0), crash_limit=2)
    [error] = running.finish().errors
    assert running.names() == ["worker_started", "crashed"] * 2
    assert "crashed 2 times in a row without progress (exit status 0)" in error


def test_a_worker_that_only_crashes_is_given_up_with_its_last_words(pooled):
    tail = "Traceback ...\nImportError: no such thing\n"
    running = pooled(on_start=lambda worker: worker.crashes(1, tail), crash_limit=3)
    [error] = running.finish().errors
    assert running.names().count("crashed") == 3
    assert error.endswith("(exit status 1): ImportError: no such thing")


def test_progress_forgives_crashes(pooled):
    def live(worker):
        worker.says("committed", run="one", step=worker.pid)
        if worker.pid < 105:
            worker.crashes()
        else:
            worker.leaves()

    running = pooled(on_start=live, crash_limit=2)
    assert running.finish().errors == []
    assert running.names().count("crashed") == 5


def test_a_worker_that_names_its_error_is_not_restarted(pooled):
    running = pooled(2, on_start=lambda worker: worker.leaves("no room left"))
    assert running.finish().errors == ["no room left"]
    assert "crashed" not in running.names()


def test_drain_reaches_every_worker(pooled):
    running = pooled(2)
    running.turn()
    running.pool.drain()
    assert running.turn()
    assert [worker.drained for worker in running.started] == [True, True]
    for worker in running.started:
        worker.leaves()
    end = running.finish()
    assert (end.drained, end.killed) == (True, False)
    assert running.names().count("draining") == 1


@pytest.mark.parametrize("turns", [0, 1])
def test_a_worker_that_crashes_before_or_while_it_drains_is_not_restarted(pooled, turns):
    running = pooled()
    running.turn()
    running.started[0].crashes()
    for _ in range(turns):
        running.turn()
    running.pool.drain()
    end = running.finish()
    assert len(running.started) == 1
    assert sorted(running.names()) == ["crashed", "draining", "worker_started"]
    assert end.errors == []


def test_the_first_interrupt_drains_and_the_second_kills(pooled):
    running = pooled(2)
    running.turn()
    running.pool.interrupt()
    assert running.turn()
    assert [(worker.drained, worker.killed) for worker in running.started] == [(True, False)] * 2
    running.pool.interrupt()
    end = running.finish()
    assert (end.drained, end.killed) == (True, True)
    assert [worker.killed for worker in running.started] == [True, True]
    assert len(running.started) == 2


def holding(running):
    """Let the pool's one worker claim a run."""
    running.turn()
    running.ledger.start(WorkerRecord(running.started[0].id, "host", "boot", 1, 0.5, "cpu"), {}, 0.0)
    [claim] = claimed(running)
    return claim


def claimed(running):
    """Return what the pool's one worker gets when it claims."""
    return running.ledger.claim(running.started[0].id, 0.0, Settings(), lambda shape: 1, 1)


def test_what_a_killed_worker_held_is_handed_back_without_a_strike(pooled):
    running = pooled()
    assert holding(running).run_id == "one"
    running.pool.kill()
    running.finish()
    job = running.ledger.jobs["one"]
    assert (job.status, job.strikes, job.ended_as) == ("queued", 0, ["released"])
    assert [(event["run"], event["worker"]) for event in running.said if event["event"] == "released"] == [
        ("one", "w100")
    ]
    assert claimed(running) == []  # although it may try before the signal reaches it
    assert running.ledger.connections == 0


def test_workers_are_killed_at_the_same_time(pooled):
    """To end one may take seconds: where its machine cannot be reached, for example."""
    running, together = pooled(3), threading.Barrier(3)
    running.turn()
    for worker in running.started:
        worker.kill = lambda: together.wait(30.0)  # raises if the others do not come
    running.pool.kill()
    assert running.finish().killed


def test_a_kill_goes_on_although_the_store_is_busy(pooled):
    running = pooled()
    holding(running)
    running.ledger.refusals = [Busy("locked")]
    running.pool.kill()
    assert running.finish().killed
    assert running.started[0].killed
    assert running.ledger.jobs["one"].status == "running"  # left to rescue


def test_signals_mean_drain_and_then_kill(pooled):
    started = threading.Event()
    running = pooled(on_start=lambda worker: started.set())
    before = signal.getsignal(signal.SIGINT)

    def interrupt_twice():
        started.wait(60)
        for name in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), name)

    with signals_to(running.pool):
        sender = threading.Thread(target=interrupt_twice)
        sender.start()
        end = running.pool.run()
        sender.join()
    assert (end.drained, end.killed) == (True, True)
    assert signal.getsignal(signal.SIGINT) is before


def test_signals_are_left_alone_outside_the_main_thread(pooled):
    running = pooled()
    before, inside = signal.getsignal(signal.SIGINT), []

    def look():
        with signals_to(running.pool):
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert inside == [before]


def test_an_observer_that_fails_leaves_no_worker_waiting(pooled):
    running = pooled(2)

    def fail(event):
        if event["event"] == "worker_started":
            raise OSError("the terminal is gone")

    running.pool._on_event = fail
    with pytest.raises(OSError, match="the terminal is gone"):
        running.pool.run()
    assert [(worker.left_alone, worker.killed) for worker in running.started] == [(True, False)] * 2


def test_a_launcher_that_fails_leaves_no_worker_waiting(pooled):
    def fail(worker):
        if worker.slot == 1:
            raise OSError("too many processes")

    running = pooled(2, on_start=fail)
    with pytest.raises(OSError, match="too many processes"):
        running.pool.run()
    assert running.started[0].left_alone


def test_a_pool_of_no_workers_is_refused(pooled):
    with pytest.raises(ValueError, match="at least 1 worker"):
        pooled(0)


def test_a_log_that_cannot_be_written_does_not_stop_the_pool(pooled, tmp_path):
    running = pooled(on_start=lambda worker: worker.leaves(), event_log=tmp_path / "gone" / "events.jsonl")
    assert running.finish().errors == []
    assert running.names() == ["worker_started", "worker_ended"]


def held_by(running, worker):
    """Let a worker hold a run; return the id of the run."""
    running.ledger.start(WorkerRecord(worker, "here", "boot", 1, 0.0, "cpu"), {}, 0.0)
    [held] = running.ledger.claim(worker, 0.0, running.settings, lambda shape: 1, 1)
    return held.run_id


def test_what_a_crashed_worker_held_is_taken_back_with_a_strike(pooled):
    running = pooled()
    running.turn()
    run = held_by(running, "w100")
    running.started[0].crashes()
    running.turn()
    job = running.ledger.jobs[run]
    assert (job.status, job.strikes) == ("queued", 1)
    assert [(said["event"], said["run"], said["from"]) for said in running.said[2:]] == [("rescued", run, "w100")]


def test_what_a_worker_held_whose_machine_is_gone_is_taken_back_without_a_strike(pooled):
    running = pooled(crash_limit=2)
    for _ in range(5):  # more often than a worker may crash
        running.turn()
        worker = running.started[-1]
        run = held_by(running, worker.id)
        worker.ending = Ending(None, "node b is gone", "b")
        running.turn()
        assert (running.ledger.jobs[run].status, running.ledger.jobs[run].strikes) == ("queued", 0)
    running.turn(0.0)
    running.started[-1].leaves()
    assert running.finish().errors == []
    crashed = [said for said in running.said if said["event"] == "crashed"]
    assert [(said["node"], said["exit"], said["tail"]) for said in crashed] == [("b", None, "node b is gone")] * 5
    assert running.names().count("released") == 5


def test_what_a_worker_could_not_let_go_of_is_taken_back_without_a_strike(pooled):
    running = pooled()
    running.turn()
    run = held_by(running, "w100")
    running.started[0].leaves("the ledger is gone")
    assert running.finish().errors == ["the ledger is gone"]
    assert (running.ledger.jobs[run].status, running.ledger.jobs[run].strikes) == ("queued", 0)
