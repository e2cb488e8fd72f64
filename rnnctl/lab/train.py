"""Train the queued runs of a workspace with a pool of worker processes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from jobs.events import Emit, Event, event
from jobs.launcher import LocalLauncher
from jobs.ledger import StoreLedger
from jobs.patience import patiently
from jobs.pool import Pool, signals_to
from rnnctl import devices
from rnnctl.determinism import BIT_VARIABLES
from rnnctl.lab.errors import LabError
from rnnctl.lab.pack_keys import refresh_pack_keys
from rnnctl.lab.trajectories import place_trajectories
from rnnctl.lab.worker_options import WorkerOptions
from store import Busy, Store, StoreError, aside, queries, verification
from store.errors import translated
from store.places import refuse_link
from store.queries import Queued

JOB_DAMAGED = "its job was damaged, and is made anew; rnnctl retry makes the run again"
QUICK = 1.0  # seconds that a look at the queue waits for a busy store, and after which the user is told of a wait
UNFINISHED = frozenset({"queued", "running"})  # statuses of runs that `train` still has to do with

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class TrainEnd:
    """How a training ended."""

    started: bool  # False if no run was queued or running, so that nothing was started
    statuses: dict[str, int] = field(default_factory=dict)  # status -> runs of the workspace that have it
    runs: dict[str, str] = field(default_factory=dict)  # run that was worked on -> its outcome, or else its status
    drained: bool = False  # whether workers were told to stop, by a signal or by somebody else, before all was done
    errors: list[str] = field(default_factory=list)  # what kept workers from going on, one line each

    @property
    def failed(self) -> int:
        """How many of the runs that were worked on failed or were quarantined."""
        return sum(end in ("failed", "quarantined") for end in self.runs.values())


def train(options: WorkerOptions, on_event: Emit = lambda event: None) -> TrainEnd:
    """Train all queued runs of `options.workspace` in `options.peers` processes, until nothing is left to do.

    on_event: is called with every event of `jobs.events`. The first SIGINT, SIGTERM or SIGHUP makes the workers save
    and leave, the second ends them at once; either way the next call goes on, with the same bits. A signal to one
    worker makes that worker leave, and the others go on. A database that another program has locked is waited for, as
    workers do it.

    Raises LabError if the device is not there, and StoreError if the workspace cannot be used or written.
    """

    def tell(error: Busy) -> None:
        on_event(event("store_busy", time.time(), None, error=str(error)))

    def when_free(action: Callable[[], Answer]) -> Answer:
        return patiently(action, tell)

    with when_free(lambda: Store.open(options.workspace, timeout=QUICK, any_names=True)) as store:
        when_free(lambda: _set_damaged_jobs_aside(store))
        statuses = when_free(lambda: _statuses(store))
        if not statuses.keys() & UNFINISHED:
            return TrainEnd(started=False, statuses=statuses)
        _require(options.device)
        logs = store.workspace.logs
        with translated(logs):  # so that an unwritable workspace is reported once, and not by every worker
            logs.mkdir(exist_ok=True)
            for path in (logs, *logs.iterdir()):
                refuse_link(path)
        when_free(lambda: refresh_pack_keys(store))
        when_free(lambda: place_trajectories(store))
        watch = _Watch(on_event)
        launcher = LocalLauncher(partial(_command, options), BIT_VARIABLES, logs)
        ledger = StoreLedger(options.workspace)
        pool = Pool(launcher, ledger, options.peers, watch.take, options.settings, logs / "events.jsonl")
        with signals_to(pool):
            end = pool.run()
        ends = when_free(lambda: queries.ends(store, watch.runs))
        statuses = when_free(lambda: _statuses(store))
        drained = (end.drained or end.killed or watch.drained) and bool(statuses.keys() & UNFINISHED)
        return TrainEnd(True, statuses, ends, drained, end.errors)


def _set_damaged_jobs_aside(store: Store) -> None:
    """Make damaged jobs anew: they are the queue. Other damaged rows are left to the workers, who train other runs.

    Raises Damaged if rows may be hidden.
    """
    verification.verify_structure(store)
    if not verification.all_sound(store, "jobs"):
        with store.transaction():
            aside.remake_damaged_jobs(store, JOB_DAMAGED, time.time())


def queued(workspace: Path) -> Queued | None:
    """Return how many runs and updates wait in the queue of a workspace; None if it cannot be read just now."""
    try:
        with Store.open(workspace, readonly=True, timeout=QUICK, any_names=True) as store:
            return queries.queued(store)
    except StoreError:
        return None


class _Watch:
    """Hands on a pool's events, and keeps which runs its workers took and whether any was told to stop."""

    def __init__(self, on_event: Emit) -> None:
        self.runs: set[str] = set()
        self.drained = False
        self._on_event = on_event

    def take(self, event: Event) -> None:
        if event["event"] == "claimed":
            self.runs.update(run["run"] for run in event["runs"])
        elif event["event"] in ("failed", "quarantined"):  # a damaged run is never claimed
            self.runs.add(event["run"])
        elif event["event"] == "worker_ended":
            self.drained |= event["reason"] == "drained"
        self._on_event(event)


def _statuses(store: Store) -> dict[str, int]:
    return {status: runs for status, runs in queries.counts(store).items() if runs}


def _command(options: WorkerOptions, slot: int) -> list[str]:
    """Return the command that starts the worker of a slot."""
    # -P: a store.py or yaml.py in the user's folder must not be imported instead of ours.
    return [sys.executable, "-P", "-m", "rnnctl", "worker", replace(options, slot=slot).to_json()]


def _require(device: str) -> None:
    """Raise LabError if a device that was asked for by name is not there.

    Loads torch if a card was: `auto` and `cpu` are always there.
    """
    if device in ("auto", "cpu"):
        return
    try:
        devices.resolve(device)
    except ValueError as error:
        raise LabError(str(error)) from None
