"""Which trajectory each run has, by which runs that can go on from each other are known.

Runs of one trajectory compute the same until they end. The caller says which one a run has: it follows from the spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.connection import Store
from store.encoding import from_json


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
