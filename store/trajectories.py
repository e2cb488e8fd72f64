"""Which trajectory each run has, by which runs that can go on from each other are known.

Runs of one trajectory compute the same until they end. The caller says which one a run has: it follows from the spec.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from store.connection import Store
from store.encoding import to_json
from store.verification import sound_specs


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

    They were registered by an earlier version. Hand their trajectories to `place`. Runs with damaged rows are left out.
    """
    rows = store.rows(
        """SELECT seq, run_id FROM runs
           WHERE EXISTS (SELECT 1 FROM checkpoints WHERE run_id = runs.run_id AND status = 'live')
               AND run_id NOT IN (SELECT run_id FROM trajectories) ORDER BY seq"""
    )
    specs = sound_specs(store, (row["seq"] for row in rows))
    return {row["run_id"]: specs[row["seq"]] for row in rows if row["seq"] in specs}


class Reached(NamedTuple):
    """The newest checkpoint of a run, for runs of its trajectory."""

    trajectory: str
    run_id: str
    step: int
    ended: bool  # whether the run is done, and ended there
    spec: dict[str, Any]


def reached(store: Store, trajectories: Iterable[str]) -> list[Reached]:
    """Return the runs of these trajectories that have a checkpoint, and whose attempts all had the same bits.

    Runs with damaged rows are left out.
    """
    if not store.value("SELECT EXISTS (SELECT 1 FROM checkpoints WHERE status = 'live')"):
        return []
    rows = store.rows(
        """SELECT seq, trajectory, runs.run_id, max(checkpoints.step) AS newest,
                  jobs.status = 'done' AND jobs.step = max(checkpoints.step) AS ended
           FROM trajectories JOIN checkpoints USING (run_id) JOIN runs USING (run_id) JOIN jobs USING (seq)
           WHERE trajectory IN (SELECT value FROM json_each(?)) AND checkpoints.status = 'live'
               AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.run_id = runs.run_id AND NOT exact)
           GROUP BY seq ORDER BY seq""",
        (to_json(sorted(set(trajectories))),),
    )
    specs = sound_specs(store, (row["seq"] for row in rows))
    return [
        Reached(row["trajectory"], row["run_id"], row["newest"], bool(row["ended"]), specs[row["seq"]])
        for row in rows
        if row["seq"] in specs
    ]


def begun(store: Store, run_ids: Iterable[str]) -> set[str]:
    """Return which of these runs do not begin at another one any more: they are done, or have a checkpoint."""
    rows = store.rows(
        """SELECT run_id FROM jobs
           WHERE status = 'done'
               OR EXISTS (SELECT 1 FROM checkpoints WHERE checkpoints.run_id = jobs.run_id AND status = 'live')"""
    )
    return {row["run_id"] for row in rows}.intersection(run_ids)
