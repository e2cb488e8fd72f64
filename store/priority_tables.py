"""The step of the schema that lets runs be claimed before others: the priorities that people give to runs."""

from __future__ import annotations

PRIORITIES = """CREATE TABLE priorities (
    run_id TEXT PRIMARY KEY REFERENCES runs (run_id),
    priority INTEGER NOT NULL,       -- 0 is that of the runs without a row; runs of higher ones are claimed first
    at REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(run_id, priority, at)) STORED
) STRICT, WITHOUT ROWID"""

TABLES = {"priorities": PRIORITIES}

PRIORITY_TABLES = (
    *TABLES.values(),
    """CREATE TRIGGER priorities_stay_damaged BEFORE UPDATE ON priorities
       WHEN OLD.sum IS NOT row_sum(OLD.run_id, OLD.priority, OLD.at)
       BEGIN SELECT RAISE(ABORT, 'a damaged row'); END""",
)
