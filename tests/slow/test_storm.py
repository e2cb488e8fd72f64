"""A storm of `kill -9` over runs of every cell leaves the bits that an undisturbed workspace has.

Most kills hit forked workers, which start in milliseconds. The others hit pools of `rnnctl train` and their workers.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.command_line import PATIENCE, bits, counts, rnnctl, start_train, wait_until, workspace
from tests.cli.survival import Bits, kill, unfinished, updates_of_workers, workers_of
from tests.slow.forked import Forks, Task, forks
from tests.slow.kinds import study_of_every_cell
from tests.slow.undisturbed import assert_as_undisturbed, assert_sound

UPDATES, EVERY = 1200, 40
STUDY = study_of_every_cell(UPDATES, EVERY, seeds=6)  # 24 runs
MOVED, CLAIMED, STARTING, POOL = (
    "a worker that has moved its runs",
    "a worker that has just claimed",
    "a starting worker",
    "a pool",
)
# Kills of each kind: 204 in all.
OF_FORKED = {MOVED: 86, CLAIMED: 30, STARTING: 40}
OF_POOLS = {MOVED: 16, CLAIMED: 4, STARTING: 20, POOL: 8}
SAVED_EVERY = 0.3  # seconds
AT_ONCE, PACK = 2, 3  # workers, and runs of each


class Crew(ABC):
    """Workers that train a workspace and are killed."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.folder, self.dice = folder, dice

    @abstractmethod
    def fill(self) -> None:
        """Start what is missing of the crew."""

    @abstractmethod
    def strike(self, target: str) -> bool:
        """Wait for a process of the kind, then for a random moment, and kill it. Return whether one was killed."""

    @abstractmethod
    def leave(self) -> None:
        """Wait for the crew, which has nothing left to do; in trouble, end it."""

    def wait_for(self, victims: Callable[[], list[int]], what: str) -> int | None:
        """Return the pid of a process of a kind, once there is one. None: everything is trained."""
        actual = wait_until(lambda: victims() or not unfinished(self.folder), what)
        return self.dice.choice(actual) if isinstance(actual, list) else None


class ForkedCrew(Crew):
    """Workers that are forked from a process that has loaded everything."""

    def __init__(self, folder: Path, dice: random.Random, server: Forks) -> None:
        super().__init__(folder, dice)
        self.server = server
        self.task = Task(str(folder), options={"checkpoint_seconds": SAVED_EVERY, "pack": PACK, "peers": AT_ONCE})
        self.pids: set[int] = set()

    def fill(self) -> None:
        for pid in list(self.pids):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                self.reap(pid, 0)
        while len(self.pids) < AT_ONCE:
            self.start()

    def start(self) -> int:
        pid = self.server.start(self.task)
        self.pids.add(pid)
        return pid

    def reap(self, pid: int, expected: int) -> None:
        self.pids.discard(pid)
        status = self.server.wait(pid)
        assert status in (0, expected), status

    def strike(self, target: str) -> bool:
        if target == STARTING:
            victim: int | None = self.start()
            time.sleep(self.dice.uniform(0.0, 0.1))
        else:
            if target == CLAIMED and counts(self.folder)["queued"]:
                self.start()
            victim = self.wait_for(lambda: self.holding(moved=target == MOVED), target)
            time.sleep(self.dice.uniform(0.0, 0.2))
        if victim is None:
            return False
        kill(victim)
        self.reap(victim, -9)
        return True

    def holding(self, moved: bool) -> list[int]:
        """Return the pids of workers that hold runs and have moved them, or not."""
        self.fill()
        updates = updates_of_workers(self.folder)
        if not moved and not counts(self.folder)["queued"]:
            moved = True  # nobody will claim: the last runs are being trained
        return [pid for pid in self.pids if pid in updates and (updates[pid] > 0) == moved]

    def leave(self) -> None:
        for pid in list(self.pids):
            self.reap(pid, 0)


class PoolCrew(Crew):
    """A pool of `rnnctl train`, and the workers that it starts."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        super().__init__(folder, dice)
        self.workers: dict[int, psutil.Process] = {}  # all that were seen: they may outlive their pool
        self.start()

    def start(self) -> None:
        self.pool = start_train(self.folder, "--workers", AT_ONCE, "--checkpoint-seconds", SAVED_EVERY, "--pack", PACK)

    def fill(self) -> None:
        if self.pool.poll() is not None:
            self.start()

    def strike(self, target: str) -> bool:
        victim = self.wait_for(lambda: self.victims(target), target)
        if victim is None:
            return False
        time.sleep(self.dice.uniform(0.0, 0.4))
        self.look_at_workers()
        killed = kill(victim)
        if target == POOL:
            self.pool.wait(PATIENCE)
        return killed

    def victims(self, target: str) -> list[int]:
        """Return the pids of the processes of a kind."""
        self.fill()
        workers = self.look_at_workers()
        if target == POOL:
            return [self.pool.pid] if workers else []
        updates = updates_of_workers(self.folder)
        if target == STARTING:
            return [pid for pid in workers if pid not in updates]
        return [pid for pid in workers if pid in updates and (updates[pid] > 0) == (target == MOVED)]

    def look_at_workers(self) -> list[int]:
        """Return the pids of the pool's workers, and remember them."""
        workers = workers_of(self.pool)
        self.workers |= {worker.pid: worker for worker in workers}
        return [worker.pid for worker in workers]

    def leave(self) -> None:
        try:
            self.pool.wait(PATIENCE)
        finally:
            self.look_at_workers()
            for worker in self.workers.values():
                if worker.is_running():
                    kill(worker.pid)
            if self.pool.poll() is None:
                self.pool.kill()
                self.pool.wait(PATIENCE)


class Storm:
    """Kills of crews, over as many workspaces as it takes. Each waits for what it hits, and never for a time only."""

    def __init__(self, kills: dict[str, int], dice: random.Random) -> None:
        self.left, self.dice = Counter(kills), dice
        self.kills: Counter[str] = Counter()
        self.retries = 0

    @property
    def over(self) -> bool:
        """Whether there have been enough kills."""
        return not self.left.total()

    def train(self, crew: Crew) -> None:
        """Train a workspace to its end, with kills until there have been enough."""
        try:
            while unfinished(crew.folder):
                if counts(crew.folder)["quarantined"]:
                    self.retries += 1
                    rnnctl("retry", "--failed", cwd=crew.folder, check=0)
                crew.fill()
                if self.over:
                    time.sleep(0.1)
                    continue
                (target,) = self.dice.choices(list(self.left), list(self.left.values()))
                if crew.strike(target):
                    self.kills[target] += 1
                    self.left[target] -= 1
        finally:
            crew.leave()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Forks, Bits]]:
    """The process that forks workers, and the bits of a workspace that nobody disturbed."""
    folder = workspace(tmp_path_factory.mktemp("undisturbed") / "w", STUDY)
    with forks() as forking:
        forking.warm_up(Task(str(folder), options={}))
        yield forking, bits(folder)


def raged(
    storm: Storm,
    crew_of: Callable[[Path], Crew],
    tmp_path: Path,
    undisturbed: Bits,
    figure: Callable[[str, object], None],
) -> None:
    """Let a storm rage over workspaces until it is over, and look at what each of them holds."""
    rounds = 0
    while not storm.over:
        rounds += 1
        folder = workspace(tmp_path / f"round {rounds}", STUDY)
        storm.train(crew_of(folder))
        assert_as_undisturbed(folder, undisturbed, UPDATES, EVERY)
        assert_sound(folder)
    for target, number in storm.kills.items():
        figure(f"kills of {target}:", number)
    figure("workspaces:", rounds)
    figure("retries:", storm.retries)


def test_kills_of_workers_change_no_bit(tmp_path, server, figure):
    forking, undisturbed = server
    dice = random.Random(14)
    raged(Storm(OF_FORKED, dice), lambda folder: ForkedCrew(folder, dice, forking), tmp_path, undisturbed, figure)


def test_kills_of_pools_and_of_their_workers_change_no_bit(tmp_path, server, figure):
    dice = random.Random(15)
    raged(Storm(OF_POOLS, dice), lambda folder: PoolCrew(folder, dice), tmp_path, server[1], figure)


def test_these_are_two_hundred_kills_of_all_kinds():
    kills = Counter(OF_FORKED) + Counter(OF_POOLS)
    assert kills.total() >= 200
    assert set(kills) == {MOVED, CLAIMED, STARTING, POOL}
