"""Runs survive kills and damaged checkpoints, and end with the same bits as if nothing had happened."""

import psutil

from tests.cli.command_line import PATIENCE, counts, rnnctl, rows, start_train, train_here, wait_until, workspace
from tests.cli.survival import (
    BEATS,
    OFTEN,
    STUDY,
    UPDATES,
    assert_unbroken,
    damage_checkpoints,
    half_trained,
    kill,
    kill_everything,
    updates_left,
    wait_for_progress,
    workers_of,
)


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
    # Of the first run that has any: on a busy machine one worker ends runs before the other has started.
    wait_until(lambda: any(row.step for row in rows(folder)), "progress")
    children = workers_of(parent)
    assert len(children) == 2
    kill(parent.pid)
    parent.wait(PATIENCE)
    psutil.wait_procs(children, timeout=PATIENCE)
    assert not any(child.is_running() for child in children)
    assert not counts(folder)["running"], "released, not left to be rescued"
    assert 0 < updates_left(folder) < 4 * UPDATES, "saved on the way out"
    train_here(folder)
    assert_unbroken(folder, unbroken, UPDATES)


def test_two_pools_share_a_workspace(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", STUDY)
    pools = [start_train(folder, "--workers", 2), start_train(folder, "--workers", 1)]
    # The one that finds nothing left to do says so.
    assert {pool.wait(PATIENCE) for pool in pools} <= {0, 3}
    assert_unbroken(folder, unbroken, UPDATES)


def test_a_damaged_checkpoint_is_passed_over_and_told(tmp_path, unbroken):
    """One kind of damage: tests/slow has all."""
    folder = half_trained(tmp_path / "w", STUDY)
    damaged = damage_checkpoints(folder, "one bit")
    assert damaged == 4
    assert rnnctl("doctor", cwd=folder, check=1).stdout.count("wrong: checkpoint") == damaged
    assert rnnctl("train", cwd=folder, check=0).stderr.count("unsound checkpoint") == damaged
    assert_unbroken(folder, unbroken, UPDATES)
