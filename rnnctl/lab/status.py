"""The state of a workspace: its queue and workers, and the runs that are running, waiting or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.identity import alive
from jobs.load import Load, loads
from rnnctl.lab.records import named, unrecorded
from rnnctl.lab.workspaces import archived_studies
from rnnctl.words import counted, headline
from store import Store, priorities, queries, workers
from store.priorities import WaitingRuns
from store.queries import RunRow

PROCESS = {True: "alive", False: "dead", None: "on another host"}


@dataclass(frozen=True)
class WorkerState:
    """A worker that has not ended, as far as the database knows."""

    worker: str
    host: str
    pid: int
    node: str | None  # of a cluster; None on a machine without one
    device: str
    process: str  # a value of PROCESS
    beat_seconds_ago: float
    running: int  # runs


@dataclass(frozen=True)
class RunningRun:
    """A run that a worker is training."""

    run: str
    label: str  # STUDY/LABEL
    worker: str | None
    step: int
    total: int
    attempt: int
    moved_seconds_ago: float | None
    lease_left_seconds: float | None
    loss: float | None  # the best
    floor: float | None
    floor_se: float | None


@dataclass(frozen=True)
class WaitingRun:
    """A queued run that is tried again after a failure. seconds: until it may be claimed, negative if it may be now."""

    run: str
    label: str
    strikes: int
    error: str | None  # why it is not running: the headline of its last error
    seconds: float = named("in")


@dataclass(frozen=True)
class WrongRun:
    """A run that failed or was quarantined. error: the headline of its traceback."""

    run: str
    label: str
    status: str
    error: str | None


@dataclass(frozen=True)
class Status:
    """The state of a workspace at one moment. counts, studies: runs by status, of all studies and of each."""

    workspace: str
    at: float  # seconds since the epoch
    counts: dict[str, int]
    studies: dict[str, dict[str, int]]
    updates_left_at_most: int
    updates_per_second: float
    seconds_left_at_most: float | None
    workers: list[WorkerState]
    running: list[RunningRun]
    waiting_to_be_tried_again: list[WaitingRun]
    wrong: list[WrongRun]
    priorities: list[WaitingRuns]  # of queued runs, in the order of claims; empty if all are 0
    ledgers: list[Load]  # how busy the ledgers of trainings on clusters are, one for each that runs
    archived: list[str] = unrecorded()  # studies that are left out for that

    def __repr__(self) -> str:
        runs = ", ".join(f"{count:,} {status}" for status, count in self.counts.items() if count) or "no runs"
        return f"Status({runs}; {counted(len(self.workers), 'worker')})"


def status(store: Store, now: float, hidden: bool = False) -> Status:
    """Return the state of a workspace. now: seconds since the epoch.

    hidden: also archived studies, and runs that the files of their studies no longer name.
    """
    # Only the runs that are named: reading a run takes long, and there may be 20,000.
    running = queries.runs_of(store, statuses=("running",), hidden=True)  # whatever a worker does is shown
    ended = queries.runs_of(store, statuses=("failed", "quarantined"), hidden=hidden)
    waiting = queries.runs_of(store, run_ids=queries.tried_again(store, hidden))
    left = queries.updates_left(store, hidden)
    rate = sum(_rate(store, row) for row in running)
    return Status(
        workspace=str(store.workspace.root),
        at=now,
        counts=queries.counts(store, hidden),
        studies=queries.counts_by_study(store, hidden),
        updates_left_at_most=left,
        updates_per_second=rate,
        seconds_left_at_most=left / rate if rate > 0 else None,
        workers=_workers(store, now),
        running=[_running(row, now) for row in running],
        waiting_to_be_tried_again=[
            WaitingRun(row.run_id, _name(row), row.strikes, _headline(row), row.not_before - now) for row in waiting
        ],
        wrong=_wrong(sorted(ended, key=lambda row: row.status)),
        priorities=priorities.waiting(store, hidden),
        ledgers=list(loads(store.workspace.logs)),
        archived=[] if hidden else archived_studies(store),
    )


def _name(row: RunRow) -> str:
    return f"{row.study}/{row.label}"


def _workers(store: Store, now: float) -> list[WorkerState]:
    return [
        WorkerState(
            worker=worker.id,
            host=worker.host,
            pid=worker.pid,
            node=worker.node,
            device=worker.device,
            process=PROCESS[alive(worker)],
            beat_seconds_ago=now - worker.beat_at,
            running=worker.running,
        )
        for worker in workers.current(store)
    ]


def _running(row: RunRow, now: float) -> RunningRun:
    return RunningRun(
        run=row.run_id,
        label=_name(row),
        worker=row.worker,
        step=row.step,
        total=row.total,
        attempt=row.attempt,
        moved_seconds_ago=None if row.progress_at is None else now - row.progress_at,
        lease_left_seconds=None if row.lease_until is None else row.lease_until - now,
        loss=row.summary.get("best_loss"),
        floor=row.summary.get("floor"),
        floor_se=row.summary.get("floor_se"),
    )


def _wrong(rows: Sequence[RunRow]) -> list[WrongRun]:
    return [WrongRun(row.run_id, _name(row), row.status, _headline(row)) for row in rows]


def _headline(row: RunRow) -> str | None:
    return headline(row.error) if row.error else None


def _rate(store: Store, row: RunRow) -> float:
    """Return the updates per second of a run from the start of its attempt to its last sign of progress, at first 0."""
    attempt = queries.attempts(store, row.run_id)[-1]
    seconds = 0.0 if row.progress_at is None else row.progress_at - attempt.started
    return (row.step - attempt.start_step) / seconds if seconds > 0 else 0.0
