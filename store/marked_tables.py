"""The step of the schema that lets studies change: what their files no longer name, archives, tags and notes.

These are tables of their own, because the tables of studies and labels would have to be made anew for another column:
a damaged row would then get the checksum of what it has become.
"""

from __future__ import annotations

import re

UNNAMED = """CREATE TABLE unnamed (
    run_id TEXT NOT NULL REFERENCES runs (run_id),
    study INTEGER NOT NULL REFERENCES studies (id), -- whose file named the run once, and does not any more
    at REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(run_id, study, at)) STORED,
    PRIMARY KEY (run_id, study)
) STRICT, WITHOUT ROWID"""

ARCHIVED = """CREATE TABLE archived (
    study INTEGER PRIMARY KEY REFERENCES studies (id),
    at REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(study, at)) STORED
) STRICT"""

TAGS = """CREATE TABLE tags (
    run_id TEXT NOT NULL REFERENCES runs (run_id),
    tag TEXT NOT NULL,
    at REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(run_id, tag, at)) STORED,
    PRIMARY KEY (run_id, tag)
) STRICT, WITHOUT ROWID"""

RUN_NOTES = """CREATE TABLE run_notes (
    run_id TEXT PRIMARY KEY REFERENCES runs (run_id),
    text TEXT NOT NULL,
    at REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(run_id, text, at)) STORED
) STRICT, WITHOUT ROWID"""

STUDY_NOTES = """CREATE TABLE study_notes (
    study INTEGER PRIMARY KEY REFERENCES studies (id),
    text TEXT NOT NULL,
    at REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(study, text, at)) STORED
) STRICT"""

TABLES = {
    "unnamed": UNNAMED,
    "archived": ARCHIVED,
    "tags": TAGS,
    "run_notes": RUN_NOTES,
    "study_notes": STUDY_NOTES,
}


def _columns_summed(statement: str) -> list[str]:
    """Return the columns that the sum of a table covers, by the statement that makes the table."""
    return re.findall(r"\w+", re.findall(r"row_sum\((.+?)\)", statement)[0])


MARKED_TABLES = (
    *TABLES.values(),
    *(
        f"""CREATE TRIGGER {table}_stay_damaged BEFORE UPDATE ON {table}
            WHEN OLD.sum IS NOT row_sum({", ".join(f"OLD.{name}" for name in _columns_summed(statement))})
            BEGIN SELECT RAISE(ABORT, 'a damaged row'); END"""
        for table, statement in TABLES.items()
    ),
)
