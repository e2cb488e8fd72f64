"""Runs with results, without training: attempts, histories and summaries as training would leave them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store import Store, checkpoints, commits, queries, queue, workers
from tests.checks import CheckRow

FLOOR, CHANCE = 1.386, 0.75


def finish(
    store: Store, losses: dict[str, float | None], outcome: str = "budget", traces: Mapping[str, Any] | None = None
) -> None:
    """Finish runs with these best losses by label. None: the run diverged before its first loss.

    traces: those of their check.
    """
    workers.start(store, workers.WorkerRecord("w1", "host", "boot", 1, 0.5, "cpu"), {"bits": {"threads": 1}}, 100.0)
    names = {row.run_id: row.label for row in queries.runs_of(store)}
    for _ in names:
        for claim in queue.claim(store, "w1", 100.0, 60.0, lambda shape: 1, 1, 1):
            label = names[claim.run_id]
            if label in losses:
                _commit(store, claim, losses[label], outcome, traces or {})


def _commit(store: Store, claim: queue.Claim, loss: float | None, outcome: str, traces: Mapping[str, Any]) -> None:
    checkpoint = checkpoints.write(
        store.workspace, claim.run_id, claim.attempt, 120, lambda file: file.write(b"weights")
    )
    scalars = {
        "valid_loss": loss,
        "valid_error": 0.5,
        "rho": 1.0,
        "reach": 0.5,
        **({"grad_zero_share": 0.25} if traces else {}),
    }
    summary = {
        "step": 120,
        "best_loss": loss,
        "best_error": None if loss is None else 0.5,
        "best_step": 100,
        "floor": FLOOR,
        "floor_se": 0.0,
        "chance_error": CHANCE,
        "broke_floor_at": 100 if loss is not None and loss < 0.99 * FLOOR else None,
        "seconds": 2.0,
        "last": {"valid_loss": loss, "valid_error": 0.5, "valid_samples": 100},
    }
    rows = [] if loss is None else [CheckRow(120, scalars, traces)]
    commits.commit(store, claim, checkpoint, rows, summary, 110.0, outcome if loss is not None else "diverged")
