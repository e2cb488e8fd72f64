"""What a word that a user types stands for: runs, or a study."""

from __future__ import annotations

from store.connection import Store
from store.errors import NotFound
from store.membership import SHOWN
from store.queries import studies


def resolve_runs(store: Store, name: str) -> list[str]:
    """Return the ids of the runs that a user's word stands for, in the order of registration.

    The word is tried in this order: a run id, study/label, a label in any study that shows the run, a label in any
    other, the beginning of a run id. Raises NotFound with all names that a run can be found by.
    """
    rows = store.rows(
        f"""SELECT DISTINCT run_id, seq, CASE WHEN run_id = :name THEN 1
                                              WHEN studies.name || '/' || label = :name THEN 2
                                              WHEN label = :name THEN iif({SHOWN}, 3, 4)
                                              WHEN instr(run_id, :name) = 1 THEN 5 END AS fit
            FROM labels JOIN studies ON studies.id = labels.study JOIN runs USING (run_id)
            WHERE fit IS NOT NULL ORDER BY fit, seq""",
        {"name": name},
    )
    if rows and name:
        return [row["run_id"] for row in rows if row["fit"] == rows[0]["fit"]]
    words = store.rows(
        """SELECT DISTINCT label FROM labels UNION SELECT run_id FROM runs
           UNION SELECT studies.name || '/' || label FROM labels JOIN studies ON studies.id = labels.study"""
    )
    raise NotFound("run", name, [row[0] for row in words])


def resolve_study(store: Store, name: str) -> str:
    """Return the name if a study has it. Raises NotFound with the names of all studies."""
    names = [study.name for study in studies(store)]
    if name in names:
        return name
    raise NotFound("study", name, names)
