"""Which queued jobs are due, and which of them are the next pack.

Runs of equal shape can be trained in one pack. The shape is a text that the caller chooses: the pack key. Jobs are
taken in the order of registration. `queue.claim` takes them. Runs that no study shows are not taken: those that the
files of their studies no longer name, and those of archived studies. `wanted` leaves out further runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from store.connection import Store
from store.membership import shown
from store.wanted import ALL, Wanted

# A job is taken only if some study shows its run.
QUEUED = f"status = 'queued' AND {shown('jobs.run_id')}"

# A job waits until not_before. A wait longer than the longest one comes from a clock that was set back since.
DUE = "(not_before <= :now OR not_before > :now + :longest_wait)"


def first(
    store: Store,
    max_pack: Callable[[str], int],
    fair: int,
    alone_from: int,
    now: float,
    longest_wait: float,
    wanted: Wanted = ALL,
) -> list[str]:
    """Return the run ids of the pack of the first job that is due."""
    job = store.row(
        f"""SELECT run_id, shape, strikes FROM jobs WHERE {QUEUED} AND {DUE} AND {wanted.condition("jobs.run_id")}
            ORDER BY seq LIMIT 1""",
        {"now": now, "longest_wait": longest_wait, **wanted.values},
    )
    if job is None:
        return []
    if job["strikes"] >= alone_from:
        return [job["run_id"]]
    return of_shape(store, job["shape"], max_pack(job["shape"]), fair, alone_from, now, longest_wait, wanted)


def of_shape(
    store: Store,
    shape: str,
    most: int,
    fair: int,
    alone_from: int,
    now: float,
    longest_wait: float,
    wanted: Wanted = ALL,
) -> list[str]:
    """Return the run ids of the next pack of a shape."""
    # More jobs than all workers together can take make no difference to the share; reading them would take long.
    due = store.rows(
        f"""SELECT run_id FROM jobs
            WHERE {QUEUED} AND shape = :shape AND strikes < :alone_from AND {DUE}
                AND {wanted.condition("jobs.run_id")}
            ORDER BY seq LIMIT :limit""",
        {
            "shape": shape,
            "alone_from": alone_from,
            "now": now,
            "longest_wait": longest_wait,
            "limit": most * fair,
            **wanted.values,
        },
    )
    share = -(-len(due) // fair)
    return [row["run_id"] for row in due[:share]]


def due_shapes(
    store: Store, now: float, alone_from: int, most: int, longest_wait: float = math.inf, wanted: Wanted = ALL
) -> list[str]:
    """Return the shapes of the jobs that are due and not to be taken alone, in the order of their first jobs.

    most: how many shapes are returned at most. longest_wait: as in `queue.claim`.
    """
    rows = store.rows(
        f"""SELECT shape FROM jobs WHERE {QUEUED} AND strikes < :alone_from AND {DUE}
                AND {wanted.condition("jobs.run_id")}
            GROUP BY shape ORDER BY min(seq) LIMIT :most""",
        {"alone_from": alone_from, "now": now, "longest_wait": longest_wait, "most": most, **wanted.values},
    )
    return [row["shape"] for row in rows]
