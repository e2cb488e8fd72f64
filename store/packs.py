"""Which queued jobs are due, and which of them are the next pack.

Runs of equal shape can be trained in one pack. The shape is a text that the caller chooses: the pack key. Jobs of a
higher priority are taken first, and jobs of one priority in the order of registration. `queue.claim` takes them. Runs
that no study shows are not taken: those that the files of their studies no longer name, and those of archived studies.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from store import priorities
from store.connection import Store
from store.membership import shown
from store.wanted import ALL, Wanted

# A job is taken only if some study shows its run.
QUEUED = f"status = 'queued' AND {shown('jobs.run_id')}"

# A job waits until not_before. A wait longer than the longest one comes from a clock that was set back since.
DUE = "(not_before <= :now OR not_before > :now + :longest_wait)"

_TOGETHER = "AND strikes < :alone_from"  # a job that is not to be taken alone


@dataclass(frozen=True)
class Terms:
    """What decides which queued jobs a worker may take now."""

    now: float
    alone_from: int  # a job with this many strikes or more is taken alone
    fair: int = 1  # workers (1 or more) among which the due jobs of a shape are divided
    longest_wait: float = math.inf  # seconds; a job that has to wait for longer is due
    wanted: Wanted = ALL  # jobs of other runs are not taken

    @property
    def condition(self) -> str:
        """The condition of SQL that a job may be taken, for the parameters `values`."""
        return f"{QUEUED} AND {DUE} AND {self.wanted.condition('jobs.run_id')}"

    @property
    def values(self) -> dict[str, Any]:
        """The values of the parameters of the condition, and `alone_from`."""
        times = {"now": self.now, "longest_wait": self.longest_wait}
        return {**times, "alone_from": self.alone_from, **self.wanted.values}


def first(store: Store, terms: Terms, max_pack: Callable[[str], int]) -> list[str]:
    """Return the run ids of the pack of the first job that is due. max_pack: shape -> runs at most."""
    job = next(_in_order(store, terms, "run_id, shape, strikes", "ORDER BY seq", 1), None)
    if job is None:
        return []
    if job["strikes"] >= terms.alone_from:
        return [job["run_id"]]
    return of_shape(store, terms, job["shape"], max_pack(job["shape"]))


def of_shape(store: Store, terms: Terms, shape: str, most: int) -> list[str]:
    """Return the run ids of the next pack of a shape, at most this number."""
    # More jobs than all workers together can take make no difference to the share; reading them would take long.
    limit = most * terms.fair
    rows = _in_order(store, terms, "run_id", f"AND shape = :shape {_TOGETHER} ORDER BY seq", limit, {"shape": shape})
    due = [row["run_id"] for row in islice(rows, limit)]
    return due[: -(-len(due) // terms.fair)]


def due_shapes(store: Store, terms: Terms, most: int) -> list[str]:
    """Return the shapes of the jobs that are due and not to be taken alone, in the order of their first jobs.

    most: how many shapes are returned at most.
    """
    rows = _in_order(store, terms, "shape", f"{_TOGETHER} GROUP BY shape ORDER BY min(seq)", most)
    return list(dict.fromkeys(row["shape"] for row in rows))[:most]


def _in_order(
    store: Store, terms: Terms, columns: str, clauses: str, limit: int, values: Mapping[str, Any] | None = None
) -> Iterator[sqlite3.Row]:
    """Yield rows of due jobs, those of a higher priority first, at most `limit` of each priority.

    clauses: a further condition, and the order of the jobs of one priority. values: of the parameters in it.
    """
    levels = priorities.levels(store)
    at_level = "true" if len(levels) == 1 else priorities.at_level("jobs.run_id")
    for level in levels:
        yield from store.rows(
            f"SELECT {columns} FROM jobs WHERE {at_level} AND {terms.condition} {clauses} LIMIT :limit",
            {**terms.values, **(values or {}), "level": level, "limit": limit},
        )
