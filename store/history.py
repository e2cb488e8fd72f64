"""The results of checks: numbers and arrays at a step of a run. Rows are added and never changed.

Rows are added together with a checkpoint (`commits.commit`), and removed only when a run is taken back to an earlier
checkpoint (`commits.rewind`). The database itself refuses a second row for the same run and step, and any update.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from store.connection import Store
from store.encoding import Array, finite, from_json, pack_arrays, to_json, unpack_arrays
from store.errors import Conflict


class HistoryRow(Protocol):
    """The results of one check of one run. The caller brings a class of its own with these properties."""

    @property
    def step(self) -> int:
        """Updates done at the time of the check."""
        ...

    @property
    def scalars(self) -> Mapping[str, float | int | None]:
        """Numbers by name; non-finite ones are stored as null."""
        ...

    @property
    def traces(self) -> Mapping[str, Array]:
        """Arrays of numbers or booleans by name, of any shape."""
        ...


@dataclass(frozen=True)
class History:
    """All N rows of one run, oldest first; every array and list below has one entry for each row."""

    steps: npt.NDArray[np.int64]  # (N,)
    scalars: dict[str, npt.NDArray[np.float64]]  # (N,) each, NaN if a row has no finite number of this name
    traces: dict[str, list[Array | None]]  # empty unless asked for; None if a row has no trace of this name


def append(store: Store, run_id: str, attempt: int, rows: Sequence[HistoryRow], at: float) -> None:
    """Add rows inside the caller's transaction.

    Raises Conflict unless the steps are in ascending order and come after the newest row that is kept.
    """
    newest = store.value("SELECT max(step) FROM history WHERE run_id = ?", (run_id,))
    for row in rows:
        if newest is not None and row.step <= newest:
            raise Conflict(f"history of {run_id} already goes up to step {newest}: no row can be added for {row.step}")
        newest = row.step
    store.execute_many(
        "INSERT INTO history (run_id, step, attempt, at, scalars, traces) VALUES (?, ?, ?, ?, ?, ?)",
        [(run_id, row.step, attempt, at, to_json(finite(dict(row.scalars))), pack_arrays(row.traces)) for row in rows],
    )


def read(store: Store, run_ids: Iterable[str], traces: bool = False) -> dict[str, History]:
    """Return the history of each of the runs; runs without a row are left out."""
    rows = store.rows(
        f"""SELECT run_id, step, scalars, {"traces" if traces else "NULL AS traces"} FROM history
            WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY run_id, step""",
        (to_json(list(run_ids)),),
    )
    by_run: dict[str, list[sqlite3.Row]] = {}
    for row in rows:
        by_run.setdefault(row["run_id"], []).append(row)
    return {run_id: _history(rows_of_run) for run_id, rows_of_run in by_run.items()}


def _history(rows: list[sqlite3.Row]) -> History:
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


def _names(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Return all keys of the rows, in the order of their first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))
