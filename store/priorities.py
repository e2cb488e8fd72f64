"""Which runs are claimed before others. A run has priority 0 unless somebody gave it another one."""

from __future__ import annotations

from dataclasses import dataclass

from store.connection import Store
from store.membership import shown
from store.wanted import Wanted

# A bit that flips in a row must not make the type of a value another one.
_LEVEL = "CAST(priority AS INTEGER)"


@dataclass(frozen=True)
class WaitingRuns:
    """How many queued runs of a study have one priority."""

    priority: int
    study: str
    runs: int


def give(store: Store, wanted: Wanted, priority: int, now: float) -> int:
    """Give a priority to the wanted runs that are not done, in the place of an earlier one; return their number.

    Runs that no study shows (see `store.membership`) are left alone.
    """
    runs = f"""SELECT run_id FROM jobs WHERE status <> 'done' AND {shown("jobs.run_id")}
                   AND {wanted.condition("jobs.run_id")}"""
    with store.transaction():
        count: int = store.value(f"SELECT count(*) FROM ({runs})", wanted.values)
        if priority == 0:
            store.execute(f"DELETE FROM priorities WHERE run_id IN ({runs})", wanted.values)
        else:
            store.execute(
                f"""INSERT INTO priorities (run_id, priority, at)
                    SELECT run_id, :priority, :now FROM ({runs}) WHERE true
                    ON CONFLICT (run_id) DO UPDATE SET priority = excluded.priority, at = excluded.at
                        WHERE priority <> excluded.priority""",
                {**wanted.values, "priority": priority, "now": now},
            )
    return count


def of_run(store: Store, run_id: str) -> int:
    """Return the priority of a run."""
    return store.value(f"SELECT {_LEVEL} FROM priorities WHERE run_id = ?", (run_id,)) or 0


def levels(store: Store) -> list[int]:
    """Return the priorities that runs have, 0 included, in the order in which they are claimed."""
    rows = store.rows(f"SELECT {_LEVEL} AS level FROM priorities UNION SELECT 0 ORDER BY level DESC")
    return [row["level"] for row in rows]


def at_level(run_id: str) -> str:
    """Return the condition that a run has the priority `:level`. run_id: an expression of SQL."""
    own = f"SELECT run_id FROM priorities WHERE {_LEVEL}"
    return f"iif(:level = 0, {run_id} NOT IN ({own} <> 0), {run_id} IN ({own} = :level))"


def waiting(store: Store, hidden: bool = False) -> list[WaitingRuns]:
    """Return how many queued runs of each study have which priority, in the order of claims.

    Empty if none has another priority than 0. hidden: also runs that no study shows (see `store.membership`).
    """
    condition = "true" if hidden else shown("jobs.run_id")
    rows = store.rows(
        f"""SELECT coalesce({_LEVEL}, 0) AS level, studies.name AS study, count(*) AS runs
            FROM jobs LEFT JOIN priorities USING (run_id)
                JOIN studies ON studies.id = (SELECT min(study) FROM labels WHERE labels.run_id = jobs.run_id)
            WHERE status = 'queued' AND {condition}
            GROUP BY level, studies.id ORDER BY level DESC, min(seq)"""
    )
    return [WaitingRuns(*row) for row in rows] if any(row["level"] for row in rows) else []
