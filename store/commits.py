"""Commit a checkpoint together with the history up to its step: both are kept, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from store import checkpoints, history
from store.checkpoints import KEPT, Checkpoint, Resumption
from store.connection import Store
from store.encoding import finite, to_json
from store.errors import LeaseLost
from store.history import HistoryRow
from store.queue import Holding, end_attempt, same_bits, update_held


def commit(
    store: Store,
    held: Holding,
    checkpoint: Checkpoint,
    rows: Sequence[HistoryRow],
    summary: Mapping[str, Any],
    now: float,
    outcome: str | None = None,
) -> None:
    """Add a checkpoint, the history up to its step and the summary so far, in one fenced transaction.

    checkpoint: from `checkpoints.write` in this attempt. rows: in ascending order, after the history that is kept and
    up to the checkpoint's step. summary: a JSON object, which replaces the previous one. outcome: solved, budget,
    early_stop or diverged ends the run as done.

    Raises LeaseLost, and removes the checkpoint's file, if the worker no longer holds the run. After any other
    StoreError nothing is written either, but the file stays, so that the same commit can be tried again.
    """
    assert (checkpoint.run_id, checkpoint.attempt) == (held.run_id, held.attempt), "a checkpoint of another attempt"
    assert all(row.step <= checkpoint.step for row in rows), "history beyond the checkpoint"
    try:
        with store.transaction():
            _update_job(store, held, checkpoint.step, summary, now, outcome)
            checkpoints.add(store, checkpoint, now)
            history.append(store, held.run_id, held.attempt, rows, now)
            if outcome is not None:
                end_attempt(store, held, "done", checkpoint.step, now)
            superseded = _supersede(store, held.run_id)
    except LeaseLost:
        checkpoints.discard(store.workspace, checkpoint)
        raise
    checkpoints.mark_committed(store.workspace, checkpoint)
    for old in superseded:
        checkpoints.discard(store.workspace, old)


def _update_job(
    store: Store, held: Holding, step: int, summary: Mapping[str, Any], now: float, outcome: str | None
) -> None:
    assignments = """
        progress_at = CASE WHEN :step > step THEN :now ELSE progress_at END,
        step = :step,
        summary = :summary,
        strikes = CASE WHEN :step > (SELECT start_step FROM attempts
                                     WHERE run_id = jobs.run_id AND attempt = jobs.attempt)
                       THEN 0 ELSE strikes END"""
    if outcome is not None:
        assignments += """,
        status = 'done', outcome = :outcome, worker = NULL, lease_until = NULL, error = NULL"""
    values = {"step": step, "now": now, "summary": to_json(finite(summary)), "outcome": outcome}
    update_held(store, held, assignments, values)


def _supersede(store: Store, run_id: str) -> list[Checkpoint]:
    """Mark as removed all but the newest checkpoints of a run, and those that were unsound; return them."""
    rows = store.rows(
        """UPDATE checkpoints SET status = 'removed'
           WHERE run_id = :run_id AND status <> 'removed' AND id NOT IN (
               SELECT id FROM checkpoints WHERE run_id = :run_id AND status = 'live'
               ORDER BY step DESC, id DESC LIMIT :kept)
           RETURNING run_id, attempt, step, path, sha256, size""",
        {"run_id": run_id, "kept": KEPT},
    )
    superseded = [Checkpoint(**row) for row in rows]
    for checkpoint in superseded:
        checkpoints.file_of(store.workspace, checkpoint)  # raises before anything is committed or removed
    return superseded


def rewind(store: Store, held: Holding, to: Resumption) -> None:
    """Take a run back to where it can continue, in one fenced transaction. Nothing else removes history.

    History after the checkpoint is removed (all of it, if the run has to start again), checkpoints that were passed
    over are marked as unsound with the reason, and the attempt counts as started there. Raises LeaseLost.
    """
    step = 0 if to.checkpoint is None else to.checkpoint.step
    with store.transaction():
        update_held(store, held, "step = :step", {"step": step})
        store.execute_many(
            "UPDATE checkpoints SET status = 'unsound', reason = ? WHERE path = ?",
            [(passed.reason, passed.checkpoint.path) for passed in to.passed_over],
        )
        store.execute(
            "DELETE FROM history WHERE run_id = ? AND step > ?",
            (held.run_id, -1 if to.checkpoint is None else step),
        )
        # The weights of later steps may become different ones.
        store.execute("DELETE FROM answers WHERE run_id = ? AND step > ?", (held.run_id, step))
        store.execute(
            "UPDATE attempts SET start_step = ?, exact = ? WHERE run_id = ? AND attempt = ?",
            (step, same_bits(store, held.run_id, held.worker), held.run_id, held.attempt),
        )
