"""A worker killed between any two of its file-changing calls, or in the middle of a write, leaves a whole workspace."""

from __future__ import annotations

import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.command_line import bits
from tests.slow.forked import Task, events_of, forks
from tests.slow.kinds import study_of_every_cell
from tests.slow.undisturbed import assert_as_undisturbed, assert_sound

UPDATES, EVERY, POINTS = 40, 10, 40
# Checkpoints come by updates, not by time, so that each training makes the same calls.
OPTIONS = {"checkpoint_seconds": 1e9, "checkpoint_updates": 20}
SOURCE = Path(__file__).with_name("file_calls.c")


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """The library that counts and disturbs file-changing calls."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here")
    path = tmp_path_factory.mktemp("library") / "file_calls.so"
    done = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", path, SOURCE, "-ldl"], capture_output=True)
    if done.returncode:
        pytest.skip(f"the library cannot be compiled here: {done.stderr.decode(errors='replace')}")
    return path


@pytest.fixture(scope="module")
def campaign(tmp_path_factory, library):
    """The process that forks, a function that makes a task for a new workspace, and the undisturbed workspace's bits
    and number of calls.
    """
    root = tmp_path_factory.mktemp("campaign")
    study = root / "study.yaml"
    study.write_text(study_of_every_cell(UPDATES, EVERY, seeds=1, hidden=8, samples=20))

    def task(name: str) -> Task:
        (root / name).mkdir()
        return Task(str(root / name), str(study), OPTIONS, str(root / f"{name}.events"))

    with forks(library) as server:
        server.warm_up(task("warm"))
        counting = replace(task("undisturbed"), count_calls=True)
        assert server.run(counting) == 0
        calls = events_of(Path(counting.events))[-1]["calls"]
        yield server, task, bits(Path(counting.folder)), calls


def points(calls: int, number: int) -> list[int]:
    """Return calls spread evenly over all calls."""
    return [1 + (2 * index + 1) * calls // (2 * number) for index in range(number)]


def test_a_kill_at_any_file_changing_call_changes_no_bit(campaign, figure):
    server, task, undisturbed, calls = campaign
    figure("file-changing calls of an init and a training:", calls)
    for index, call in enumerate(points(calls, POINTS)):
        whole = task(f"point {call}")
        disturbance = ("kill", "torn write")[index % 2]
        killed = replace(whole, failing_call=call, disturbance=disturbance)
        assert server.run(killed) == -signal.SIGKILL, call
        assert server.run(whole) == 0, (call, events_of(Path(whole.events))[-3:])
        assert_as_undisturbed(Path(whole.folder), undisturbed, UPDATES, EVERY)
        assert_sound(Path(whole.folder))
        shutil.rmtree(whole.folder)
    figure("points:", POINTS)


def assert_one_line_about_room(last):
    """The last event of a task says in one line that there was no room."""
    said = last["said"] if last["event"] == "init" else last["error"]
    assert "no room left to write" in said, last
    assert len(said.strip().splitlines()) == 1, last


def test_a_disk_that_is_full_from_any_call_on_loses_nothing(campaign, figure):
    server, task, undisturbed, calls = campaign
    stages = dict.fromkeys(("init", "worker", "goodbye"), 0)
    for call in points(calls, 20):
        whole = task(f"full from {call}")
        status = server.run(replace(whole, failing_call=call, disturbance="full disk"))
        last = events_of(Path(whole.events))[-1]
        if status == 0:  # all runs were done, and only the end of the worker could not be noted
            stages["goodbye"] += 1
        else:
            stages["init" if last["event"] == "init" else "worker"] += 1
            assert_one_line_about_room(last)
        assert server.run(whole) == 0, (call, events_of(Path(whole.events))[-3:])
        assert_as_undisturbed(Path(whole.folder), undisturbed, UPDATES, EVERY)
        assert_sound(Path(whole.folder))
        shutil.rmtree(whole.folder)
    for stage, number in stages.items():
        figure(f"full disks during {stage}:", number)
    assert stages["init"]
    assert stages["worker"] > 10
