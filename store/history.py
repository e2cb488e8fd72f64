"""The rows that checks leave: numbers and arrays at a step of a run. They are added, and never changed.

A row is added together with a checkpoint (`commits.commit`), and rows are removed only together with a return
to an earlier checkpoint (`commits.rewind`). The database itself refuses a second row for the same run and
step, and any update.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from store.connection import Store
from store.encoding import finite, from_json, pack_arrays, to_json, unpack_arrays
from store.errors import Conflict


class HistoryRow(Protocol):
    """What one check of one run found: any object that has these. Who checks brings a class of its own."""

    @property
    def step(self) -> int:
        """Updates done when it was taken."""
        ...

    @property
    def scalars(self) -> Mapping[str, float | int | None]:
        """Numbers; those that are not finite are kept as None."""
        ...

    @property
    def traces(self) -> Mapping[str, np.ndarray]:
        """Arrays of numbers or booleans, of any shape."""
        ...


@dataclass(frozen=True)
class History:
    """All rows of one run, oldest first; every entry below has one value for each step."""

    steps: np.ndarray  # (N,) int64
    scalars: dict[str, np.ndarray]  # (N,) float64 each, NaN where a row has no number
    traces: dict[str, list[np.ndarray | None]]  # empty unless asked for; None where a row has no such trace


def append(store: Store, run_id: str, attempt: int, rows: Sequence[HistoryRow], at: float) -> None:
    """Add rows inside the caller's transaction.

    Raises Conflict unless their steps ascend, and begin beyond the newest row that is kept.
    """
    newest = store.value("SELECT max(step) FROM history WHERE run_id = ?", (run_id,))
    for row in rows:
        if newest is not None and row.step <= newest:
            raise Conflict(f"history of {run_id} goes up to step {newest} already: no row can be added for {row.step}")
        newest = row.step
    store.execute_many(
        "INSERT INTO history (run_id, step, attempt, at, scalars, traces) VALUES (?, ?, ?, ?, ?, ?)",
        [(run_id, row.step, attempt, at, to_json(finite(dict(row.scalars))), pack_arrays(row.traces)) for row in rows],
    )


def read(store: Store, run_ids: Iterable[str], traces: bool = False) -> dict[str, History]:
    """The history of each of the runs; runs without any row are left out."""
    rows = store.rows(
        f"""SELECT run_id, step, scalars, {"traces" if traces else "NULL AS traces"} FROM history
            WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY run_id, step""",
        (to_json(list(run_ids)),),
    )
    by_run: dict[str, list] = {}
    for row in rows:
        by_run.setdefault(row["run_id"], []).append(row)
    return {run_id: _history(of_run) for run_id, of_run in by_run.items()}


def _history(rows: list) -> History:
    scalars = from_json(row["scalars"] for row in rows)
    traces = [unpack_arrays(row["traces"]) for row in rows]
    return History(
        steps=np.array([row["step"] for row in rows], dtype=np.int64),
        scalars={
            name: np.array([values.get(name) for values in scalars], dtype=np.float64)  # None becomes NaN
            for name in _names(scalars)
        },
        traces={name: [arrays.get(name) for arrays in traces] for name in _names(traces)},
    )


def _names(rows: list[dict]) -> list[str]:
    """Every key of any of the rows, in the order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))
