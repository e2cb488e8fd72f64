"""Where runs began that go on from others (`store.extension`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from store.connection import Store
from store.encoding import to_json


@dataclass(frozen=True)
class Origin:
    """A checkpoint of another run, at which a run began."""

    run: str  # the id of the other run, which may have been deleted since
    name: str  # its name in the first study that has it; its id if it was deleted
    step: int


def origins(store: Store, run_ids: Iterable[str] | None = None) -> dict[str, Origin]:
    """Return where runs began, by run id, for those that go on from another one. run_ids: None for all runs.

    The last attempt without a checkpoint of its own to resume from decides.
    """
    rows = store.rows(
        """SELECT run_id, parent, step,
                  coalesce((SELECT studies.name || '/' || label FROM labels JOIN studies ON studies.id = labels.study
                            WHERE labels.run_id = parent ORDER BY study LIMIT 1), parent) AS name
           FROM extensions
           WHERE (:run_ids IS NULL OR run_id IN (SELECT value FROM json_each(:run_ids)))
               AND NOT EXISTS (SELECT 1 FROM attempts AS later
                               LEFT JOIN extensions AS begun USING (run_id, attempt)
                               WHERE later.run_id = extensions.run_id AND later.attempt > extensions.attempt
                                   AND (later.start_step = 0 OR begun.parent IS NOT NULL))""",
        {"run_ids": None if run_ids is None else to_json(list(run_ids))},
    )
    return {row["run_id"]: Origin(row["parent"], row["name"], row["step"]) for row in rows}
