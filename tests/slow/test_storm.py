"""A storm of `kill -9` over a small study of every cell leaves the bits that an undisturbed workspace has."""

from __future__ import annotations

import random
import time
from pathlib import Path

import psutil
import pytest

from jobs import identity
from store import Store, history, queries
from tests.cli.command_line import PATIENCE, bits, counts, rnnctl, start_train, wait_until, workspace
from tests.cli.survival import busy_workers, kill, unfinished, updates_left, workers_of

UPDATES, EVERY = 2400, 40
STUDY = f"""\
study: storm
base:
  task: {{name: memorization, min_length: 20, max_length: 40}}
  model: {{hidden: 24}}
  train: {{updates: {UPDATES}, batch: 12, lr: 0.02}}
  check: {{every: {EVERY}, samples: 200, chunk: 100, diagnostic_batch: 5}}
  stop: {{solved: never}}
cases:
  rnn: {{model.init: orthogonal, train.omega: 0.5}}
  gru: {{model.name: gru}}
  lstm: {{model.name: lstm, train.optimizer: adam, train.lr: 0.003}}
  gated: {{model.name: gated, model.layers: 2, train.optimizer: adam, train.lr: 0.003}}
seeds: [1, 2, 3]
"""
KILLS = 100
RUNS = 12
# What is killed, and how often in a hundred times.
JUST_CLAIMED, SAVED, STARTING, POOL = (
    "a worker with a run",
    "a worker after a checkpoint",
    "a starting worker",
    "a pool",
)
TARGETS = {JUST_CLAIMED: 20, SAVED: 45, STARTING: 20, POOL: 15}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = workspace(tmp_path_factory.mktemp("undisturbed") / "w", STUDY)
    rnnctl("train", "--workers", 2, cwd=folder, check=0)
    return bits(folder)


class Storm:
    """Kills by target, over as many workspaces as it takes."""

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
        self.start_pool(folder)
        try:
            while unfinished(folder):
                if counts(folder)["quarantined"]:
                    self.retries += 1
                    rnnctl("retry", "--failed", cwd=folder, check=0)
                if self.pool.poll() is not None:
                    # Workers that lost their pool save and leave, so that no more than two are there at once.
                    wait_until(lambda: all(gone(worker.pid) for worker in self.workers), "workers to leave")
                    self.start_pool(folder)
                if self.over:
                    time.sleep(0.1)
                else:
                    self.strike(folder, *self.dice.choices(list(TARGETS), list(TARGETS.values())))
            self.pool.wait(PATIENCE)
        finally:
            for worker in [*self.workers, *workers_of(self.pool)]:
                kill(worker.pid)
            if self.pool.poll() is None:
                self.pool.kill()
            self.pool.wait(PATIENCE)

    def start_pool(self, folder: Path) -> None:
        self.pools += 1
        self.pool = start_train(folder, "--workers", 2, "--checkpoint-seconds", 0.3, "--pack", 3)
        self.workers: list[psutil.Process] = []

    def strike(self, folder: Path, target: str) -> None:
        """Wait for a process of the kind, then for a random moment, and kill it."""
        left = updates_left(folder)
        victims = wait_until(lambda: self.victims(folder, target, left) or self.nothing_to_hit(folder), target)
        if victims is True:
            return
        time.sleep(self.dice.uniform(0.0, 3.0 if target == POOL else 0.6))
        self.workers = workers_of(self.pool)
        self.kills[target] += kill(self.dice.choice(victims))
        if target == POOL:
            self.pool.wait(PATIENCE)

    def victims(self, folder: Path, target: str, left: int) -> list[int]:
        """Return the pids of the processes of a kind. left: the updates that were left when the waiting began."""
        workers = [worker.pid for worker in workers_of(self.pool)]
        if target == POOL:
            return [self.pool.pid] if workers and self.pool.poll() is None else []
        busy = busy_workers(folder)
        if target == STARTING:
            return [pid for pid in workers if pid not in busy]
        return busy if target == JUST_CLAIMED or updates_left(folder) < left else []

    def nothing_to_hit(self, folder: Path) -> bool:
        return self.pool.poll() is not None or not unfinished(folder)


def gone(pid: int) -> bool:
    """Whether no process has the pid, or only a dead one that nobody waited for."""
    return identity.started(pid) is None


def test_a_hundred_kills_change_no_bit(tmp_path, undisturbed, figure):
    storm = Storm(seed=14)
    rounds = 0
    while not storm.over:
        rounds += 1
        folder = workspace(tmp_path / f"round {rounds}", STUDY)
        storm.train(folder)
        assert_as_undisturbed(folder, undisturbed)
    for target, number in storm.kills.items():
        figure(f"kills of {target}:", number)
    figure("workspaces:", rounds)
    figure("pools:", storm.pools)
    figure("retries:", storm.retries)
    assert all(storm.kills.values())


def assert_as_undisturbed(folder, undisturbed):
    """Each run is done once, its history has every check once, and all bits are those of the undisturbed workspace."""
    with Store.open(folder, readonly=True) as store:
        rows = queries.runs_of(store)
        assert len(rows) == RUNS
        assert {(row.status, row.step) for row in rows} == {("done", UPDATES)}
        for row in rows:
            ends = [attempt.ended_as for attempt in queries.attempts(store, row.run_id)]
            assert ends.count("done") == 1
            steps = history.read(store, [row.run_id])[row.run_id].steps.tolist()
            assert steps == list(range(EVERY, UPDATES + 1, EVERY)), "no gap and no double"
    results = bits(folder)
    assert results.keys() == undisturbed.keys()
    for run_id, expected in undisturbed.items():
        assert {"weights", "best_weights"} <= expected["state"].keys()
        for key, value in expected.items():
            assert results[run_id][key] == value, (run_id, key)
