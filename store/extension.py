"""Let runs go on from others. Where a run began is read by `store.origins`.

Runs of one trajectory compute the same until they end; what that means is the caller's knowledge. A run that has no
checkpoint yet can take over one of another run, with the history up to it. It gets copies of its own, so that it does
not depend on the other run afterwards. Where it began is kept for each attempt that began so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store import checkpoints, history
from store.checkpoints import Checkpoint
from store.connection import Store
from store.encoding import finite, to_json
from store.errors import Damaged, LeaseLost, StoreError
from store.history import History
from store.queue import Claim, Holding, update_held
from store.verification import name_of, read_json, verify_claim, verify_runs

MOST = 4  # checkpoints of other runs that are offered


@dataclass(frozen=True)
class Relative:
    """A sound checkpoint of another run that has the same trajectory and the same bits."""

    source: Checkpoint
    checkpoint: Path  # its file
    name: str  # of the run in the first study that has it
    spec: dict[str, Any]  # of the run
    history: History  # of the run, also after the checkpoint

    @property
    def run_id(self) -> str:
        """The id of the other run."""
        return self.source.run_id


def relatives(store: Store, claim: Claim, trajectory: str) -> list[Relative]:
    """Return checkpoints that a claimed run may begin at, newest first.

    They are those of other runs with this trajectory, at no more updates than the run will have, all of whose attempts
    had the bits of the worker's environment. Runs whose rows are damaged and files that are not sound are left out.
    """
    rows = store.rows(
        # Only what the conditions compare and ids: other columns of a damaged row may not even be readable.
        """SELECT run_id, checkpoints.id
           FROM trajectories JOIN checkpoints USING (run_id) JOIN runs USING (run_id)
               JOIN attempts USING (run_id, attempt) JOIN environments ON environments.id = attempts.environment
           WHERE trajectory = :trajectory AND run_id <> :run_id AND checkpoints.status = 'live'
               AND checkpoints.step BETWEEN 1 AND :total
               AND bits = (SELECT bits FROM environments JOIN workers ON workers.environment = environments.id
                           WHERE workers.id = :worker)
               AND NOT EXISTS (SELECT 1 FROM attempts AS any WHERE any.run_id = runs.run_id AND NOT exact)
           ORDER BY checkpoints.step DESC, checkpoints.id DESC LIMIT :most""",
        {
            "trajectory": trajectory,
            "run_id": claim.run_id,
            "total": claim.total,
            "worker": claim.worker,
            "most": MOST,
        },
    )
    candidates = (_relative(store, run_id, checkpoint) for run_id, checkpoint in rows)
    return [relative for relative in candidates if relative is not None]


def _relative(store: Store, run_id: str, checkpoint_id: int) -> Relative | None:
    """Return a checkpoint of a run; None if it is gone, or if the run's rows or the file are not what was written."""
    try:
        verify_claim(store, run_id)
        past = history.read(store, [run_id]).get(run_id, history.EMPTY)
        row = store.row(
            """SELECT run_id, attempt, step, path, sha256, size, spec FROM checkpoints JOIN runs USING (run_id)
               WHERE checkpoints.id = ?""",
            (checkpoint_id,),
        )
        if row is None:
            return None
        *columns, text = row
        (spec,) = read_json(store, "runs", [text])
    except Damaged:
        return None
    source = Checkpoint(*columns)
    try:
        if checkpoints.unsoundness(store.workspace, source) is not None:
            return None
        file = checkpoints.file_of(store.workspace, source)
    except StoreError:  # the file cannot be read, or is not one of ours
        return None
    return Relative(source, file, name_of(store, run_id), spec, past)


@dataclass(frozen=True)
class Unfit:
    """A damaged checkpoint of another run, at which a run could have begun."""

    run: str  # the id of the other run
    name: str  # of the other run in the first study that has it
    step: int
    reason: str  # why it is damaged


def unfit(store: Store, run_id: str) -> list[Unfit]:
    """Return the damaged checkpoints at which a run with an attempt could have begun, newest first.

    They are those of other runs of its trajectory that were trained with the same bits, beyond where it did begin.
    """
    rows = store.rows(
        f"""SELECT run_id, checkpoints.id
            FROM trajectories JOIN checkpoints USING (run_id)
                JOIN attempts USING (run_id, attempt) JOIN environments ON environments.id = attempts.environment
            WHERE trajectory = (SELECT trajectory FROM trajectories WHERE run_id = :run_id) AND run_id <> :run_id
                AND checkpoints.status = 'live'
                AND checkpoints.step <= (SELECT total FROM runs WHERE run_id = :run_id)
                AND checkpoints.step > (SELECT coalesce(max(step), 0) FROM extensions WHERE run_id = :run_id)
                AND bits IN (SELECT bits FROM attempts JOIN environments ON environments.id = attempts.environment
                             WHERE run_id = :run_id)
            ORDER BY checkpoints.step DESC, checkpoints.id DESC LIMIT {MOST}""",
        {"run_id": run_id},
    )
    found = (_unfit(store, other, checkpoint) for other, checkpoint in rows)
    return [damaged for damaged in found if damaged is not None]


def _unfit(store: Store, run_id: str, checkpoint_id: int) -> Unfit | None:
    """Return a checkpoint of a run as a damaged one; None if it is sound, is gone, or cannot be read at the moment."""
    step = store.value("SELECT step FROM checkpoints WHERE id = ?", (checkpoint_id,))
    try:
        sources = [each for each in checkpoints.live(store, run_id) if each.step == step]
        reason = checkpoints.unsoundness(store.workspace, sources[0]) if sources else None
    except Damaged:
        reason = "has damaged rows in the database"
    except StoreError:
        return None
    return None if reason is None else Unfit(run_id, name_of(store, run_id), step, reason)


def extend(
    store: Store,
    held: Holding,
    checkpoint: Checkpoint,
    relative: Relative,
    checked: int,
    summary: Mapping[str, Any],
    now: float,
) -> bool:
    """Let a run that has nothing yet begin where a relative is, in one fenced transaction.

    checkpoint: from `checkpoints.write` in this attempt. checked: the history of the relative is copied up to this
    step. summary: as in `commits.commit`. Return False, and remove the checkpoint's file, if the relative's checkpoint
    was replaced or its history was damaged meanwhile. Raises LeaseLost, and removes the file, if the worker no longer
    holds the run. After any other StoreError nothing is written either, but the file stays.
    """
    try:
        with store.transaction():
            kept = _is_as_it_was(store, relative)
            if kept:
                update_held(
                    store,
                    held,
                    "progress_at = :now, step = :step, summary = :summary",
                    {"now": now, "step": checkpoint.step, "summary": to_json(finite(summary))},
                )
                checkpoints.add(store, checkpoint, now)
                history.copy(store, relative.run_id, checked, held.run_id, held.attempt)
                store.execute(
                    "UPDATE attempts SET start_step = ? WHERE run_id = ? AND attempt = ?",
                    (checkpoint.step, held.run_id, held.attempt),
                )
                store.execute(
                    "INSERT INTO extensions (run_id, attempt, parent, step, at) VALUES (?, ?, ?, ?, ?)",
                    (held.run_id, held.attempt, relative.run_id, checkpoint.step, now),
                )
    except LeaseLost:
        checkpoints.discard(store.workspace, checkpoint)
        raise
    if kept:
        checkpoints.mark_committed(store.workspace, checkpoint)
    else:
        checkpoints.discard(store.workspace, checkpoint)
    return kept


def _is_as_it_was(store: Store, relative: Relative) -> bool:
    """Return whether the run of a relative still has its checkpoint, and its history is what was written."""
    try:
        verify_runs(store, "history", [relative.run_id])
    except Damaged:
        return False
    return checkpoints.is_live(store, relative.source)
