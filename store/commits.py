"""Commit a checkpoint together with the history up to its step: both are kept, or neither.

Commits of several runs can share a transaction, and so its waits for the disk. Each is still kept or refused by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store import checkpoints, history
from store.checkpoints import KEPT, Checkpoint, Resumption
from store.connection import Store
from store.encoding import finite, to_json
from store.errors import Conflict, Damaged, Foreign, LeaseLost, StoreError, Unwritable
from store.history import EncodedRow, HistoryRow
from store.queue import Holding, end_attempt, update_held
from store.workers import same_bits

# What is wrong with one run only: its lease, its rows, or the place of its files.
_OF_ONE_RUN = (LeaseLost, Conflict, Damaged, Foreign, Unwritable)


@dataclass(frozen=True)
class Save:
    """What is kept of one run at one moment.

    rows: in ascending order, after the history that is kept and up to the checkpoint's step, from `history.encode`.
    summary: a JSON object, which replaces the previous one. outcome: solved, budget, early_stop or diverged ends the
    run as done.
    """

    held: Holding
    checkpoint: Checkpoint  # from `checkpoints.write` in this attempt
    rows: Sequence[EncodedRow]
    summary: Mapping[str, Any]
    now: float
    outcome: str | None = None

    def __post_init__(self) -> None:
        written_by = (self.checkpoint.run_id, self.checkpoint.attempt)
        assert written_by == (self.held.run_id, self.held.attempt), "a checkpoint of another attempt"
        assert all(row.step <= self.checkpoint.step for row in self.rows), "history beyond the checkpoint"


def commit(
    store: Store,
    held: Holding,
    checkpoint: Checkpoint,
    rows: Sequence[HistoryRow],
    summary: Mapping[str, Any],
    now: float,
    outcome: str | None = None,
) -> None:
    """Add a checkpoint, the history up to its step and the summary so far, in one fenced transaction; see `Save`.

    Raises LeaseLost, and removes the checkpoint's file, if the worker no longer holds the run. After any other
    StoreError nothing is written either, but the file stays, so that the same commit can be tried again.
    """
    [refusal] = commit_all(store, [Save(held, checkpoint, history.encode(rows), summary, now, outcome)])
    if refusal is not None:
        raise refusal


def commit_all(store: Store, saves: Sequence[Save]) -> list[StoreError | None]:
    """Do `commit` for each of several runs in one transaction; return what each would have raised, or None.

    An error that concerns one run is returned for it, and the others are kept. Any other StoreError is raised, and
    then nothing is written.
    """
    refusals: list[StoreError | None] = []
    superseded: list[Checkpoint] = []
    with store.transaction():
        for save in saves:
            try:
                with store.savepoint():
                    old = _keep(store, save)
                superseded += old
                refusals.append(None)
            except _OF_ONE_RUN as error:
                refusals.append(error)
    for save, refusal in zip(saves, refusals, strict=True):
        if refusal is None:
            checkpoints.mark_committed(store.workspace, save.checkpoint)
        elif isinstance(refusal, LeaseLost):
            checkpoints.discard(store.workspace, save.checkpoint)
    for checkpoint in superseded:
        checkpoints.discard(store.workspace, checkpoint)
    return refusals


def _keep(store: Store, save: Save) -> list[Checkpoint]:
    """Write the rows of one commit, and return the checkpoints that it replaces."""
    _update_job(store, save.held, save.checkpoint.step, save.summary, save.now, save.outcome)
    checkpoints.add(store, save.checkpoint, save.now)
    history.append(store, save.held.run_id, save.held.attempt, save.rows, save.now)
    if save.outcome is not None:
        end_attempt(store, save.held, "done", save.checkpoint.step, save.now)
    return _supersede(store, save.held.run_id)


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
