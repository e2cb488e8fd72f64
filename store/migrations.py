"""The schema, step by step. A step that was released never changes; what comes later is a new step at the
end.

Each step is recorded in the database, in the step's own transaction. The number of steps also stands in
PRAGMA user_version, where a program that knows fewer steps can see it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from store.errors import Corrupt, NewerWorkspace

if TYPE_CHECKING:
    from sqlite_utils import Migrations

    from store.connection import Store

APPLICATION = 0x726E6E63  # "rnnc" in PRAGMA application_id: says whose file this is

STUDIES_AND_RUNS = (
    """CREATE TABLE studies (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        about TEXT NOT NULL,
        source TEXT NOT NULL,            -- text of the study file as last registered
        created REAL NOT NULL,
        updated REAL NOT NULL
    ) STRICT""",
    """CREATE TABLE runs (
        seq INTEGER PRIMARY KEY,         -- order of registration
        run_id TEXT NOT NULL UNIQUE,     -- hash of the spec
        config_id TEXT NOT NULL,         -- the same for runs that differ only in their seed
        shape TEXT NOT NULL,             -- runs of equal shape can be one pack
        spec TEXT NOT NULL,              -- JSON object, canonical
        total INTEGER NOT NULL,          -- updates
        created REAL NOT NULL
    ) STRICT""",
    """CREATE TRIGGER runs_never_change BEFORE UPDATE ON runs
       BEGIN SELECT RAISE(ABORT, 'a run never changes'); END""",
    """CREATE TABLE labels (
        run_id TEXT NOT NULL REFERENCES runs (run_id),
        study INTEGER NOT NULL REFERENCES studies (id),
        label TEXT NOT NULL,
        PRIMARY KEY (run_id, study)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX labels_of_study ON labels (study)",
)

JOBS_AND_WORKERS = (
    """CREATE TABLE environments (
        id TEXT PRIMARY KEY,             -- hash of the content
        content TEXT NOT NULL,           -- JSON object
        bits TEXT NOT NULL               -- hash of that part of it which changes results bit for bit
    ) STRICT""",
    """CREATE TABLE workers (
        id TEXT PRIMARY KEY,             -- one for each start of a process
        host TEXT NOT NULL,
        boot_id TEXT NOT NULL,
        pid INTEGER NOT NULL,
        pid_started REAL NOT NULL,       -- tells a process from a later one with the same pid
        device TEXT NOT NULL,
        environment TEXT NOT NULL REFERENCES environments (id),
        started REAL NOT NULL,
        beat_at REAL NOT NULL,
        ended REAL
    ) STRICT""",
    "CREATE INDEX workers_current ON workers (started) WHERE ended IS NULL",
    # seq and shape are copied here so that one index answers each question of a claim.
    """CREATE TABLE jobs (
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
        CHECK ((status = 'done') = (outcome IS NOT NULL)),
        CHECK ((status = 'running') = (worker IS NOT NULL)),
        CHECK ((status = 'running') = (lease_until IS NOT NULL))
    ) STRICT""",
    "CREATE INDEX jobs_queued ON jobs (seq) WHERE status = 'queued'",
    "CREATE INDEX jobs_packable ON jobs (shape, seq) WHERE status = 'queued'",
    "CREATE INDEX jobs_running ON jobs (worker) WHERE status = 'running'",
    """CREATE TABLE attempts (
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
        PRIMARY KEY (run_id, attempt),
        CHECK ((ended IS NULL) = (ended_as IS NULL))
    ) STRICT, WITHOUT ROWID""",
)

HISTORY_AND_CHECKPOINTS = (
    """CREATE TABLE history (
        run_id TEXT NOT NULL,
        step INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        at REAL NOT NULL,
        scalars TEXT NOT NULL,           -- JSON object, null where a number is missing or not finite
        traces BLOB,                     -- arrays, packed; the last column, so that scalars are read without
        PRIMARY KEY (run_id, step),
        FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, attempt)
    ) STRICT""",
    """CREATE TRIGGER history_never_changes BEFORE UPDATE ON history
       BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
    """CREATE TABLE checkpoints (
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
        FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, attempt)
    ) STRICT""",
    "CREATE INDEX checkpoints_of_run ON checkpoints (run_id, step)",
)

EVALUATIONS = (
    # What a run's best weights make of sequences of one length. Computed from them alone, so never changed.
    """CREATE TABLE evaluations (
        run_id TEXT NOT NULL REFERENCES runs (run_id),
        step INTEGER NOT NULL,           -- of the weights
        length INTEGER NOT NULL,
        samples INTEGER NOT NULL,
        seed INTEGER NOT NULL,           -- of the sequences
        loss REAL,                       -- NULL where it is no number
        error REAL NOT NULL,             -- share of wrong answers
        floor REAL NOT NULL,
        chance_error REAL NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (run_id, step, length, samples, seed)
    ) STRICT, WITHOUT ROWID""",
)

LINEAGE = (
    # Which run's settings another run's were made from. A run can have several parents: changes can meet.
    """CREATE TABLE lineage (
        run_id TEXT NOT NULL REFERENCES runs (run_id),
        parent TEXT NOT NULL REFERENCES runs (run_id),
        variant TEXT NOT NULL,           -- name of the changes, in the recipe
        study INTEGER NOT NULL REFERENCES studies (id), -- that the refinement made
        PRIMARY KEY (run_id, parent, variant, study),
        CHECK (run_id <> parent)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX lineage_of_parent ON lineage (parent)",
)

EVALUATIONS_OF_TEXT = (
    # How many bytes a target stood for, on average; NULL of what is no text.
    "ALTER TABLE evaluations ADD COLUMN bytes_per_answer REAL",
)

SPECS_NAMED_LAST = (
    # What a run is has its hash, and stays; a spec can also say where a file lies, which may be moved.
    "DROP TRIGGER runs_never_change",
    """CREATE TRIGGER runs_never_change BEFORE UPDATE OF seq, run_id, config_id, shape, total, created ON runs
       BEGIN SELECT RAISE(ABORT, 'a run never changes'); END""",
)

STEPS = {
    "studies_and_runs": STUDIES_AND_RUNS,
    "jobs_and_workers": JOBS_AND_WORKERS,
    "history_and_checkpoints": HISTORY_AND_CHECKPOINTS,
    "evaluations": EVALUATIONS,
    "lineage": LINEAGE,
    "evaluations_of_text": EVALUATIONS_OF_TEXT,
    "specs_named_last": SPECS_NAMED_LAST,
}

SCHEMA = len(STEPS)


def version(store: Store) -> int:
    """How many steps the database has taken; 0 for an empty file.

    Raises Corrupt for another program's database, NewerWorkspace if it has taken steps that are not known
    here.
    """
    taken = store.value("PRAGMA user_version")
    ours = store.value("PRAGMA application_id") == APPLICATION
    if not ours and (taken or store.value("SELECT count(*) FROM sqlite_master")):
        raise Corrupt(
            f"{store.workspace.database} is a database of another program; move it away or use another folder"
        )
    if taken > SCHEMA:
        raise NewerWorkspace(
            f"{store.workspace.root} was made by a newer version of rnnctl "
            f"(schema {taken}, known here: {SCHEMA}); upgrade rnnctl to use it"
        )
    return taken


def upgrade(store: Store, connection: sqlite3.Connection) -> None:
    """Take the steps that are missing, inside the caller's transaction.

    connection: the store's own, which sqlite-utils is lent. Two processes may find the same old schema: the
    second one, when its transaction begins, finds nothing left to do.
    """
    if version(store) == SCHEMA:
        return
    from sqlite_utils import Database

    # recursive_triggers and plugins would change our connection's behaviour behind our back.
    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    _migrations().apply(database)
    store.execute(f"PRAGMA application_id = {APPLICATION}")
    store.execute(f"PRAGMA user_version = {SCHEMA}")


def _migrations() -> Migrations:
    """The steps as sqlite-utils knows them: each with a name, applied once, and recorded."""
    from sqlite_utils import Database, Migrations

    def applying(statements: Iterable[str]) -> Callable[[Database], None]:
        def apply(database: Database) -> None:
            for statement in statements:
                database.execute(statement)  # one by one: executescript would commit the transaction

        return apply

    migrations = Migrations("rnnctl")
    for name, statements in STEPS.items():
        migrations(name=name)(applying(statements))
    return migrations
