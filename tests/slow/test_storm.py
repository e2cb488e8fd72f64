"""A storm of `kill -9` over runs of every cell leaves the bits that an undisturbed workspace has."""

from __future__ import annotations

import random
import time
from pathlib import Path

import psutil
import pytest

from tests.cli.command_line import PATIENCE, bits, counts, rnnctl, start_train, wait_until, workspace
from tests.cli.survival import kill, unfinished, updates_of_workers, workers_of
from tests.slow.kinds import study_of_every_cell
from tests.slow.undisturbed import assert_as_undisturbed, assert_sound

UPDATES, EVERY = 1200, 40
STUDY = study_of_every_cell(UPDATES, EVERY, seeds=6)  # 24 runs
KILLS = 200
# What is killed, and how often in a hundred times.
MOVED, CLAIMED, STARTING, POOL = (
    "a worker that has moved its runs",
    "a worker that has just claimed",
    "a starting worker",
    "a pool",
)
TARGETS = {MOVED: 50, CLAIMED: 8, STARTING: 36, POOL: 6}


class Storm:
    """Kills by target, over as many workspaces as it takes. Each waits for what it hits, and never for a time only."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.kills = dict.fromkeys(TARGETS, 0)
        self.pools = self.retries = 0

    @property
    def over(self) -> bool:
        """Whether there have been enough kills."""
        return sum(self.kills.values()) >= KILLS

    def train(self, folder: Path) -> None:
        """Train a workspace to its end, with kills until there have been enough."""
        self.workers: dict[int, psutil.Process] = {}  # all that were seen
        self.start_pool(folder)
        try:
            while unfinished(folder):
                if counts(folder)["quarantined"]:
                    self.retries += 1
                    rnnctl("retry", "--failed", cwd=folder, check=0)
                if self.pool.poll() is not None:
                    self.start_pool(folder)
                if self.over:
                    time.sleep(0.1)
                else:
                    self.strike(folder, *self.dice.choices(list(TARGETS), list(TARGETS.values())))
            self.pool.wait(PATIENCE)
        finally:
            self.look_at_workers()
            for worker in self.workers.values():
                if worker.is_running():
                    kill(worker.pid)
            if self.pool.poll() is None:
                self.pool.kill()
            self.pool.wait(PATIENCE)

    def start_pool(self, folder: Path) -> None:
        self.pools += 1
        self.pool = start_train(folder, "--workers", 2, "--checkpoint-seconds", 0.3, "--pack", 3)

    def strike(self, folder: Path, target: str) -> None:
        """Wait for a process of the kind, then for a random moment, and kill it."""
        victims = wait_until(lambda: self.victims(folder, target) or self.nothing_to_hit(folder), target)
        if victims is True:
            return
        time.sleep(self.dice.uniform(0.0, 0.4))
        self.look_at_workers()
        self.kills[target] += kill(self.dice.choice(victims))
        if target == POOL:
            self.pool.wait(PATIENCE)

    def victims(self, folder: Path, target: str) -> list[int]:
        """Return the pids of the processes of a kind."""
        workers = self.look_at_workers()
        if target == POOL:
            return [self.pool.pid] if workers and self.pool.poll() is None else []
        updates = updates_of_workers(folder)
        if target == STARTING:
            return [pid for pid in workers if pid not in updates]
        return [pid for pid in workers if pid in updates and (updates[pid] > 0) == (target == MOVED)]

    def look_at_workers(self) -> list[int]:
        """Return the pids of the pool's workers, and remember them: they may outlive their pool."""
        workers = workers_of(self.pool)
        self.workers |= {worker.pid: worker for worker in workers}
        return [worker.pid for worker in workers]

    def nothing_to_hit(self, folder: Path) -> bool:
        return self.pool.poll() is not None or not unfinished(folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = workspace(tmp_path_factory.mktemp("undisturbed") / "w", STUDY)
    rnnctl("train", "--workers", 2, cwd=folder, check=0)
    return bits(folder)


def test_two_hundred_kills_change_no_bit(tmp_path, undisturbed, figure):
    storm = Storm(seed=14)
    rounds = 0
    while not storm.over:
        rounds += 1
        folder = workspace(tmp_path / f"round {rounds}", STUDY)
        storm.train(folder)
        assert_as_undisturbed(folder, undisturbed, UPDATES, EVERY)
        assert_sound(folder)
    for target, number in storm.kills.items():
        figure(f"kills of {target}:", number)
    figure("workspaces:", rounds)
    figure("pools:", storm.pools)
    figure("retries:", storm.retries)
    assert all(storm.kills.values())
