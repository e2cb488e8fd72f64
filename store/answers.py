"""What probes say of trained runs. An answer is added once and never changed: the weights alone decide it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from store.connection import Store
from store.encoding import finite, to_json
from store.verification import read_json, verify_runs


@dataclass(frozen=True)
class Answer:
    """What one probe says of the weights that a run had after `step` updates."""

    run_id: str
    probe: str  # its name
    step: int  # of the weights
    asked: dict[str, Any]  # all that decides the answer, besides the weights; a JSON object
    answer: dict[str, Any]  # a JSON object


def add(store: Store, answers: Iterable[Answer], now: float) -> None:
    """Add answers; where a run, probe, step and question are known already, the first answer stays.

    Non-finite numbers in an answer are kept as null. Raises ValueError if a question contains one, Conflict if a run is
    not registered.
    """
    rows = [(a.run_id, a.probe, a.step, to_json(a.asked), to_json(finite(a.answer)), now) for a in answers]
    with store.transaction():
        store.execute_many(
            """INSERT INTO answers (run_id, probe, step, asked, answer, at) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT (run_id, probe, step, asked) DO NOTHING""",
            rows,
        )


def of_runs(store: Store, run_ids: Iterable[str], probe: str | None = None) -> list[Answer]:
    """Return the answers of runs, of one probe or of all: by run, probe and step, then in the order of adding.

    Raises Damaged if a row is not what was written, or is missing.
    """
    run_ids = list(run_ids)
    verify_runs(store, "answers", run_ids)
    rows = store.rows(
        f"""SELECT run_id, probe, step, asked, answer FROM answers
            WHERE run_id IN (SELECT value FROM json_each(:run_ids)) {"" if probe is None else "AND probe = :probe"}
            ORDER BY run_id, probe, step, rowid""",
        {"run_ids": to_json(run_ids), "probe": probe},
    )
    questions = read_json(store, "answers", (row["asked"] for row in rows))
    answers = read_json(store, "answers", (row["answer"] for row in rows))
    return [
        Answer(row["run_id"], row["probe"], row["step"], asked, answer)
        for row, asked, answer in zip(rows, questions, answers, strict=True)
    ]
