"""Runs survive whatever ends their processes, and end with the same bits as if nothing had happened."""

import os
import random
import signal
import time

import psutil
import pytest

from store import Store, checkpoints, queries, workers
from tests.cli.lab import PATIENCE, TINY, bits, counts, rnnctl, rows, start_train, wait_until, workspace

OFTEN = ("--checkpoint-seconds", "0.2")


BEATS = ("--lease", "6")  # beats, and with them the steps in the database, every second


def study(updates):
    """Four runs whose updates are slow enough to be interrupted: about half a millisecond each."""
    slower = {"updates: 120": f"updates: {updates}", "every: 20": "every: 50", "samples: 100": "samples: 500"}
    slower |= {"min_length: 10, max_length: 20": "min_length: 60, max_length: 100", "hidden: 12": "hidden: 32"}
    text = TINY
    for old, new in slower.items():
        assert old in text
        text = text.replace(old, new)
    return text


UPDATES, MANY_UPDATES = 3000, 7000
SHORT, LONG = study(UPDATES), study(MANY_UPDATES)


def trained_in_one_go(folder, text):
    workspace(folder, text)
    rnnctl("train", "--workers", 2, cwd=folder, check=0)
    return bits(folder)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The bits of the short study, trained by workers that nobody disturbed."""
    return trained_in_one_go(tmp_path_factory.mktemp("unbroken") / "w", SHORT)


def assert_unbroken(folder, unbroken, updates=UPDATES):
    for row in rows(folder):
        assert (row.status, row.outcome, row.step) == ("done", "budget", updates)
    found = bits(folder)
    assert found.keys() == unbroken.keys()
    for run_id, expected in unbroken.items():
        for part, value in expected.items():
            assert found[run_id][part] == value, (run_id, part)
    with Store.open(folder, readonly=True) as store:
        for row in queries.runs_of(store):
            done = [a for a in queries.attempts(store, row.run_id) if a.ended_as == "done"]
            assert len(done) == 1, "finished once"


def busy_workers(folder):
    """Pids of workers that hold a run."""
    with Store.open(folder, readonly=True) as store:
        return [worker.pid for worker in workers.current(store) if worker.running]


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def updates_left(folder):
    return sum(row.total - row.step for row in rows(folder))


def test_kills_of_workers_at_random_moments(tmp_path):
    unbroken = trained_in_one_go(tmp_path / "unbroken", LONG)
    folder = workspace(tmp_path / "w", LONG)
    chance, kills = random.Random(20), 0
    parent = None
    while any(counts(folder)[status] for status in ("queued", "running", "quarantined")):
        if counts(folder)["quarantined"]:
            # On a busy machine three kills can hit a run before it has come to its next checkpoint.
            rnnctl("retry", "--failed", cwd=folder, check=0)
        if parent is None or parent.poll() is not None:
            # A pool gives a worker up that crashes again and again; a person would start it again.
            parent = start_train(folder, "--workers", 2, *OFTEN)
        pids = busy_workers(folder)
        if pids and kills < 10:
            time.sleep(chance.uniform(0.0, 0.6))
            kills += kill(chance.choice(pids))
            # Somebody must make progress between two kills, or nothing would ever be finished.
            left = updates_left(folder)
            wait_until(lambda left=left: updates_left(folder) < left, "progress after a kill")
        else:
            time.sleep(0.05)
    parent.wait(PATIENCE)
    assert kills >= 8
    assert_unbroken(folder, unbroken, MANY_UPDATES)


def test_killing_everything_loses_nothing(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", SHORT)
    for _ in range(2):
        parent = start_train(folder, "--workers", 2, *OFTEN)
        left = updates_left(folder)
        wait_until(lambda left=left: updates_left(folder) < left, "progress")
        for process in [*psutil.Process(parent.pid).children(recursive=True), parent]:
            kill(process.pid)
        parent.wait(PATIENCE)
    rnnctl("train", "--workers", 2, cwd=folder, check=0)
    assert_unbroken(folder, unbroken)


def test_workers_whose_parent_is_killed_save_and_leave(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", SHORT)
    parent = start_train(folder, "--workers", 2, "--checkpoint-seconds", 1000, *BEATS)
    wait_until(lambda: all(row.step for row in rows(folder)), "progress in all runs")
    children = psutil.Process(parent.pid).children()
    kill(parent.pid)
    parent.wait(PATIENCE)
    psutil.wait_procs(children, timeout=PATIENCE)
    assert not any(child.is_running() for child in children)
    assert counts(folder)["queued"] == 4, "released, not left to be rescued"
    assert 0 < updates_left(folder) < 4 * UPDATES, "saved on the way out"
    rnnctl("train", "--workers", 2, cwd=folder, check=0)
    assert_unbroken(folder, unbroken)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_drains(tmp_path, unbroken, signal_number):
    folder = workspace(tmp_path / "w", SHORT)
    parent = start_train(folder, "--workers", 2, "--checkpoint-seconds", 1000, *BEATS)
    wait_until(lambda: all(row.step for row in rows(folder)), "progress in all runs")
    parent.send_signal(signal_number)
    assert parent.wait(PATIENCE) == 130
    assert counts(folder)["queued"] == 4
    assert updates_left(folder) < 4 * UPDATES
    assert all(row.strikes == 0 for row in rows(folder))
    rnnctl("train", cwd=folder, check=0)
    assert_unbroken(folder, unbroken)


def test_the_second_interrupt_leaves_at_once(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", SHORT)
    parent = start_train(folder, "--workers", 2, *OFTEN)
    left = updates_left(folder)
    wait_until(lambda: updates_left(folder) < left, "progress")
    children = psutil.Process(parent.pid).children()
    for child in children:
        child.suspend()  # such as cannot drain
    parent.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert parent.poll() is None
    parent.send_signal(signal.SIGINT)
    assert parent.wait(PATIENCE) == 130
    psutil.wait_procs(children, timeout=PATIENCE)
    assert not any(child.is_running() for child in children)
    rnnctl("train", "--workers", 2, cwd=folder, check=0)
    assert_unbroken(folder, unbroken)


def test_two_pools_share_a_workspace(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", SHORT)
    pools = [start_train(folder, "--workers", 2), start_train(folder, "--workers", 1)]
    # The one that finds nothing left to do says so.
    assert {pool.wait(PATIENCE) for pool in pools} <= {0, 3}
    assert_unbroken(folder, unbroken)


@pytest.mark.parametrize("damage", ["one bit", "all of them"])
def test_a_damaged_checkpoint_is_passed_over_and_told(tmp_path, unbroken, damage):
    folder = workspace(tmp_path / "w", SHORT)
    parent = start_train(folder, "--checkpoint-updates", 500)

    def two_each():
        with Store.open(folder, readonly=True) as store:
            return len(checkpoints.live(store)) >= 8

    wait_until(two_each, "two checkpoints of every run")
    parent.send_signal(signal.SIGINT)
    parent.wait(PATIENCE)
    with Store.open(folder, readonly=True) as store:
        by_run = {row.run_id: checkpoints.live(store, row.run_id) for row in queries.runs_of(store)}
    for kept in by_run.values():
        files = sorted((folder / c.path for c in kept), key=lambda path: -path.stat().st_mtime_ns)
        for path in files if damage == "all of them" else files[:1]:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
            if damage == "all of them":
                path.unlink()
    doctor = rnnctl("doctor", cwd=folder, check=1)
    assert doctor.stdout.count("wrong: checkpoint") == (8 if damage == "all of them" else 4)
    done = rnnctl("train", cwd=folder, check=0)
    assert done.stderr.count("unsound checkpoint") == (8 if damage == "all of them" else 4)
    assert_unbroken(folder, unbroken)
