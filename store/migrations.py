"""The schema, step by step. A step that was released never changes; new steps are added at the end.

A step is SQL statements, or a function where SQL is not enough. It depends on nothing but this module, row_copies, sums
and the modules store/*_tables.py: what it writes must not change with the rest of the program. Each step is recorded in
the database, in the step's own transaction. The number of steps also stands in PRAGMA user_version, where a program
that knows fewer steps can see it.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from store.errors import Corrupt, NewerWorkspace, translated
from store.marked_tables import MARKED_TABLES
from store.priority_tables import PRIORITY_TABLES
from store.summed_tables import summed_tables
from store.trajectory_tables import TRAJECTORY_TABLES
from store.workspace import Workspace

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

Step = tuple[str, ...] | Callable[[sqlite3.Connection], None]

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
    # How many bytes a target stands for, on average; NULL for other tasks than text.
    "ALTER TABLE evaluations ADD COLUMN bytes_per_answer REAL",
)

SPECS_NAMED_LAST = (
    # What identifies a run is in its hash and stays; a spec can also say where a file lies, which may be moved.
    "DROP TRIGGER runs_never_change",
    """CREATE TRIGGER runs_never_change BEFORE UPDATE OF seq, run_id, config_id, shape, total, created ON runs
       BEGIN SELECT RAISE(ABORT, 'a run never changes'); END""",
)

ANSWERS = """CREATE TABLE answers (
    run_id TEXT NOT NULL REFERENCES runs (run_id),
    probe TEXT NOT NULL,             -- its name
    step INTEGER NOT NULL,           -- of the weights
    asked TEXT NOT NULL,             -- JSON object, canonical: all that decides the answer besides the weights
    answer TEXT NOT NULL,            -- JSON object, null for non-finite numbers
    at REAL NOT NULL,
    PRIMARY KEY (run_id, probe, step, asked)
) STRICT"""


def answers_of_probes(connection: sqlite3.Connection) -> None:
    """Make one table for the answers of all probes; turn the evaluations into answers of the probe `lengths`.

    Done in Python because SQLite writes reals into JSON with 15 digits, which is not enough to read the same number.
    """

    def text(row: sqlite3.Row, names: tuple[str, ...]) -> str:
        values = {name: row[name] for name in names}
        finite = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }
        return json.dumps(finite, sort_keys=True, separators=(",", ":"), allow_nan=False)

    asked, answer = ("length", "samples", "seed"), ("loss", "error", "floor", "chance_error", "bytes_per_answer")
    connection.execute(ANSWERS)
    # The id of a run as bytes, because a damaged one may not be UTF-8.
    rows = connection.execute(
        f"""SELECT CAST(run_id AS BLOB) AS run_id, step, at, {", ".join(asked + answer)} FROM evaluations
            ORDER BY run_id, step, length, samples, seed"""
    ).fetchall()
    connection.executemany(
        """INSERT INTO answers (run_id, probe, step, asked, answer, at)
           VALUES (CAST(? AS TEXT), 'lengths', ?, ?, ?, ?)""",
        [(row["run_id"], row["step"], text(row, asked), text(row, answer), row["at"]) for row in rows],
    )
    connection.execute("DROP TABLE evaluations")


PACK_KEYS = (
    # The shape of a run is the text of its pack key. It follows from the spec, so that it may change with the program.
    "DROP TRIGGER runs_never_change",
    """CREATE TRIGGER runs_never_change BEFORE UPDATE OF seq, run_id, config_id, total, created ON runs
       BEGIN SELECT RAISE(ABORT, 'a run never changes'); END""",
    # Runs of one earlier shape could differ in what a pack must have in common, their optimizer for example. Each gets
    # a shape of its own, and is claimed alone, until its key is known.
    """UPDATE runs SET shape = run_id
       WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.run_id = runs.run_id AND status = 'done')""",
    "UPDATE jobs SET shape = run_id WHERE status <> 'done'",
)

STEPS: dict[str, Step] = {
    "studies_and_runs": STUDIES_AND_RUNS,
    "jobs_and_workers": JOBS_AND_WORKERS,
    "history_and_checkpoints": HISTORY_AND_CHECKPOINTS,
    "evaluations": EVALUATIONS,
    "lineage": LINEAGE,
    "evaluations_of_text": EVALUATIONS_OF_TEXT,
    "specs_named_last": SPECS_NAMED_LAST,
    "answers_of_probes": answers_of_probes,
    "pack_keys": PACK_KEYS,
    "summed_tables": summed_tables,
    "marked_tables": MARKED_TABLES,
    "trajectory_tables": TRAJECTORY_TABLES,
    "priority_tables": PRIORITY_TABLES,
}

SCHEMA = len(STEPS)


def version(connection: sqlite3.Connection, workspace: Workspace) -> int:
    """Return how many steps the database has taken; 0 for an empty file.

    workspace: whose database it is, for messages. Raises Corrupt if the database is another program's, NewerWorkspace
    if it has taken steps that this program does not know.
    """

    def value(sql: str) -> int:
        return int(connection.execute(sql).fetchone()[0])

    with translated(workspace.database):
        taken = value("PRAGMA user_version")
        ours = value("PRAGMA application_id") == APPLICATION
        if not ours and (taken or value("SELECT count(*) FROM sqlite_master")):
            raise Corrupt(f"{workspace.database} is a database of another program; move it away or use another folder")
    if taken > SCHEMA:
        raise NewerWorkspace(
            f"{workspace.root} was made by a newer version of rnnctl "
            f"(schema {taken}, known here: {SCHEMA}); upgrade rnnctl to use it"
        )
    return taken


def upgrade(connection: sqlite3.Connection, workspace: Workspace) -> None:
    """Take the missing steps, inside the caller's transaction. The connection's rows are sqlite3.Row.

    The connection knows `sums.row_sum`, and does not enforce foreign keys, because steps make tables anew.

    Two processes may find the same old schema: when the transaction of the second one begins, nothing is left to do.
    Raises as `version` does, DiskFull and other StoreErrors.
    """
    if version(connection, workspace) == SCHEMA:
        return
    from sqlite_utils import Database

    with translated(workspace.database):
        # recursive_triggers and plugins would change the settings of the connection, which is the store's.
        database = Database(connection, recursive_triggers=False, execute_plugins=False)
        _migrations().apply(database)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")


def take(connection: sqlite3.Connection, step: Step) -> None:
    """Take one step, inside the caller's transaction. The connection's rows are sqlite3.Row."""
    if callable(step):
        step(connection)
        return
    for statement in step:
        connection.execute(statement)  # one by one: executescript would commit the transaction


def _migrations() -> Migrations:
    """Return the steps as sqlite-utils wants them: each has a name, is applied once, and is recorded."""
    from sqlite_utils import Migrations

    def applying(step: Step) -> Callable[[Database], None]:
        def apply(database: Database) -> None:
            take(database.conn, step)

        return apply

    migrations = Migrations("rnnctl")
    for name, step in STEPS.items():
        migrations(name=name)(applying(step))
    return migrations
