"""Which trajectory each run has, by which runs that can go on from each other are known.

Runs of one trajectory compute the same until they end. The caller says which one a run has: it follows from the spec.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from store.connection import Store
from store.encoding import from_json, to_json


def place(store: Store, trajectories: Mapping[str, str]) -> None:
    """Keep which trajectories runs have, inside the caller's transaction. trajectories: by run id."""
    store.execute_many(
        """INSERT INTO trajectories (run_id, trajectory) VALUES (?, ?)
           ON CONFLICT (run_id) DO UPDATE SET trajectory = excluded.trajectory
           WHERE trajectory <> excluded.trajectory""",
        trajectories.items(),
    )


def without_trajectory(store: Store) -> dict[str, dict[str, Any]]:
    """Return the specs, by run id, of the runs with a checkpoint whose trajectories are not known.

    They were registered by an earlier version. Hand their trajectories to `place`.
    """
    rows = store.rows(
        """SELECT run_id, spec FROM runs
           WHERE EXISTS (SELECT 1 FROM checkpoints WHERE run_id = runs.run_id AND status = 'live')
               AND run_id NOT IN (SELECT run_id FROM trajectories) ORDER BY seq"""
    )
    return dict(zip((row["run_id"] for row in rows), from_json(row["spec"] for row in rows), strict=True))


class Reached(NamedTuple):
    """The newest checkpoint of a run, for runs of its trajectory."""

    trajectory: str
    run_id: str
    step: int
    spec: dict[str, Any]


def reached(store: Store, trajectories: Iterable[str]) -> list[Reached]:
    """Return the runs of these trajectories that have a checkpoint, and whose attempts all had the same bits."""
    rows = store.rows(
        """SELECT trajectory, run_id, max(checkpoints.step) AS step, spec
           FROM trajectories JOIN checkpoints USING (run_id) JOIN runs USING (run_id)
           WHERE trajectory IN (SELECT value FROM json_each(?)) AND status = 'live'
               AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.run_id = runs.run_id AND NOT exact)
           GROUP BY run_id ORDER BY seq""",
        (to_json(sorted(set(trajectories))),),
    )
    specs = from_json(row["spec"] for row in rows)
    return [Reached(row["trajectory"], row["run_id"], row["step"], spec) for row, spec in zip(rows, specs, strict=True)]
