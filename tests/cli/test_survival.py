"""Runs survive whatever ends their processes, and end with the same bits as if nothing had happened."""

import json
import os
import random
import signal

import psutil
import pytest

from tests.cli.command_line import PATIENCE, counts, rnnctl, rows, start_train, train_here, wait_until, workspace
from tests.cli.survival import (
    BEATS,
    OFTEN,
    assert_unbroken,
    busy_workers,
    damage_checkpoints,
    half_trained,
    kill,
    kill_everything,
    kill_workers_at_random,
    slow_study,
    trained_in_one_go,
    updates_left,
    wait_for_progress,
    workers_of,
)

UPDATES = 3000
STUDY = slow_study(UPDATES)


def events(folder, name):
    """The events of a name that the workspace's log holds."""
    lines = (folder / "logs" / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == name]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The bits of the study, trained by a worker that nobody disturbed."""
    return trained_in_one_go(tmp_path_factory.mktemp("unbroken") / "w", STUDY)


def test_kills_of_workers_at_random_moments(tmp_path, unbroken):
    """A few: tests/slow has hundreds."""
    folder = workspace(tmp_path / "w", STUDY)
    assert kill_workers_at_random(folder, random.Random(20), kills=2) >= 1
    assert_unbroken(folder, unbroken, UPDATES)


def test_killing_everything_loses_nothing(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", STUDY)
    for _ in range(2):
        pool = start_train(folder, "--workers", 2, *OFTEN)
        wait_for_progress(folder, "progress")
        kill_everything(pool)
    train_here(folder)
    assert_unbroken(folder, unbroken, UPDATES)


def test_workers_whose_parent_is_killed_save_and_leave(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", STUDY)
    parent = start_train(folder, "--workers", 2, "--checkpoint-seconds", 1000, *BEATS)
    wait_until(lambda: all(row.step for row in rows(folder)), "progress in all runs")
    children = workers_of(parent)
    kill(parent.pid)
    parent.wait(PATIENCE)
    psutil.wait_procs(children, timeout=PATIENCE)
    assert not any(child.is_running() for child in children)
    assert counts(folder)["queued"] == 4, "released, not left to be rescued"
    assert 0 < updates_left(folder) < 4 * UPDATES, "saved on the way out"
    train_here(folder)
    assert_unbroken(folder, unbroken, UPDATES)


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


def test_two_pools_share_a_workspace(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", STUDY)
    pools = [start_train(folder, "--workers", 2), start_train(folder, "--workers", 1)]
    # The one that finds nothing left to do says so.
    assert {pool.wait(PATIENCE) for pool in pools} <= {0, 3}
    assert_unbroken(folder, unbroken, UPDATES)


@pytest.mark.parametrize("damage", ["one bit", "all of them"])
def test_a_damaged_checkpoint_is_passed_over_and_told(tmp_path, unbroken, damage):
    folder = half_trained(tmp_path / "w", STUDY)
    damaged = damage_checkpoints(folder, damage)
    assert damaged == (8 if damage == "all of them" else 4)
    assert rnnctl("doctor", cwd=folder, check=1).stdout.count("wrong: checkpoint") == damaged
    assert rnnctl("train", cwd=folder, check=0).stderr.count("unsound checkpoint") == damaged
    assert_unbroken(folder, unbroken, UPDATES)
