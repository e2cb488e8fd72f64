"""What trained runs make of sequences of certain lengths; added once, never changed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from store.connection import Store
from store.encoding import to_json


@dataclass(frozen=True)
class Evaluation:
    """Weights of one run, by their step, on `samples` sequences of one length that `seed` alone decides."""

    run_id: str
    step: int
    length: int
    samples: int
    seed: int
    loss: float  # nan where it is no number
    error: float  # share of wrong answers, in [0, 1]
    floor: float
    chance_error: float
    bytes_per_answer: float | None = None  # of text: what a target stands for, on average


def add(store: Store, evaluations: Sequence[Evaluation], now: float) -> None:
    """Add evaluations; what is known already stays as it is."""
    with store.transaction():
        store.execute_many(
            """INSERT INTO evaluations
               (run_id, step, length, samples, seed, loss, error, floor, chance_error, bytes_per_answer, at)
               VALUES (:run_id, :step, :length, :samples, :seed, :loss, :error, :floor, :chance_error,
                       :bytes_per_answer, :now)
               ON CONFLICT DO NOTHING""",
            [{**vars(e), "loss": e.loss if math.isfinite(e.loss) else None, "now": now} for e in evaluations],
        )


def of_runs(store: Store, run_ids: Iterable[str]) -> list[Evaluation]:
    """All evaluations of the runs, by run, step, length, samples and seed."""
    rows = store.rows(
        """SELECT run_id, step, length, samples, seed, loss, error, floor, chance_error, bytes_per_answer
           FROM evaluations WHERE run_id IN (SELECT value FROM json_each(?))
           ORDER BY run_id, step, length, samples, seed""",
        (to_json(list(run_ids)),),
    )
    return [Evaluation(**{**dict(row), "loss": math.nan if row["loss"] is None else row["loss"]}) for row in rows]
