"""Helpers for tests that end processes: slow studies, kills, and the comparison with an undisturbed workspace."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from store import Store, checkpoints, queries, workers
from tests.cli.command_line import (
    PATIENCE,
    TINY,
    bits,
    counts,
    rnnctl,
    rows,
    start_train,
    train_here,
    wait_until,
    workspace,
)

Bits = dict[str, dict[str, Any]]

OFTEN = ("--checkpoint-seconds", "0.2")
BEATS = ("--lease", "6")  # beats, and with them the steps in the database, every second


def slow_study(updates: int) -> str:
    """Return a study of four runs whose updates are slow enough to be interrupted: about half a millisecond each."""
    slower = {"updates: 120": f"updates: {updates}", "every: 20": "every: 50", "samples: 100": "samples: 500"}
    slower |= {"min_length: 10, max_length: 20": "min_length: 60, max_length: 100", "hidden: 12": "hidden: 32"}
    text = TINY
    for old, new in slower.items():
        assert old in text
        text = text.replace(old, new)
    return text


UPDATES = 3000
STUDY = slow_study(UPDATES)


def trained_in_one_go(folder: Path, text: str) -> Bits:
    """Return the bits of a study that was trained by one worker that nobody disturbed."""
    workspace(folder, text)
    train_here(folder)
    return bits(folder)


def assert_unbroken(folder: Path, unbroken: Bits, updates: int) -> None:
    """Every run has ended once, after so many updates, with the bits of the workspace that nobody disturbed."""
    for row in rows(folder):
        assert (row.status, row.outcome, row.step) == ("done", "budget", updates)
    results = bits(folder)
    assert results.keys() == unbroken.keys()
    for run_id, expected in unbroken.items():
        for key, value in expected.items():
            assert results[run_id][key] == value, (run_id, key)
    with Store.open(folder, readonly=True) as store:
        for row in queries.runs_of(store):
            ends = [attempt.ended_as for attempt in queries.attempts(store, row.run_id)]
            assert ends.count("done") == 1, "finished once"


def busy_workers(folder: Path) -> list[int]:
    """Return the pids of workers that hold a run."""
    with Store.open(folder, readonly=True) as store:
        return [worker.pid for worker in workers.current(store) if worker.running]


def updates_of_workers(folder: Path) -> dict[int, int]:
    """Return the updates that each worker that holds runs has done on them, by its pid, as far as the store knows."""
    with Store.open(folder, readonly=True) as store:
        rows = store.rows(
            """SELECT workers.pid, sum(jobs.step - attempts.start_step) AS updates
               FROM jobs JOIN workers ON workers.id = jobs.worker JOIN attempts USING (run_id, attempt)
               WHERE jobs.status = 'running' GROUP BY workers.pid"""
        )
    return {row["pid"]: row["updates"] for row in rows}


def kill(pid: int) -> bool:
    """Send SIGKILL, and return whether there was a process to send it to."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def workers_of(pool: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the processes that a pool has started."""
    try:
        return psutil.Process(pool.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill_everything(pool: subprocess.Popen[bytes]) -> None:
    """Kill a pool and all its workers at once."""
    for pid in [*(child.pid for child in workers_of(pool)), pool.pid]:
        kill(pid)
    pool.wait(PATIENCE)


def updates_left(folder: Path) -> int:
    """Return the updates that no checkpoint holds yet, over all runs."""
    return sum(row.total - row.step for row in rows(folder))


def wait_for_progress(folder: Path, what: str) -> None:
    """Wait until fewer updates are left than now."""
    left = updates_left(folder)
    wait_until(lambda: updates_left(folder) < left, what)


def live_checkpoints(folder: Path) -> dict[str, list[Path]]:
    """Return the checkpoint files of each run, newest first."""
    with Store.open(folder, readonly=True) as store:
        paths = {
            row.run_id: [folder / kept.path for kept in checkpoints.live(store, row.run_id)]
            for row in queries.runs_of(store)
        }
    return {run_id: sorted(files, key=lambda file: -file.stat().st_mtime_ns) for run_id, files in paths.items()}


def unfinished(folder: Path) -> bool:
    """Whether there is anything left to train."""
    number = counts(folder)
    return any(number[status] for status in ("queued", "running", "quarantined"))


def kill_workers_at_random(folder: Path, dice: random.Random, kills: int, *options: str) -> int:
    """Train a workspace to its end while workers that hold a run are killed, and return how many were.

    options: of `train`.

    Pools that give up are started again, and runs that were set aside after three crashes are retried, as a person
    would: on a busy machine three kills can hit a run before its next checkpoint.
    """
    killed = 0
    pool = start_train(folder, "--workers", 2, *OFTEN, *options)
    try:
        while unfinished(folder):
            if counts(folder)["quarantined"]:
                rnnctl("retry", "--failed", cwd=folder, check=0)
            if pool.poll() is not None:
                pool = start_train(folder, "--workers", 2, *OFTEN, *options)
            pids = busy_workers(folder)
            if pids and killed < kills:
                time.sleep(dice.uniform(0.0, 0.6))  # the random moment
                killed += kill(dice.choice(pids))
                # Somebody must make progress between two kills, or nothing would ever be finished.
                left = updates_left(folder)
                wait_until(
                    lambda left=left, pool=pool: updates_left(folder) < left or pool.poll() is not None,
                    "progress after a kill",
                )
            else:
                time.sleep(0.05)
        pool.wait(PATIENCE)
    finally:
        if pool.poll() is None:
            kill_everything(pool)
    return killed


def half_trained(folder: Path, study: str) -> Path:
    """Return a new workspace whose four runs have two checkpoints each and are interrupted."""
    workspace(folder, study)
    pool = start_train(folder, "--checkpoint-updates", 500)
    wait_until(lambda: all(len(files) == 2 for files in live_checkpoints(folder).values()), "two checkpoints of all")
    pool.send_signal(signal.SIGINT)
    pool.wait(PATIENCE)
    return folder


def _truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _flip_one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


# What can happen to a checkpoint file; to the newest of every run, or to all that there are.
DAMAGES: dict[str, Callable[[Path], None]] = {
    "truncated": _truncate,
    "one bit": _flip_one_bit,
    "deleted": Path.unlink,
    "all of them": Path.unlink,
}


def damage_checkpoints(folder: Path, damage: str) -> int:
    """Damage the newest checkpoint of every run, or all of them, and return how many files were."""
    victims = [
        path
        for files in live_checkpoints(folder).values()
        for path in (files if damage == "all of them" else files[:1])
    ]
    for path in victims:
        DAMAGES[damage](path)
    return len(victims)
