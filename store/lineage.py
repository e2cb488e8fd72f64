"""Keep which run was refined from which other one; written together with the study that a refinement makes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from store.connection import Store


@dataclass(frozen=True)
class Descent:
    """A run with the settings of its parent, changed by a variant."""

    run_id: str
    parent: str
    variant: str


@dataclass(frozen=True)
class Descended(Descent):
    """A descent, and the study that the refinement made."""

    study: str


def add(store: Store, study: int, descents: Iterable[Descent]) -> None:
    """Add descents to a study inside the caller's transaction; known ones stay as they are.

    study: the id of its row. Raises Conflict for a run that is not registered, and for one that descends from itself.
    """
    store.execute_many(
        """INSERT INTO lineage (run_id, parent, variant, study) VALUES (?, ?, ?, ?)
           ON CONFLICT (run_id, parent, variant, study) DO NOTHING""",
        [(descent.run_id, descent.parent, descent.variant, study) for descent in descents],
    )


def parents(store: Store, run_id: str) -> list[Descended]:
    """Return the runs that a run was refined from, by study and order of registration."""
    return _descended(store, "run_id", "parent", run_id)


def children(store: Store, run_id: str) -> list[Descended]:
    """Return the runs that were refined from a run, by study and order of registration."""
    return _descended(store, "parent", "run_id", run_id)


def _descended(store: Store, end: str, other: str, run_id: str) -> list[Descended]:
    rows = store.rows(
        f"""SELECT lineage.run_id, parent, variant, studies.name AS study
            FROM lineage JOIN studies ON studies.id = lineage.study JOIN runs ON runs.run_id = lineage.{other}
            WHERE lineage.{end} = ? ORDER BY studies.id, runs.seq, variant""",
        (run_id,),
    )
    return [Descended(**row) for row in rows]
