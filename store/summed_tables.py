"""The step of the schema that gives each row a checksum, and each run the numbers of its rows in the large tables.

A damaged row cannot be changed, because it would get the sum of what it has become. For the same reason, a row that is
found to be damaged already gets sums that are not its own, so that it is told and set aside like any other.

Tables are made anew because a generated column that is stored cannot be added to a table.
"""

from __future__ import annotations

import re
import sqlite3

from store.row_copies import copy_rows, wrong_sums

STUDIES = """CREATE TABLE {name} (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    about TEXT NOT NULL,
    source TEXT NOT NULL,            -- text of the study file as last registered
    created REAL NOT NULL,
    updated REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(id, name, about, source, created, updated)) STORED
) STRICT"""

RUNS = """CREATE TABLE {name} (
    seq INTEGER PRIMARY KEY,         -- order of registration
    run_id TEXT NOT NULL UNIQUE,     -- hash of the spec
    config_id TEXT NOT NULL,         -- the same for runs that differ only in their seed
    shape TEXT NOT NULL,             -- runs of equal shape can be one pack
    spec TEXT NOT NULL,              -- JSON object, canonical
    total INTEGER NOT NULL,          -- updates
    created REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(seq, run_id, config_id, shape, spec, total, created)) STORED
) STRICT"""

LABELS = """CREATE TABLE {name} (
    run_id TEXT NOT NULL REFERENCES runs (run_id),
    study INTEGER NOT NULL REFERENCES studies (id),
    label TEXT NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(run_id, study, label)) STORED,
    PRIMARY KEY (run_id, study)
) STRICT, WITHOUT ROWID"""

ENVIRONMENTS = """CREATE TABLE {name} (
    id TEXT PRIMARY KEY,             -- hash of the content
    content TEXT NOT NULL,           -- JSON object
    bits TEXT NOT NULL,              -- hash of that part of it which changes results bit for bit
    sum INTEGER NOT NULL AS (row_sum(id, content, bits)) STORED
) STRICT"""

WORKERS = """CREATE TABLE {name} (
    id TEXT PRIMARY KEY,             -- one for each start of a process
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    pid INTEGER NOT NULL,
    pid_started REAL NOT NULL,       -- tells a process from a later one with the same pid
    device TEXT NOT NULL,
    environment TEXT NOT NULL REFERENCES environments (id),
    started REAL NOT NULL,
    beat_at REAL NOT NULL,
    ended REAL,
    sum INTEGER NOT NULL
        AS (row_sum(id, host, boot_id, pid, pid_started, device, environment, started, beat_at, ended)) STORED
) STRICT"""

# seq and shape are copied here so that one index answers each question of a claim.
JOBS = """CREATE TABLE {name} (
    seq INTEGER PRIMARY KEY REFERENCES runs (seq),
    run_id TEXT NOT NULL UNIQUE REFERENCES runs (run_id),
    shape TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('queued', 'running', 'done', 'failed', 'quarantined', 'cancelled')),
    outcome TEXT CHECK (outcome IN ('solved', 'budget', 'early_stop', 'diverged')),
    attempt INTEGER NOT NULL DEFAULT 0,
    worker TEXT REFERENCES workers (id),
    lease_until REAL,
    strikes INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    step INTEGER NOT NULL DEFAULT 0,
    progress_at REAL,                -- when step last advanced
    error TEXT,
    summary TEXT,                    -- JSON object
    checks INTEGER NOT NULL DEFAULT 0,      -- rows of the run in history,
    checkpoints INTEGER NOT NULL DEFAULT 0, -- in checkpoints
    answers INTEGER NOT NULL DEFAULT 0,     -- and in answers
    sum INTEGER NOT NULL
        AS (row_sum(seq, run_id, shape, status, outcome, attempt, worker, lease_until, strikes, not_before, step,
                    progress_at, error, summary, checks, checkpoints, answers)) STORED,
    CHECK ((status = 'done') = (outcome IS NOT NULL)),
    CHECK ((status = 'running') = (worker IS NOT NULL)),
    CHECK ((status = 'running') = (lease_until IS NOT NULL))
) STRICT"""

ATTEMPTS = """CREATE TABLE {name} (
    run_id TEXT NOT NULL REFERENCES runs (run_id),
    attempt INTEGER NOT NULL,
    worker TEXT NOT NULL REFERENCES workers (id),
    environment TEXT NOT NULL REFERENCES environments (id),
    started REAL NOT NULL,
    ended REAL,
    ended_as TEXT CHECK (ended_as IN ('done', 'released', 'failed', 'crashed', 'cancelled', 'lost')),
    start_step INTEGER NOT NULL,
    end_step INTEGER,
    error TEXT,
    exact INTEGER NOT NULL CHECK (exact IN (0, 1)),
    sum INTEGER NOT NULL
        AS (row_sum(run_id, attempt, worker, environment, started, ended, ended_as, start_step, end_step, error,
                    exact)) STORED,
    PRIMARY KEY (run_id, attempt),
    CHECK ((ended IS NULL) = (ended_as IS NULL))
) STRICT, WITHOUT ROWID"""

HISTORY = """CREATE TABLE {name} (
    run_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at REAL NOT NULL,
    scalars TEXT NOT NULL,           -- JSON object, null where a number is missing or not finite
    sum INTEGER NOT NULL AS (row_sum(run_id, step, attempt, at, scalars)) STORED,
    traces_sum INTEGER NOT NULL AS (row_sum(traces)) STORED,
    traces BLOB,                     -- arrays, packed; the last column, so that scalars are read without
    PRIMARY KEY (run_id, step),
    FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, attempt)
) STRICT"""

CHECKPOINTS = """CREATE TABLE {name} (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    step INTEGER NOT NULL,
    path TEXT NOT NULL UNIQUE,       -- relative to the workspace, with slashes
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,           -- bytes
    at REAL NOT NULL,
    status TEXT NOT NULL DEFAULT 'live' CHECK (status IN ('live', 'unsound', 'removed')),
    reason TEXT,                     -- why it was found unsound
    sum INTEGER NOT NULL AS (row_sum(id, run_id, attempt, step, path, sha256, size, at, status, reason)) STORED,
    FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, attempt)
) STRICT"""

LINEAGE = """CREATE TABLE {name} (
    run_id TEXT NOT NULL REFERENCES runs (run_id),
    parent TEXT NOT NULL REFERENCES runs (run_id),
    variant TEXT NOT NULL,           -- name of the changes, in the recipe
    study INTEGER NOT NULL REFERENCES studies (id), -- that the refinement made
    sum INTEGER NOT NULL AS (row_sum(run_id, parent, variant, study)) STORED,
    PRIMARY KEY (run_id, parent, variant, study),
    CHECK (run_id <> parent)
) STRICT, WITHOUT ROWID"""

ANSWERS = """CREATE TABLE {name} (
    run_id TEXT NOT NULL REFERENCES runs (run_id),
    probe TEXT NOT NULL,             -- its name
    step INTEGER NOT NULL,           -- of the weights
    asked TEXT NOT NULL,             -- JSON object, canonical: all that decides the answer besides the weights
    answer TEXT NOT NULL,            -- JSON object, null for non-finite numbers
    at REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(run_id, probe, step, asked, answer, at)) STORED,
    PRIMARY KEY (run_id, probe, step, asked)
) STRICT"""

# Rows that were damaged, or that depended on one that was: nothing reads them, and nothing removes them.
SET_ASIDE = """CREATE TABLE set_aside (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,              -- of the table
    run_id TEXT,
    content TEXT NOT NULL,           -- JSON object: the columns; {"hex": "..."} for a text that is not UTF-8, or bytes
    reason TEXT NOT NULL,
    at REAL NOT NULL,
    sum INTEGER NOT NULL AS (row_sum(id, name, run_id, content, reason, at)) STORED
) STRICT"""

TABLES = {
    "studies": STUDIES,
    "runs": RUNS,
    "labels": LABELS,
    "environments": ENVIRONMENTS,
    "workers": WORKERS,
    "jobs": JOBS,
    "attempts": ATTEMPTS,
    "history": HISTORY,
    "checkpoints": CHECKPOINTS,
    "lineage": LINEAGE,
    "answers": ANSWERS,
}

# table -> the column of jobs that has the number of a run's rows in it
COUNTS = {"history": "checks", "checkpoints": "checkpoints", "answers": "answers"}


def json_columns(statement: str) -> list[str]:
    """Return the columns of a table that are JSON objects, as the comments in its statement say."""
    return re.findall(r"^ +(\w+) TEXT.*-- JSON object", statement, re.MULTILINE)


def summed_tables(connection: sqlite3.Connection) -> None:
    """Make each table anew, with the same rows, indexes and triggers. Foreign keys must not be enforced meanwhile."""
    connection.execute(SET_ASIDE)
    for table, statement in TABLES.items():
        belongings = connection.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type <> 'table' AND sql IS NOT NULL", (table,)
        ).fetchall()
        connection.execute(statement.format(name="made_anew"))
        order = "" if "WITHOUT ROWID" in statement else "ORDER BY rowid"
        copy_rows(connection, table, "made_anew", _columns(connection, table), json_columns(statement), order)
        connection.execute(f"DROP TABLE {table}")
        connection.execute(f"ALTER TABLE made_anew RENAME TO {table}")
        for (sql,) in belongings:
            connection.execute(sql)
        if table != "history":  # whose rows never change at all
            old = ", ".join(f"OLD.{name}" for name in _columns(connection, table))
            connection.execute(
                f"""CREATE TRIGGER {table}_stay_damaged BEFORE UPDATE ON {table} WHEN OLD.sum IS NOT row_sum({old})
                    BEGIN SELECT RAISE(ABORT, 'a damaged row'); END"""
            )
    _count_rows(connection)
    with wrong_sums(connection):  # for the jobs that have such sums, so that they keep them
        _count_rows(connection)
    for table, count in COUNTS.items():
        for event, row, change in (("INSERT", "NEW", "+ 1"), ("DELETE", "OLD", "- 1")):
            connection.execute(
                f"""CREATE TRIGGER {table}_counted_at_{event.lower()} AFTER {event} ON {table}
                    BEGIN UPDATE jobs SET {count} = {count} {change} WHERE run_id = {row}.run_id; END"""
            )


def _count_rows(connection: sqlite3.Connection) -> None:
    """Give each job that has its own sum the numbers of its run's rows."""
    counts = (f"{count} = (SELECT count(*) FROM {table} WHERE run_id = jobs.run_id)" for table, count in COUNTS.items())
    columns = ", ".join(_columns(connection, "jobs"))
    connection.execute(f"UPDATE jobs SET {', '.join(counts)} WHERE sum = row_sum({columns})")


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns of a table, without those that SQLite generates."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})").fetchall()]
