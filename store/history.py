"""The results of checks: numbers and arrays at a step of a run. Rows are added and never changed.

Rows are added together with a checkpoint (`commits.commit`), and removed only when a run is taken back to an earlier
checkpoint (`commits.rewind`). The database itself refuses a second row for the same run and step, and any update.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from store.arrays import Array, pack_arrays, unpack_arrays
from store.connection import Store
from store.encoding import finite, to_json
from store.errors import REPAIR, Conflict, Damaged
from store.sums import row_sum
from store.verification import read_json, verify_runs


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


EMPTY = History(np.empty(0, np.int64), {}, {})


@dataclass(frozen=True)
class EncodedRow:
    """A row as the database keeps it. scalars: a JSON object. traces: see `store.arrays`; None if there are none."""

    step: int
    scalars: str
    traces: bytes | None


def encode(rows: Iterable[HistoryRow]) -> list[EncodedRow]:
    """Return rows as `append` takes them.

    Packing arrays takes longer than writing them, so that it is done before the transaction, and by the worker where
    another process writes. Raises ValueError for arrays that cannot be stored.
    """
    return [EncodedRow(row.step, to_json(finite(dict(row.scalars))), pack_arrays(row.traces)) for row in rows]


def append(store: Store, run_id: str, attempt: int, rows: Sequence[EncodedRow], at: float) -> None:
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
        [(run_id, row.step, attempt, at, row.scalars, row.traces) for row in rows],
    )


def copy(store: Store, source: str, up_to: int, run_id: str, attempt: int) -> None:
    """Copy the rows of a run up to a step to another run that has none, inside the caller's transaction.

    The rows must be sound (`verification.verify_runs`): copies of damaged ones would get the sums of what they became.
    """
    store.execute(
        """INSERT INTO history (run_id, step, attempt, at, scalars, traces)
           SELECT ?, step, ?, at, scalars, traces FROM history WHERE run_id = ? AND step <= ? ORDER BY step""",
        (run_id, attempt, source, up_to),
    )


def read(store: Store, run_ids: Iterable[str], traces: bool = False) -> dict[str, History]:
    """Return the history of each of the runs; runs without a row are left out.

    Raises Damaged if a row is not what was written, or is missing.
    """
    ids = list(run_ids)
    try:
        by_run = _rows(store, ids, traces)
    except Damaged:
        verify_runs(store, "history", ids)  # raises an error that names the row
        raise
    return {run_id: _history(store, rows) for run_id, rows in by_run.items()}


def shares_below(store: Store, name: str, limits: Mapping[str, float]) -> dict[str, float]:
    """Return, by run, the share of its checks after updates whose scalar of this name is below the run's limit.

    limits: by run id. Runs without such a check are left out. A check without a finite number is not below. The rows
    must be sound (`verification.verify_runs`).
    """
    rows = store.rows(
        """SELECT run_id, avg(coalesce(json_extract(scalars, '$.' || ?) < value, 0)) AS share
           FROM json_each(?) AS limits JOIN history ON run_id = limits.key WHERE step > 0
           GROUP BY run_id""",
        (name, to_json(dict(limits))),
    )
    return {row["run_id"]: row["share"] for row in rows}


@dataclass(frozen=True)
class StoredCheck:
    """The numbers of one check, the attempt that made it, and when it was stored."""

    step: int
    attempt: int
    at: float
    scalars: Mapping[str, float | None]


def checks_of(store: Store, run_id: str) -> list[StoredCheck]:
    """Return the checks of a run, oldest first. Raises Damaged if a row is not what was written, or is missing."""
    try:
        rows = _rows(store, [run_id], False).get(run_id, [])
    except Damaged:
        verify_runs(store, "history", [run_id])  # raises an error that names the row
        raise
    scalars = read_json(store, "history", (row["scalars"] for row in rows))
    return [
        StoredCheck(row["step"], row["attempt"], row["at"], values) for row, values in zip(rows, scalars, strict=True)
    ]


@dataclass(frozen=True)
class TracedRow:
    """The newest row of a run that has traces."""

    step: int
    scalars: Mapping[str, float | None]
    traces: Mapping[str, Array]


def newest_traced(store: Store, run_ids: Iterable[str], names: Collection[str] | None = None) -> dict[str, TracedRow]:
    """Return the newest row with traces, by run. Runs without one are left out.

    names: of the traces that are wanted, if not all are. The rows must be sound, all of them, but for traces of which
    they have a sum: a damaged step may look like the newest. Either verify them before (`verification.verify_runs`), or
    `read` them too. Raises Damaged if what is returned is not what was written.
    """
    run_ids = list(run_ids)
    # By their sum, because it says what the traces were, and most of them need not be read.
    rows = store.rows(
        """SELECT run_id, max(step) AS step, scalars, traces, traces_sum FROM history
           WHERE run_id IN (SELECT value FROM json_each(?)) AND traces_sum <> ? GROUP BY run_id""",
        (to_json(run_ids), row_sum(None)),
    )
    if any(row_sum(row["traces"]) != row["traces_sum"] for row in rows):
        verify_runs(store, "history", run_ids)  # raises an error that names the row
        raise _damaged(store)
    scalars = read_json(store, "history", (row["scalars"] for row in rows))
    return {
        row["run_id"]: TracedRow(row["step"], values, unpack_arrays(row["traces"], names))
        for row, values in zip(rows, scalars, strict=True)
    }


def _rows(store: Store, run_ids: Sequence[str], traces: bool) -> dict[str, list[sqlite3.Row]]:
    """Return the rows of each run, with all columns that `History` needs. Raises Damaged."""
    rows = store.rows(
        f"""SELECT jobs.run_id, history.step, history.attempt, at, scalars, history.sum, checks,
                   {"traces_sum, traces" if traces else "NULL, NULL AS traces"}
            FROM jobs LEFT JOIN history ON history.run_id = jobs.run_id
            WHERE jobs.run_id IN (SELECT value FROM json_each(?)) ORDER BY jobs.run_id, history.step""",
        (to_json(run_ids),),
    )
    by_run: dict[str, list[sqlite3.Row]] = {}
    damaged = False
    for row in rows:
        run_id, step, attempt, at, scalars, sum_of_row, checks, traces_sum, packed = row
        if step is None:  # the run has no history
            damaged |= checks > 0
        elif row_sum(run_id, step, attempt, at, scalars) != sum_of_row or (traces and row_sum(packed) != traces_sum):
            damaged = True
        else:
            by_run.setdefault(run_id, []).append(row)
    if damaged or any(len(of_run) != of_run[0]["checks"] for of_run in by_run.values()):
        raise _damaged(store)
    return by_run


def _damaged(store: Store) -> Damaged:
    return Damaged(f"the history in {store.workspace.database} is damaged; {REPAIR}")


def _history(store: Store, rows: list[sqlite3.Row]) -> History:
    scalars = read_json(store, "history", (row["scalars"] for row in rows))
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
    """Return all keys of the rows, in alphabetical order: that of update 0 has fewer than the others."""
    return sorted({name for row in rows for name in row})
