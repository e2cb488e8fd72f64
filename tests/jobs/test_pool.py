"""Pools of small scripts instead of workers: how children are watched, restarted and stopped."""

import json
import os
import shutil
import signal
import sys
import threading

import pytest

from jobs.config import Settings
from jobs.pool import Pool, signals_to
from tests.jobs.waiting import until

SAY = """
import json, os, sys, time
def say(name, **fields):
    print(json.dumps({"event": name, "at": time.time(), "worker": f"w{os.getpid()}", **fields}), flush=True)
say("worker_started", pid=os.getpid(), workspace=os.environ.get("WORKSPACE", "nowhere"))
"""
GOODBYE = 'say("worker_ended", reason="empty", error=None)\n'


class Running:
    """A pool of a script, in a thread, and what it says."""

    def __init__(self, script, workers=1, logs=None, env=None, **settings):
        self.said = []
        settings = Settings(**{"backoff": 0.0, **settings})
        command = [sys.executable, "-c", SAY + script]
        self.pool = Pool(command, workers, env or {}, self.said.append, settings, logs)
        self.end = None
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        self.end = self.pool.run()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.pool.kill()
        self.thread.join()

    def names(self):
        return [event["event"] for event in self.said]

    def pids(self):
        return [event["pid"] for event in self.said if event["event"] == "worker_started"]

    def finish(self):
        self.thread.join(60)
        assert not self.thread.is_alive(), "the pool did not end"
        return self.end


def test_a_pool_ends_when_all_its_workers_have():
    with Running(GOODBYE, workers=3) as running:
        end = running.finish()
    assert (end.drained, end.killed, end.errors) == (False, False, [])
    assert len(set(running.pids())) == 3
    assert running.names().count("worker_ended") == 3


def test_a_crashed_worker_is_restarted(tmp_path):
    crash_once = f"""
if not os.path.exists({str(tmp_path / "been")!r}):
    open({str(tmp_path / "been")!r}, "w").close()
    print("the last words", file=sys.stderr)
    os.kill(os.getpid(), 9)
"""
    with Running(crash_once + GOODBYE, logs=tmp_path / "logs") as running:
        assert running.finish().errors == []
    assert running.names() == ["worker_started", "crashed", "worker_started", "worker_ended"]
    crash = running.said[1]
    assert crash["exit"] == -signal.SIGKILL
    assert crash["pid"] == running.pids()[0]
    assert crash["worker"] == running.said[0]["worker"]
    assert "the last words" in crash["tail"]
    logged = [json.loads(line) for line in (tmp_path / "logs" / "events.jsonl").read_text().splitlines()]
    assert logged == running.said


def test_a_quiet_exit_without_goodbye_is_a_crash():
    with Running("", crash_limit=2) as running:
        [error] = running.finish().errors
    assert running.names() == ["worker_started", "crashed"] * 2
    assert "crashed 2 times in a row without progress (exit status 0)" in error


def test_a_worker_that_only_crashes_is_given_up_with_its_last_words(tmp_path):
    with Running('raise ImportError("no such thing")', logs=tmp_path, crash_limit=3) as running:
        [error] = running.finish().errors
    assert running.names().count("crashed") == 3
    assert error.endswith("(exit status 1): ImportError: no such thing")


def test_progress_forgives_crashes(tmp_path):
    lives = f"""
with open({str(tmp_path / "lives")!r}, "a+") as file:
    file.write("x")
    file.seek(0)
    life = len(file.read())
say("committed", run="one", step=life)
if life < 6: os._exit(1)
"""
    with Running(lives + GOODBYE, crash_limit=2) as running:
        assert running.finish().errors == []
    assert running.names().count("crashed") == 5


def test_a_worker_that_names_its_error_is_not_restarted():
    with Running('say("worker_ended", reason="error", error="no room left"); sys.exit(1)', workers=2) as running:
        assert running.finish().errors == ["no room left"]
    assert "crashed" not in running.names()


def test_drain_reaches_every_worker():
    with Running("sys.stdin.readline()\n" + GOODBYE, workers=2) as running:
        until(lambda: len(running.pids()) == 2)
        assert running.end is None
        running.pool.drain()
        end = running.finish()
    assert (end.drained, end.killed) == (True, False)
    assert running.names().count("worker_ended") == 2
    assert running.names().count("draining") == 1


def test_a_worker_that_crashes_while_draining_is_not_restarted():
    with Running("sys.stdin.readline()\nos._exit(1)") as running:
        until(running.pids)
        running.pool.drain()
        running.finish()
    assert running.names() == ["worker_started", "draining", "crashed"]


def test_the_first_interrupt_drains_and_the_second_leaves_at_once():
    stubborn = 'sys.stdin.readline(); say("progress", steps={}); time.sleep(3600)'
    with Running(stubborn, workers=2) as running:
        until(lambda: len(running.pids()) == 2)
        running.pool.interrupt()
        until(lambda: running.names().count("progress") == 2)
        assert running.end is None
        running.pool.interrupt()
        end = running.finish()
    assert (end.drained, end.killed) == (True, True)
    for pid in running.pids():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_signals_mean_drain_and_then_kill():
    pool = Pool([sys.executable, "-c", SAY + "time.sleep(3600)"], 1, {}, lambda event: None, Settings())
    before = signal.getsignal(signal.SIGINT)
    sent = []

    def interrupt_twice():
        for name in (signal.SIGINT, signal.SIGTERM):
            sent.append(name)
            os.kill(os.getpid(), name)

    with signals_to(pool):
        sender = threading.Thread(target=interrupt_twice)
        sender.start()
        end = pool.run()
        sender.join()
    assert (end.drained, end.killed) == (True, True)
    assert len(sent) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_an_observer_that_fails_leaves_no_worker_behind():
    pids = []

    def fail(event):
        pids.append(event["pid"])
        raise OSError("the terminal is gone")

    pool = Pool([sys.executable, "-c", SAY + "sys.stdin.read()\n" + GOODBYE], 1, {}, fail, Settings())
    with pytest.raises(OSError, match="the terminal is gone"):
        pool.run()
    [slot] = pool._slots
    assert slot.process.pid == pids[0]
    assert slot.process.wait(60) == 0


def test_the_environment_is_added_to(monkeypatch):
    monkeypatch.setenv("KEPT", "1")
    script = 'say("check", kept=os.environ["KEPT"], added=os.environ["ADDED"])\n'
    with Running(script + GOODBYE, env={"ADDED": "2"}) as running:
        running.finish()
    assert [(event["kept"], event["added"]) for event in running.said if event["event"] == "check"] == [("1", "2")]


def test_a_worker_that_says_a_lot_or_nonsense_is_no_trouble():
    chatty = 'print("not an event", flush=True)\nfor i in range(20000): say("check", step=i)\n'
    with Running(chatty + GOODBYE) as running:
        running.finish()
    assert [event["step"] for event in running.said if event["event"] == "check"] == list(range(20000))
    assert "crashed" not in running.names()


def test_a_pool_of_none_is_refused():
    with pytest.raises(ValueError, match="at least 1 worker"):
        Pool(["true"], 0, {}, print, Settings())


def test_a_log_folder_that_goes_away_does_not_stop_the_pool(tmp_path):
    script = 'sys.stdin.readline(); say("progress", steps={}); say("committed", run="a", step=1)\n' + GOODBYE
    with Running(script, logs=tmp_path / "logs") as running:
        until(lambda: len(running.pids()) == 1)
        shutil.rmtree(tmp_path / "logs")
        running.pool.drain()
        end = running.finish()
    assert end.errors == []
    assert "committed" in running.names()
