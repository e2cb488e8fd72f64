"""Runs survive signals to pools and workers, and end with the same bits as if nothing had happened."""

import json
import os
import signal

import psutil
import pytest

from tests.cli.command_line import PATIENCE, counts, rows, start_train, train_here, wait_until, workspace
from tests.cli.survival import (
    BEATS,
    OFTEN,
    STUDY,
    UPDATES,
    assert_unbroken,
    busy_workers,
    updates_left,
    wait_for_progress,
    workers_of,
)


def events(folder, name):
    """The events of a name that the workspace's log holds."""
    lines = (folder / "logs" / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == name]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_drains(tmp_path, unbroken, signal_number):
    folder = workspace(tmp_path / "w", STUDY)
    parent = start_train(folder, "--workers", 2, "--checkpoint-seconds", 1000, *BEATS)
    wait_until(lambda: all(row.step for row in rows(folder)), "progress in all runs")
    parent.send_signal(signal_number)
    assert parent.wait(PATIENCE) == 130
    assert counts(folder)["queued"] == 4
    assert updates_left(folder) < 4 * UPDATES
    assert all(row.strikes == 0 for row in rows(folder))
    train_here(folder)
    assert_unbroken(folder, unbroken, UPDATES)


def test_a_signal_to_one_worker_makes_it_leave_and_the_others_finish(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", STUDY)
    parent = start_train(folder, "--workers", 2, *OFTEN)
    wait_until(lambda: len(busy_workers(folder)) == 2, "two workers with runs")
    os.kill(busy_workers(folder)[0], signal.SIGTERM)
    assert parent.wait(PATIENCE) == 0
    assert sorted(event["reason"] for event in events(folder, "worker_ended")) == ["drained", "empty"]
    assert_unbroken(folder, unbroken, UPDATES)


def test_a_signal_to_the_only_worker_interrupts(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", STUDY)
    parent = start_train(folder, *OFTEN)
    wait_until(lambda: busy_workers(folder), "a worker with runs")
    os.kill(busy_workers(folder)[0], signal.SIGTERM)
    assert parent.wait(PATIENCE) == 130
    assert counts(folder)["queued"] == 4
    train_here(folder)
    assert_unbroken(folder, unbroken, UPDATES)


def test_the_second_interrupt_leaves_at_once(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", STUDY)
    parent = start_train(folder, "--workers", 2, *OFTEN)
    wait_for_progress(folder, "progress")
    children = workers_of(parent)
    for child in children:
        child.suspend()  # such as cannot drain
    parent.send_signal(signal.SIGINT)
    wait_until(lambda: events(folder, "draining"), "the first interrupt")
    assert parent.poll() is None
    parent.send_signal(signal.SIGINT)
    assert parent.wait(PATIENCE) == 130
    psutil.wait_procs(children, timeout=PATIENCE)
    assert not any(child.is_running() for child in children)
    train_here(folder)
    assert_unbroken(folder, unbroken, UPDATES)
