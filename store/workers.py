"""Worker processes: who they are, where they run, and when they were last heard of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store.connection import Store
from store.encoding import digest, to_json


@dataclass(frozen=True)
class WorkerRecord:
    """One start of one worker process."""

    id: str  # unique for each start, never a host name
    host: str
    boot_id: str
    pid: int
    pid_started: float  # start time of the process, which tells it from a later one with the same pid
    device: str


@dataclass(frozen=True)
class WorkerRow(WorkerRecord):
    """A worker that has not ended, as far as is known."""

    started: float
    beat_at: float  # last heard of
    running: int  # runs it holds


def start(store: Store, worker: WorkerRecord, environment: dict[str, Any], now: float) -> None:
    """Write down a worker and its environment. It must have been done before its first claim.

    environment: a JSON object. What its key "bits" holds is compared to tell whether a run that is resumed
    here will still have the same bits; without that key, the whole of it.
    """
    identity = digest(environment)
    with store.transaction():
        store.execute(
            "INSERT INTO environments (id, content, bits) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
            (identity, to_json(environment), digest(environment.get("bits", environment))),
        )
        store.execute(
            """INSERT INTO workers
                   (id, host, boot_id, pid, pid_started, device, environment, started, beat_at)
               VALUES (:id, :host, :boot_id, :pid, :pid_started, :device, :environment, :now, :now)""",
            {**vars(worker), "environment": identity, "now": now},
        )


def end(store: Store, worker: str, now: float) -> None:
    """Write down that a worker has ended. What it still holds stays held until it is rescued."""
    with store.transaction():
        store.execute("UPDATE workers SET ended = ? WHERE id = ? AND ended IS NULL", (now, worker))


def current(store: Store) -> list[WorkerRow]:
    """Workers that have not ended, oldest first. Some may be dead: whether a process lives is not known
    here.
    """
    rows = store.rows(
        """SELECT id, host, boot_id, pid, pid_started, device, started, beat_at,
                  (SELECT count(*) FROM jobs WHERE worker = workers.id AND status = 'running') AS running
           FROM workers WHERE ended IS NULL ORDER BY started, id"""
    )
    return [WorkerRow(**row) for row in rows]
