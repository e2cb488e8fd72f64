"""The states of a job, and every change from one state to another.

    queued                         -> running      claim          a worker takes it, as a new attempt
    running                        -> done         commits.commit with an outcome
    running                        -> queued       release        handed back: no strike
    running                        -> queued       postpone       it cannot be worked on now: no strike, but a wait
    running                        -> queued       release_from   its worker was ended on purpose: no strike
    running                        -> queued       fail, rescue   a strike, below the limit
    running                        -> failed       fail           an exception was the last strike
    running                        -> quarantined  rescue         a crash or an expired lease was the last strike
    queued, running                -> cancelled    cancel         the user
    failed, quarantined, cancelled -> queued       retry          the user; strikes are reset

A strike is a crash, an expired lease or an exception. Strikes count failures in a row without progress: a checkpoint
beyond the step where the attempt started resets them. A job that one more strike may end is claimed alone
(`alone_from`), so that the run that kills a worker is identified and the other runs of its pack continue.

A running job belongs to one attempt of one worker until its lease ends, and only `rescue`, `release_from` and `cancel`
may take it away. Everything the holder writes is fenced: it names run, attempt and worker, and if they are not those of
a running job, LeaseLost is raised and nothing is written.

Which of the queued jobs are the next pack is decided in store/packs.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from store import packs
from store.connection import Store
from store.encoding import to_json
from store.errors import LeaseLost
from store.verification import verify_claim
from store.wanted import ALL, Wanted
from store.workers import same_bits

Backoff = Callable[[int], float]  # strikes -> seconds until the job may be claimed again

# Seconds by which a worker's last sign of life may be later than `now`: clocks of machines differ a little, and `now`
# was read before the wait for the write lock. If it is later by more, a clock was set back.
CLOCK_TOLERANCE = 60.0

# The step of the newest checkpoint that the run can be resumed from, 0 without one.
CHECKPOINTED = """(SELECT coalesce(max(step), 0) FROM checkpoints
                   WHERE run_id = jobs.run_id AND status = 'live')"""


@dataclass(frozen=True)
class Holding:
    """One attempt at one run by the worker that holds it; every fenced write names these three."""

    run_id: str
    attempt: int  # 1 for the first
    worker: str


@dataclass(frozen=True)
class Claim(Holding):
    """A run that a worker holds, with all that the worker needs to know."""

    spec: dict[str, Any]
    shape: str  # text of the pack key
    label: str  # its name in the first study that has it
    total: int  # updates, at most
    step: int  # of the newest checkpoint, 0 without one
    strikes: int  # before this attempt
    exact: bool  # whether this environment gives the same bits as that of the newest checkpoint


@dataclass(frozen=True)
class Rescued(Holding):
    """A run that was taken from its worker; its attempt has ended."""

    ended_as: str  # crashed (the worker is dead) or lost (the lease expired)
    strikes: int  # including this one
    status: str  # queued or quarantined


def claim(
    store: Store,
    worker: str,
    now: float,
    lease: float,
    max_pack: Callable[[str], int],
    fair: int,
    alone_from: int,
    shape: str | None = None,
    longest_wait: float = math.inf,
    wanted: Wanted = ALL,
) -> list[Claim]:
    """Take the first job that is due and more jobs of its shape: a pack of at most max_pack(shape) runs.

    Jobs of a higher priority are taken first, and jobs of one priority in the order of registration. fair: number of
    workers (1 or more) among which the due jobs of a shape are divided; a pack takes no more than its share.
    alone_from: a job with this many strikes or more is taken alone. shape: take jobs of this shape only, and none that
    would be taken alone. longest_wait: seconds; a job that has to wait for longer is due, since only a clock that was
    set back can have done that. wanted: take only jobs of these runs. Return an empty list if no such job is due,
    or if the worker is marked as ended. Raise Conflict if the worker is not registered (`workers.start`). Raise
    Damaged, which names the run, if a row of one of these runs is not what was written: then nothing is taken.
    """
    with store.transaction():
        # A pool that kills its workers marks all of them as ended and hands back their runs. A worker that is killed a
        # moment later must not take one of those runs with it: the run would wait for the lease to end.
        if store.value("SELECT ended FROM workers WHERE id = ?", (worker,)) is not None:
            return []
        terms = packs.Terms(now, alone_from, fair, longest_wait, wanted)
        if shape is not None:
            run_ids = packs.of_shape(store, terms, shape, max_pack(shape))
        else:
            run_ids = packs.first(store, terms, max_pack)
        return [_start_attempt(store, run_id, worker, now, lease) for run_id in run_ids]


def _start_attempt(store: Store, run_id: str, worker: str, now: float, lease: float) -> Claim:
    verify_claim(store, run_id)
    attempt = store.rows(
        f"""UPDATE jobs SET status = 'running', attempt = attempt + 1, worker = ?, lease_until = ?,
                progress_at = ?, step = {CHECKPOINTED}
            WHERE run_id = ? RETURNING attempt, step, strikes""",
        (worker, now + lease, now, run_id),
    )[0]
    exact = same_bits(store, run_id, worker)
    store.execute(
        """INSERT INTO attempts (run_id, attempt, worker, environment, started, start_step, exact)
           SELECT ?, ?, id, environment, ?, ?, ? FROM workers WHERE id = ?""",
        (run_id, attempt["attempt"], now, attempt["step"], exact, worker),
    )
    run = store.rows(
        """SELECT spec, shape, total,
                  (SELECT label FROM labels WHERE run_id = runs.run_id ORDER BY study LIMIT 1) AS label
           FROM runs WHERE run_id = ?""",
        (run_id,),
    )[0]
    return Claim(
        run_id=run_id,
        attempt=attempt["attempt"],
        worker=worker,
        spec=json.loads(run["spec"]),
        shape=run["shape"],
        label=run["label"],
        total=run["total"],
        step=attempt["step"],
        strikes=attempt["strikes"],
        exact=exact,
    )


def update_held(store: Store, held: Holding, assignments: str, values: dict[str, Any]) -> None:
    """Change a job inside the caller's transaction. Raises LeaseLost if this attempt does not hold it."""
    if not _update_if_held(store, held, assignments, values):
        raise LeaseLost(
            f"run {held.run_id} is no longer held by attempt {held.attempt} of this worker: "
            "it was cancelled, or rescued after its lease had expired"
        )


def _update_if_held(store: Store, held: Holding, assignments: str, values: dict[str, Any]) -> bool:
    """Change a job if run, attempt and worker are still these (the fence); return whether they are."""
    changed = store.execute(
        f"""UPDATE jobs SET {assignments}
            WHERE run_id = :run_id AND attempt = :attempt AND worker = :worker AND status = 'running'""",
        {**values, "run_id": held.run_id, "attempt": held.attempt, "worker": held.worker},
    )
    return changed == 1


def end_attempt(store: Store, held: Holding, ended_as: str, step: int, now: float, error: str | None = None) -> None:
    """Close the row of an attempt inside the caller's transaction. step: the last step that it reached."""
    store.execute(
        """UPDATE attempts SET ended = ?, ended_as = ?, end_step = ?, error = ?
           WHERE run_id = ? AND attempt = ?""",
        (now, ended_as, step, error, held.run_id, held.attempt),
    )


def beat(
    store: Store, worker: str, held: Iterable[tuple[Holding, int]], now: float, lease: float, extend: bool
) -> set[str]:
    """Record that a worker is alive and the step of each run; return the ids of the runs that it still holds.

    held: each run with its step. extend: whether the leases are extended to now + lease. A worker that makes no
    progress should let them expire.
    """
    still: set[str] = set()
    with store.transaction():
        store.execute("UPDATE workers SET beat_at = ? WHERE id = ?", (now, worker))
        for holding, step in held:
            if _update_if_held(
                store,
                holding,
                """lease_until = CASE WHEN :extend THEN :until ELSE lease_until END,
                   progress_at = CASE WHEN :step > step THEN :now ELSE progress_at END,
                   step = :step""",
                {"extend": extend, "until": now + lease, "step": step, "now": now},
            ):
                still.add(holding.run_id)
    return still


def pending(store: Store, wanted: Wanted = ALL) -> bool:
    """Return whether any wanted job is running, or queued to be taken (due or not). Fast for any number of jobs."""
    condition = wanted.condition("jobs.run_id")
    return bool(
        store.value(
            f"""SELECT EXISTS (SELECT 1 FROM jobs WHERE {packs.QUEUED} AND {condition})
                   OR EXISTS (SELECT 1 FROM jobs WHERE status = 'running' AND {condition})""",
            wanted.values,
        )
    )


def release(store: Store, held: Holding, now: float) -> None:
    """Put a run back into the queue without a strike, after a drain. Raises LeaseLost."""
    with store.transaction():
        _end_without_result(store, held, "released", None, now)


def postpone(store: Store, held: Holding, reason: str, now: float, wait: float) -> None:
    """Put a run back into the queue without a strike, to be claimed after `wait` seconds. Raises LeaseLost.

    reason: why it cannot be worked on now, which is kept.
    """
    with store.transaction():
        _end_without_result(store, held, "released", reason, now, not_before=now + wait)


def release_from(store: Store, workers: Iterable[str], now: float) -> list[Holding]:
    """Put all runs of these workers back into the queue without a strike, and mark the workers as ended.

    Return what they held. This is for workers that end for a reason that has nothing to do with their runs: the user
    ends them, or the machine goes down.
    """
    ids = to_json(sorted(workers))
    with store.transaction():
        _mark_ended(store, ids, now)
        jobs = store.rows(
            """SELECT run_id, attempt, worker FROM jobs WHERE status = 'running'
               AND worker IN (SELECT value FROM json_each(?)) ORDER BY seq""",
            (ids,),
        )
        released = [Holding(**job) for job in jobs]
        for held in released:
            _end_without_result(store, held, "released", None, now)
    return released


def fail(store: Store, held: Holding, error: str, now: float, limit: int, backoff: Backoff) -> str:
    """End an attempt that raised an exception, with a strike. Return the new status, queued or failed.

    error: the traceback, which is kept. limit: number of strikes at which the run fails. Raises LeaseLost.
    """
    with store.transaction():
        status, _ = _strike(store, held, "failed", error, now, limit, backoff)
    return status


def rescue(store: Store, now: float, dead_workers: Iterable[str], limit: int, backoff: Backoff) -> list[Rescued]:
    """Take runs away from dead workers, and runs whose lease has expired; each gets a strike.

    dead_workers: ids of workers whose process is known to be gone; they are marked as ended. limit: number of strikes
    at which a run is quarantined. After a clock was set back, leases last no longer than before: see `_shift_leases`.
    """
    dead = sorted(dead_workers)
    with store.transaction():
        _mark_ended(store, to_json(dead), now)
        _shift_leases(store, now)
        jobs = store.rows(
            """SELECT run_id, attempt, worker FROM jobs WHERE status = 'running'
               AND (lease_until < ? OR worker IN (SELECT value FROM json_each(?))) ORDER BY seq""",
            (now, to_json(dead)),
        )
        rescued = []
        for held in (Holding(**job) for job in jobs):
            ended_as = "crashed" if held.worker in dead else "lost"
            error = "the worker died" if ended_as == "crashed" else "no heartbeat until the lease ended"
            status, strikes = _strike(store, held, ended_as, error, now, limit, backoff)
            rescued.append(Rescued(held.run_id, held.attempt, held.worker, ended_as, strikes, status))
    return rescued


def _shift_leases(store: Store, now: float) -> None:
    """Shift the leases whose holders gave their last sign of life in the future, as if they had given it now.

    Otherwise a run of a worker that hangs, or of one on a machine that is down, would wait for as long as the clock was
    set back. A worker that lives extends its leases at its next beat.
    """
    # A beat extends the leases beyond it. A beat that is later than the lease was made before the clock was set
    # back, and says nothing of a lease that began afterwards.
    beat_at = "(SELECT beat_at FROM workers WHERE id = jobs.worker AND beat_at < jobs.lease_until)"
    sign_of_life = f"max(progress_at, coalesce({beat_at}, progress_at))"
    times = {"now": now, "latest": now + CLOCK_TOLERANCE}
    store.execute(
        f"""UPDATE jobs SET lease_until = lease_until - ({sign_of_life} - :now), progress_at = min(progress_at, :now)
            WHERE status = 'running' AND {sign_of_life} > :latest""",
        times,
    )
    store.execute("UPDATE workers SET beat_at = :now WHERE ended IS NULL AND beat_at > :latest", times)


def _mark_ended(store: Store, workers: str, now: float) -> None:
    """Mark workers as ended. workers: their ids, as a JSON array."""
    store.execute(
        "UPDATE workers SET ended = ? WHERE ended IS NULL AND id IN (SELECT value FROM json_each(?))", (now, workers)
    )


def cancel(store: Store, run_ids: Iterable[str], now: float) -> list[str]:
    """Cancel the runs that are queued or running, leave the others alone; return the ids of the cancelled ones.

    The worker of a running run notices at its next beat or commit.
    """
    ids = to_json(list(run_ids))
    with store.transaction():
        running = store.rows(
            """SELECT run_id, attempt, worker, step FROM jobs
               WHERE status = 'running' AND run_id IN (SELECT value FROM json_each(?))""",
            (ids,),
        )
        for job in running:
            held = Holding(job["run_id"], job["attempt"], job["worker"])
            end_attempt(store, held, "cancelled", job["step"], now)
        cancelled = store.rows(
            """UPDATE jobs SET status = 'cancelled', worker = NULL, lease_until = NULL
               WHERE status IN ('queued', 'running') AND run_id IN (SELECT value FROM json_each(?))
               RETURNING run_id""",
            (ids,),
        )
    return [row["run_id"] for row in cancelled]


def retry(store: Store, run_ids: Iterable[str] | None = None) -> list[str]:
    """Queue the runs again that failed, were quarantined or cancelled; return their ids.

    run_ids: None means all runs that failed or were quarantined, but not those that were cancelled.
    """
    if run_ids is None:
        condition, ids = "status IN ('failed', 'quarantined')", []
    else:
        condition, ids = "status IN ('failed', 'quarantined', 'cancelled')", list(run_ids)
        condition += " AND run_id IN (SELECT value FROM json_each(:ids))"
    with store.transaction():
        queued = store.rows(
            f"""UPDATE jobs SET status = 'queued', strikes = 0, not_before = 0, error = NULL
                WHERE {condition} RETURNING run_id""",
            {"ids": to_json(ids)},
        )
    return [row["run_id"] for row in queued]


def _end_without_result(
    store: Store,
    held: Holding,
    ended_as: str,
    error: str | None,
    now: float,
    status: str = "queued",
    strikes: int | None = None,
    not_before: float = 0.0,
) -> None:
    """End an attempt that did not finish its run; the job's step becomes that of its newest checkpoint.

    strikes: None leaves their number as it is. Raises LeaseLost.
    """
    reached = store.value("SELECT step FROM jobs WHERE run_id = ?", (held.run_id,))
    update_held(
        store,
        held,
        f"""status = :status, worker = NULL, lease_until = NULL, not_before = :not_before,
            strikes = coalesce(:strikes, strikes), error = coalesce(:error, error), step = {CHECKPOINTED}""",
        {"status": status, "not_before": not_before, "strikes": strikes, "error": error},
    )
    end_attempt(store, held, ended_as, reached, now, error)


def _strike(
    store: Store, held: Holding, ended_as: str, error: str, now: float, limit: int, backoff: Backoff
) -> tuple[str, int]:
    """End an attempt with a strike. Return the new status and the strikes so far."""
    strikes = 1 + store.value("SELECT strikes FROM jobs WHERE run_id = ?", (held.run_id,))
    status = "queued"
    if strikes >= limit:
        status = "failed" if ended_as == "failed" else "quarantined"
    _end_without_result(store, held, ended_as, error, now, status, strikes, now + backoff(strikes))
    return status, strikes
