"""The step of the schema that lets runs go on from others: which trajectory a run has, and where a run began."""

from __future__ import annotations

TRAJECTORIES = """CREATE TABLE trajectories (
    run_id TEXT PRIMARY KEY REFERENCES runs (run_id),
    trajectory TEXT NOT NULL,        -- hash of what decides the bits of the run until it ends
    sum INTEGER NOT NULL AS (row_sum(run_id, trajectory)) STORED
) STRICT, WITHOUT ROWID"""

EXTENSIONS = """CREATE TABLE extensions (
    run_id TEXT NOT NULL REFERENCES runs (run_id),
    attempt INTEGER NOT NULL,        -- that began at a checkpoint of another run
    parent TEXT NOT NULL,            -- that run, which may have been deleted since
    step INTEGER NOT NULL,
    at REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(run_id, attempt, parent, step, at)) STORED,
    PRIMARY KEY (run_id, attempt)
) STRICT, WITHOUT ROWID"""

TABLES = {"trajectories": TRAJECTORIES, "extensions": EXTENSIONS}

TRAJECTORY_TABLES = (
    *TABLES.values(),
    "CREATE INDEX runs_of_trajectory ON trajectories (trajectory)",
    """CREATE TRIGGER trajectories_stay_damaged BEFORE UPDATE ON trajectories
       WHEN OLD.sum IS NOT row_sum(OLD.run_id, OLD.trajectory)
       BEGIN SELECT RAISE(ABORT, 'a damaged row'); END""",
    """CREATE TRIGGER extensions_never_change BEFORE UPDATE ON extensions
       BEGIN SELECT RAISE(ABORT, 'where a run began never changes'); END""",
)
