"""Set rows aside: into a table that nothing reads, with a reason, so that what can be read of them is not lost."""

from __future__ import annotations

from collections.abc import Iterable

from store.connection import Store
from store.queue import CHECKPOINTED
from store.row_copies import content_of_row
from store.verification import DamagedRow, all_sound, bound, damaged_rows, printable, rows_of


def set_aside(store: Store, rows: Iterable[DamagedRow], reason: str, now: float) -> None:
    """Move rows into the table `set_aside`, inside the caller's transaction."""
    for row in rows:
        keep_copy(store, row, reason, now)
        # A text that is not UTF-8 can only be handed over as bytes.
        terms = [f"{name} = {'CAST(? AS TEXT)' if isinstance(value, str) else '?'}" for name, value in row.key.items()]
        store.execute(f"DELETE FROM {row.table} WHERE {' AND '.join(terms)}", [bound(v) for v in row.key.values()])


def keep_copy(store: Store, row: DamagedRow, reason: str, now: float) -> None:
    """Copy a row into the table `set_aside`, inside the caller's transaction."""
    run_id = None if row.run_id is None else printable(row.run_id)
    store.execute(
        "INSERT INTO set_aside (name, run_id, content, reason, at) VALUES (?, ?, ?, ?, ?)",
        (row.table, run_id, content_of_row(row.values), reason, now),
    )


def take_back(store: Store, run_id: str, before: float, reason: str, now: float) -> int:
    """Take a run back to its newest checkpoint below a step, or to the beginning, and quarantine it. Return that step.

    What it has beyond is set aside, and a copy of its job with the summary. A worker that holds the run loses it.
    """
    step = store.value(
        "SELECT max(step) FROM checkpoints WHERE run_id = ? AND status = 'live' AND step < ?", (run_id, before)
    )
    for table in ("history", "checkpoints", "answers"):
        beyond = rows_of(store, table, "run_id = ? AND step > ?", (run_id, -1 if step is None else step))
        set_aside(store, beyond, reason, now)
    for job in rows_of(store, "jobs", "run_id = ? AND summary IS NOT NULL", (run_id,)):
        keep_copy(store, job, reason, now)
    store.execute(
        """UPDATE attempts SET ended = ?, ended_as = 'lost', end_step = start_step, error = ?
           WHERE run_id = ? AND ended IS NULL""",
        (now, reason, run_id),
    )
    store.execute(
        """UPDATE jobs SET status = 'quarantined', outcome = NULL, worker = NULL, lease_until = NULL, strikes = 0,
               step = ?, summary = NULL, error = ? WHERE run_id = ?""",
        (step or 0, reason, run_id),
    )
    return step or 0


def remake_job(store: Store, seq: int, reason: str, now: float) -> None:
    """Make the job of a run anew, quarantined, inside the caller's transaction. seq: of the run, which has no job.

    What the job was is not known, so the run is taken back from its newest checkpoint, which may be its end.
    """
    store.execute(
        """INSERT INTO jobs (seq, run_id, shape, status, attempt, checks, checkpoints, answers)
            SELECT seq, run_id, shape, 'quarantined',
                   (SELECT coalesce(max(attempt), 0) FROM attempts WHERE run_id = runs.run_id),
                   (SELECT count(*) FROM history WHERE run_id = runs.run_id),
                   (SELECT count(*) FROM checkpoints WHERE run_id = runs.run_id),
                   (SELECT count(*) FROM answers WHERE run_id = runs.run_id)
            FROM runs WHERE seq = ?""",
        (seq,),
    )
    row = store.row(f"SELECT run_id, {CHECKPOINTED} AS newest FROM jobs WHERE seq = ?", (seq,))
    if row is not None:
        take_back(store, row["run_id"], row["newest"], reason, now)


def quarantine(store: Store, run_id: str, reason: str, now: float) -> None:
    """Take a queued run whose rows are damaged out of the queue.

    Its damaged rows stay as they are, except for that of its job, which is set aside and made anew.
    """
    with store.transaction():
        remake_damaged_jobs(store, reason, now)
        store.execute(
            "UPDATE jobs SET status = 'quarantined', error = ? WHERE run_id = ? AND status = 'queued'", (reason, run_id)
        )


def remake_damaged_jobs(store: Store, reason: str, now: float) -> list[DamagedRow]:
    """Set damaged rows of jobs aside and make them anew, inside the caller's transaction. Return what they were."""
    if all_sound(store, "jobs"):
        return []
    damaged = damaged_rows(store, "jobs")
    set_aside(store, damaged, reason, now)
    for row in damaged:
        remake_job(store, row.key["rowid"], reason, now)
    return damaged
