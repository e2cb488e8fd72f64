"""Keep the worker processes: who they are, where they run, and when their last beat was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store.connection import Store
from store.encoding import digest, to_json


@dataclass(frozen=True)
class WorkerRecord:
    """One start of one worker process."""

    id: str  # different for each start, never a host name
    host: str
    boot_id: str
    pid: int
    pid_started: float  # start time of the process, which tells it from a later one with the same pid
    device: str


@dataclass(frozen=True)
class WorkerRow(WorkerRecord):
    """A worker that has not ended, as far as is known."""

    started: float
    beat_at: float  # its last beat
    running: int  # runs it holds
    node: str | None = None  # of a cluster; None if it is not on one


def start(store: Store, worker: WorkerRecord, environment: dict[str, Any], now: float) -> None:
    """Add a worker and its environment. This must be done before the worker's first claim.

    environment: a JSON object. The value of its key "bits" (without that key, the whole object) is compared with that
    of an earlier attempt: equal values mean that a run which is resumed here gets the same bits. Its key "node" names
    the node of a cluster.
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
    """Mark a worker as ended. The runs that it still holds stay held until they are rescued."""
    with store.transaction():
        store.execute("UPDATE workers SET ended = ? WHERE id = ? AND ended IS NULL", (now, worker))


def current(store: Store) -> list[WorkerRow]:
    """Return the workers that have not ended, oldest first. Some may be dead: the store does not look at processes."""
    rows = store.rows(
        """SELECT workers.id, host, boot_id, pid, pid_started, device, started, beat_at,
                  (SELECT count(*) FROM jobs WHERE worker = workers.id AND status = 'running') AS running,
                  CASE WHEN json_valid(content) THEN json_extract(content, '$.node') END AS node
           FROM workers LEFT JOIN environments ON environments.id = environment
           WHERE ended IS NULL ORDER BY started, workers.id"""
    )
    return [WorkerRow(**row) for row in rows]


def same_bits(store: Store, run_id: str, worker: str) -> bool:
    """Return whether the newest live checkpoint of a run comes from an environment with the same bits as the worker's.

    True if there is no checkpoint.
    """
    written_in = store.value(
        """SELECT environments.bits FROM checkpoints JOIN attempts USING (run_id, attempt)
               JOIN environments ON environments.id = attempts.environment
           WHERE checkpoints.run_id = ? AND status = 'live'
           ORDER BY step DESC, checkpoints.id DESC LIMIT 1""",
        (run_id,),
    )
    here = store.value(
        """SELECT bits FROM environments JOIN workers ON workers.environment = environments.id
           WHERE workers.id = ?""",
        (worker,),
    )
    return written_in in (None, here)
