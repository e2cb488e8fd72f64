"""Workspaces as earlier versions of the program left them, with rows in every table they had."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from store import Store, migrations

RUNS = [f"r1-old{i}" for i in range(5)]
STATUSES = ("done", "running", "queued", "queued", "failed")
SHAPE = "rnn-tanh-H50-B20-float32-temporal_order-1a2b3c"

# run, step, length, samples, seed, loss, error, floor, chance_error; floats that need all their digits
EVALUATIONS = [
    (RUNS[0], 100, 200, 1000, 2**63 - 1, 0.1 + 0.2, 1 / 3, math.nextafter(1.386, 2.0), 0.75),
    (RUNS[0], 100, 50, 1000, 1, 5e-324, 0.0, 1.7976931348623157e308, 2 / 3),
    (RUNS[0], 40, 50, 1000, 1, None, 1.0, 1.4, 0.75),
    (RUNS[4], 40, 50, 1000, 1, math.inf, 1.0, 1e-300, 0.75),
]
BYTES_PER_ANSWER = (math.pi, None, 1e-7, None)


def build(folder: Path, steps: int) -> Path:
    """Make a workspace that has taken only the first `steps` steps, with rows in all its tables."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "STEPS", dict(list(migrations.STEPS.items())[:steps]))
        patch.setattr(migrations, "SCHEMA", steps)
        with Store.create(folder) as store, store.transaction():
            for first, fill in FILLS.items():
                if first <= steps and not (fill in REPLACED and steps >= REPLACED[fill]):
                    fill(store)
    return folder


def _studies_and_runs(store: Store) -> None:
    store.execute("INSERT INTO studies VALUES (1, 'old', 'about', 'text', 1.0, 1.5)")
    store.execute_many(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?, 1000, 2.0)",
        [(i, run_id, f"c{i}", SHAPE, f'{{"seed":{i}}}') for i, run_id in enumerate(RUNS, start=1)],
    )
    store.execute_many("INSERT INTO labels VALUES (?, 1, ?)", [(run_id, run_id.upper()) for run_id in RUNS])


def _jobs_and_workers(store: Store) -> None:
    store.execute("INSERT INTO environments VALUES ('e', '{}', 'bits')")
    store.execute("INSERT INTO workers VALUES ('w', 'host', 'boot', 1, 0.5, 'cpu', 'e', 3.0, 4.0, NULL)")
    for i, (run_id, status) in enumerate(zip(RUNS, STATUSES, strict=True), start=1):
        outcome = "solved" if status == "done" else None
        worker, lease = ("w", 60.0) if status == "running" else (None, None)
        store.execute(
            """INSERT INTO jobs (seq, run_id, shape, status, outcome, attempt, worker, lease_until, summary)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, '{"best_loss":0.25}')""",
            (i, run_id, SHAPE, status, outcome, 0 if status == "queued" else 1, worker, lease),
        )
    ends = {"done": (5.0, "done"), "failed": (5.0, "failed"), "running": (None, None)}
    store.execute_many(
        """INSERT INTO attempts (run_id, attempt, worker, environment, started, ended, ended_as, start_step, exact)
           VALUES (?, 1, 'w', 'e', 3.5, ?, ?, 0, 1)""",
        [(run_id, *ends[status]) for run_id, status in zip(RUNS, STATUSES, strict=True) if status in ends],
    )


def _history_and_checkpoints(store: Store) -> None:
    store.execute_many(
        "INSERT INTO history VALUES (?, ?, 1, 4.0, ?, ?)",
        [(RUNS[0], step, '{"nll":0.30000000000000004}', b"\x01\x00...") for step in (0, 50, 100)],
    )
    store.execute(
        """INSERT INTO checkpoints (run_id, attempt, step, path, sha256, size, at)
           VALUES (?, 1, 100, ?, 'abc', 7, 5.0)""",
        (RUNS[0], f"checkpoints/{RUNS[0]}/attempt-0001-step-000000100-5f3a09bc.ckpt"),
    )


def _evaluations(store: Store) -> None:
    store.execute_many(
        """INSERT INTO evaluations (run_id, step, length, samples, seed, loss, error, floor, chance_error, at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 7.25)""",
        EVALUATIONS,
    )


def _lineage(store: Store) -> None:
    store.execute("INSERT INTO lineage VALUES (?, ?, 'longer', 1)", (RUNS[1], RUNS[0]))


def _evaluations_of_text(store: Store) -> None:
    store.execute_many(
        "UPDATE evaluations SET bytes_per_answer = ? WHERE run_id = ? AND step = ? AND length = ?",
        [(value, *key[:3]) for value, key in zip(BYTES_PER_ANSWER, EVALUATIONS, strict=True)],
    )


def _answers(store: Store) -> None:
    store.execute(
        "INSERT INTO answers VALUES (?, 'memory', 100, '{}', '{\"loss\":0.30000000000000004}', 8.0)", (RUNS[0],)
    )


def _set_aside(store: Store) -> None:
    store.execute("INSERT INTO set_aside (name, content, reason, at) VALUES ('labels', '{}', 'damaged', 8.5)")


def _marks(store: Store) -> None:
    store.execute("INSERT INTO unnamed (run_id, study, at) VALUES (?, 1, 9.0)", (RUNS[3],))
    store.execute("INSERT INTO archived (study, at) VALUES (1, 9.0)")
    store.execute("INSERT INTO tags (run_id, tag, at) VALUES (?, 'good', 9.0)", (RUNS[0],))
    store.execute("INSERT INTO run_notes (run_id, text, at) VALUES (?, 'a note', 9.0)", (RUNS[0],))
    store.execute("INSERT INTO study_notes (study, text, at) VALUES (1, 'a note', 9.0)")


def _trajectories(store: Store) -> None:
    store.execute("INSERT INTO trajectories (run_id, trajectory) VALUES (?, 't1-a')", (RUNS[0],))
    store.execute(
        "INSERT INTO extensions (run_id, attempt, parent, step, at) VALUES (?, 1, ?, 50, 3.5)", (RUNS[0], RUNS[1])
    )


def _priorities(store: Store) -> None:
    store.execute("INSERT INTO priorities (run_id, priority, at) VALUES (?, 5, 9.0)", (RUNS[0],))


# By the step that brought a table or column; and the step that took it away again.
FILLS = {
    1: _studies_and_runs,
    2: _jobs_and_workers,
    3: _history_and_checkpoints,
    4: _evaluations,
    5: _lineage,
    6: _evaluations_of_text,
    8: _answers,
    10: _set_aside,
    11: _marks,
    12: _trajectories,
    13: _priorities,
}
REPLACED = {_evaluations: 8, _evaluations_of_text: 8}


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query, read without the program."""
    connection = sqlite3.connect(folder / "rnnctl.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def tables(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table of the schema, without the columns that SQLite generates."""
    names = query(folder, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'")
    rows = {}
    for (name,) in names:
        columns = [row[1] for row in query(folder, f"PRAGMA table_info({name})")]
        rows[name] = [
            dict(zip(columns, row, strict=True))
            for row in query(folder, f"SELECT {', '.join(columns)} FROM {name} ORDER BY 1, 2")
        ]
    return rows
