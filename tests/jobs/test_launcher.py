"""Small scripts instead of workers: how processes on this machine are started, heard, told to drain and ended."""

import os
import shutil
import signal
import sys

import pytest

from jobs.launcher import LocalLauncher
from tests.jobs.waiting import until

SAY = """
import json, os, sys, time
def say(name, **fields):
    print(json.dumps({"event": name, "at": time.time(), "worker": "w", **fields}), flush=True)
"""


class Started:
    """A script that a launcher started, and what it says."""

    def __init__(self, script, logs=None, env=None, slot=0):
        self.said = []
        launcher = LocalLauncher(lambda slot: [sys.executable, "-c", SAY + script, str(slot)], env or {}, logs)
        self.launched = launcher.start(slot, self.said.append)

    def ending(self):
        return until(self.launched.ended, "the end of the process")


@pytest.fixture
def start():
    started = []

    def make(*args, **options):
        started.append(Started(*args, **options))
        return started[-1]

    yield make
    for script in started:
        script.launched.kill()


def test_all_events_are_heard_in_order_before_the_end_is_told(start):
    script = start('print("not an event", flush=True)\nfor i in range(20000): say("check", step=i)\n')
    assert script.ending().exit == 0
    assert [event["step"] for event in script.said] == list(range(20000))


def test_an_order_to_drain_reaches_the_process(start):
    script = start('say("check", order=sys.stdin.readline())')
    assert script.launched.ended() is None
    script.launched.drain()
    assert script.ending().exit == 0
    assert [event["order"] for event in script.said] == ["drain\n"]
    script.launched.drain()  # does nothing any more


def test_a_process_that_is_let_go_of_sees_the_end_of_its_orders(start):
    script = start('say("check", order=sys.stdin.read())')
    script.launched.let_go()
    assert script.ending().exit == 0
    assert [event["order"] for event in script.said] == [""]


def test_a_killed_process_is_gone_at_once(start):
    script = start("time.sleep(3600)")
    script.launched.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(script.launched.pid, 0)
    assert script.launched.ended().exit == -signal.SIGKILL


def test_the_command_is_that_of_the_slot(start):
    script = start('say("check", slot=sys.argv[1])', slot=3)
    script.ending()
    assert [event["slot"] for event in script.said] == ["3"]


def test_the_environment_is_added_to(start, monkeypatch):
    monkeypatch.setenv("KEPT", "1")
    script = start('say("check", kept=os.environ["KEPT"], added=os.environ["ADDED"])', env={"ADDED": "2"})
    script.ending()
    assert [(event["kept"], event["added"]) for event in script.said] == [("1", "2")]


def test_the_end_of_stderr_is_told_for_this_process_alone(start, tmp_path):
    logs = tmp_path / "logs"
    first = start('print("first words", file=sys.stderr); sys.exit(3)', logs, slot=1)
    ending = first.ending()
    assert (ending.exit, ending.tail) == (3, "first words\n")
    second = start('print("x" * 5000 + "last words", file=sys.stderr)', logs, slot=1)
    tail = second.ending().tail
    assert tail.endswith("last words\n")
    assert len(tail) == 2000
    [log] = logs.iterdir()
    assert log.name == f"worker-{os.getpid()}-1.log"
    assert "first words" in log.read_text()


def test_a_log_folder_that_goes_away_is_no_trouble(start, tmp_path):
    script = start("sys.stdin.readline()", tmp_path / "logs")
    shutil.rmtree(tmp_path / "logs")
    script.launched.drain()
    ending = script.ending()
    assert (ending.exit, ending.tail) == (0, "")
