"""A Ray cluster whose nodes are processes of this machine, and trainings on it whose processes can be ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from store import Store, queries, workers
from store.queries import AttemptRow
from store.workers import WorkerRow
from tests.cli.command_line import PATIENCE, environment, wait_until
from tests.cli.survival import slow_study

UPDATES = 2000
STUDY = slow_study(UPDATES)  # four runs
OBJECT_STORE = 80_000_000  # bytes: the least that Ray takes
OFTEN = ("--checkpoint-seconds", "0.2")
SHORT_LEASE = ("--lease", "6")  # for tests that wait for the end of one
STORED = "object_store_memory"
FEWER = {"include_log_monitor": False, "no_monitor": True}  # processes of Ray that nothing here needs
# The settings of Ray's own processes. A node that was ended without a word is noticed within seconds.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
HEALTH = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 1000, "health_check_failure_threshold": 5}


class Machines:
    """A head without CPUs, where the drivers run, and nodes that tests add and end."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._two_slots: Any = None
        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0, "include_dashboard": False, STORED: OBJECT_STORE, "_system_config": HEALTH,
                "env_vars": QUIET, **FEWER,
            },
        )  # fmt: skip

    @property
    def address(self) -> str:
        """What `--ray` is given."""
        return str(self._cluster.address)

    def add(self, cpus: int = 1, **variables: str) -> Any:
        """Add a node with so many slots of one CPU. variables: of its environment."""
        env = {**QUIET, **variables}
        return self._cluster.add_node(num_cpus=cpus, env_vars=env, **{STORED: OBJECT_STORE})

    def one_with_two_slots(self) -> None:
        """Have one node of two slots beside the head, the one of the last test if it is still there."""
        if not (self._two_slots in self._cluster.worker_nodes and self._two_slots.live_processes()):
            self._two_slots = self.add(cpus=2)
        self.only(self._two_slots)

    def end(self, node: Any, gracefully: bool = False) -> None:
        """End a node with all its processes, without a word unless it is done gracefully."""
        self._cluster.remove_node(node, allow_graceful=gracefully)

    def only(self, *nodes: Any) -> None:
        """End all nodes but the head and these."""
        for node in list(self._cluster.worker_nodes - set(nodes)):
            self.end(node, gracefully=True)

    def shutdown(self) -> None:
        """End everything."""
        self._cluster.shutdown()


@contextmanager
def machines() -> Iterator[Machines]:
    """Inside `with`, there is a cluster; afterwards none of its processes is left."""
    running = Machines()
    try:
        yield running
    finally:
        running.shutdown()
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "ray" in " ".join(child.cmdline()):
                    child.kill()


class Training:
    """`rnnctl train --ray` in the background."""

    def __init__(self, folder: Path, address: str, *options: object, slots: int = 2, **variables: str) -> None:
        self.folder = folder
        self.log = folder.parent / f"{folder.name}-train-{time.monotonic_ns()}.log"
        command = [sys.executable, "-P", "-m", "rnnctl", "train", "--ray", address, "--slots", slots, *OFTEN, *options]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                list(map(str, command)),
                cwd=folder,
                env=environment(**QUIET, **variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    @property
    def said(self) -> str:
        """What it has written to stderr so far."""
        return self.log.read_text(errors="replace")

    def ledger(self) -> psutil.Process:
        """The process of the ledger of the newest training on the cluster."""
        return max(actors("Ledger"), key=lambda process: process.create_time())

    def wait_until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for a condition, as long as the training goes on."""

        def met() -> Any:
            over = self.process.poll() is not None
            if (actual := condition()) or not over:
                return actual
            raise AssertionError(f"it has ended before {what}: {self.said}")

        return wait_until(met, what)

    def busy_worker(self) -> WorkerRow:
        """Wait for a worker that holds a run which has come past its first checkpoint, and return it."""

        def busy() -> WorkerRow | None:
            with Store.open(self.folder, readonly=True) as store:
                rows = {row.worker: row.step for row in queries.runs_of(store) if row.status == "running"}
                return next((each for each in workers.current(store) if rows.get(each.id, 0) > 0), None)

        worker: WorkerRow = self.wait_until(busy, "a run has come past its first checkpoint")
        return worker

    def wait(self, status: int) -> str:
        """Wait until it ends with a status, and return what it said."""
        try:
            actual = self.process.wait(PATIENCE)
        finally:
            self.kill()
        assert actual == status, (actual, self.said)
        assert "Traceback" not in self.said, self.said
        return self.said

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it without a word, if it still runs."""
        self.process.kill()
        self.process.wait(PATIENCE)


def actors(name: str) -> list[psutil.Process]:
    """Return the processes of Ray's actors of a class, in clusters of this process."""
    processes = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(word.startswith(f"ray::{name}") for word in process.cmdline()[:1]):
                processes.append(process)
    return processes


def current_workers(folder: Path) -> list[WorkerRow]:
    """Return the workers that have not ended, as the store knows them."""
    with Store.open(folder, readonly=True) as store:
        return workers.current(store)


def attempts(folder: Path) -> list[AttemptRow]:
    """Return the attempts at all runs."""
    with Store.open(folder, readonly=True) as store:
        return [each for row in queries.runs_of(store) for each in queries.attempts(store, row.run_id)]


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
