"""Open the database: the right settings, transactions, and errors that a user can read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from store import connected, contents, journal, migrations, names, places, schema, sums
from store.errors import (
    Corrupt,
    Foreign,
    Gone,
    NoWorkspace,
    OlderWorkspace,
    StoreError,
    UnusableEngine,
    restore,
    translated,
)
from store.turns import Turns
from store.waiting import Waiting
from store.workspace import Workspace

Parameters = Sequence[Any] | Mapping[str, Any]

LARGEST_VALUE = 2**28  # bytes; far more than any value that is written, and little enough for memory
OLDEST_ENGINE = (3, 37, 0)  # the first with STRICT tables


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Return whether this version of SQLite may use write-ahead logging with several processes.

    Versions 3.7.0 to 3.51.2 have a race between commit and checkpoint that can lose committed pages, except on two
    branches to which the fix was backported.
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


def _check_nothing_was_lost(workspace: Workspace, state: str) -> None:
    """Raise Corrupt if there are checkpoints, though the database has nothing. state: of the database, in words."""
    left = places.finished(workspace)
    if left:
        count = "a checkpoint of a run" if len(left) == 1 else f"{len(left):,} checkpoints of runs"
        raise Corrupt(
            f"{workspace.database} {state}, but {workspace.checkpoints} has {count} that it named "
            f"({left[0].parent.name}/{left[0].name}): {restore(workspace.database)}, or move {workspace.checkpoints} "
            "away to begin anew"
        )


class Store:
    """One connection to the database of a workspace, for one thread of one process; closed by `with`.

    Outside of `transaction` only reads are possible. Each read fetches all its rows at once, because an open cursor
    would block every writer where there is no write-ahead logging.
    """

    def __init__(self, workspace: Workspace, connection: sqlite3.Connection, readonly: bool, waiting: Waiting) -> None:
        """Use `create` or `open`."""
        self.workspace = workspace
        self.readonly = readonly
        self._connection = connection
        self._waiting = waiting
        self._turns = Turns(connection, waiting)
        self._file = connected.identity(workspace.database)
        connected.add(self._file)
        self._closed = False
        self._sums: dict[str, dict[str, list[str]]] = {}

    @classmethod
    def create(cls, path: str | Path, timeout: float = 30.0) -> Store:
        """Open the workspace in the folder `path`; folder, database and schema are made if they do not exist.

        Nothing else makes a database. Raises the errors of `open` except NoWorkspace, and Corrupt if the database is
        missing or empty while there are checkpoints, which a lost database may have named.
        """
        workspace = Workspace(Path(path))
        with translated(workspace.root):
            workspace.root.mkdir(parents=True, exist_ok=True)
            if not workspace.database.exists():
                _check_nothing_was_lost(workspace, "is missing")
        return cls._connect(workspace, "rwc", readonly=False, timeout=timeout)

    @classmethod
    def open(cls, path: str | Path, readonly: bool = False, timeout: float = 30.0, any_names: bool = False) -> Store:
        """Open the workspace in the folder `path`; an older schema is upgraded first, in one transaction.

        readonly: write nothing, upgrade nothing. timeout: seconds to wait for the locks of other processes before Busy
        is raised. any_names: take names that are not allowed (see `store.names`), for whoever looks for damage, or
        verifies each run before its id becomes part of a path. Raises NoWorkspace, NewerWorkspace, OlderWorkspace (only
        if readonly), UnusableEngine, Unwritable, Busy, Corrupt (also if the database is empty), and Foreign if its
        schema or a name in it is not of this program.
        """
        workspace = Workspace(Path(path))
        with translated(workspace.root):
            if not workspace.database.exists():
                raise NoWorkspace(f"no workspace in {workspace.root}; make one with `rnnctl init`")
        return cls._connect(workspace, "rw", readonly, timeout, any_names)

    @classmethod
    def _connect(
        cls, workspace: Workspace, mode: str, readonly: bool, timeout: float, any_names: bool = False
    ) -> Store:
        engine = sqlite3.sqlite_version_info
        if engine < OLDEST_ENGINE:
            raise UnusableEngine(
                f"SQLite {sqlite3.sqlite_version} is too old (3.37 is needed); use a Python with a newer one"
            )
        waiting = Waiting(workspace.database, timeout)
        with translated(workspace.database), connected.opening(workspace.database) as is_open:
            journal.check(workspace.database, is_open)
            # A read-only store opens with mode=rw too, so that SQLite can roll back what a killed writer left half
            # done; query_only prevents any other change. SQLite itself opens the file for reading if it may not write.
            connection = sqlite3.connect(
                f"{workspace.database.as_uri()}?mode={mode}", uri=True, timeout=waiting.quiet, isolation_level=None
            )
            store = cls(workspace, connection, readonly, waiting)
        try:
            store._configure(wal_is_safe(engine), may_create=mode == "rwc")
            if not any_names:
                names.check(store)
        except BaseException:
            store.close()
            raise
        return store

    def _configure(self, wal_safe: bool, may_create: bool) -> None:
        self._connection.row_factory = sqlite3.Row
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
        if self.readonly:
            self._pragma("query_only = ON")
        self._pragma("synchronous = FULL")
        sums.register(self._connection)
        contents.register(self._connection)
        version = self._checked_version()
        if version == 0:
            if not may_create:
                raise Corrupt(
                    f"{self.workspace.database} is empty: what was in it is lost; {restore(self.workspace.database)}. "
                    "If nothing was ever registered in it, run `rnnctl init`"
                )
            _check_nothing_was_lost(self.workspace, "is empty")
            # The journal mode is chosen once, for a new database: others may be using an existing one.
            if wal_safe:
                self._pragma("journal_mode = WAL")
        if self.value("PRAGMA journal_mode") == "wal" and not wal_safe:
            raise UnusableEngine(
                f"{self.workspace.database} is in WAL mode, where SQLite {sqlite3.sqlite_version} can lose "
                "committed rows; use a Python with SQLite 3.51.3 or newer"
            )
        if version < migrations.SCHEMA:
            if self.readonly:
                raise OlderWorkspace(
                    f"{self.workspace.root} was made by an older version of rnnctl; "
                    "run `rnnctl doctor` in it to upgrade it"
                )
            with self.transaction():
                migrations.upgrade(self._connection, self.workspace)
                self._check_schema(migrations.SCHEMA)
        self._pragma("foreign_keys = ON")

    def _checked_version(self) -> int:
        """Return how many steps the schema has taken, after making sure that it is what these steps make."""
        with self.snapshot():  # another process may upgrade it
            version = migrations.version(self._connection, self.workspace)
            self._check_schema(version)
        return version

    def _check_schema(self, steps: int) -> None:
        """Raise Foreign if the schema is not the one that the first `steps` steps make."""
        with translated(self.workspace.database):
            differences = schema.differences(self._connection, steps)
        if differences:
            more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
            raise Foreign(
                f"{self.workspace.database} does not have the schema that rnnctl makes: {', '.join(differences[:3])}"
                f"{more}; nothing in it was used: it may be made to do harm. "
                "Use it only if you know who changed it, and undo the change first"
            )

    def _pragma(self, setting: str) -> None:
        """Set a PRAGMA, which does not belong to any transaction."""
        with translated(self.workspace.database):
            self._fetched(f"PRAGMA {setting}")

    def check_present(self) -> None:
        """Raise Gone if the database is no longer the file that was opened.

        SQLite goes on with a deleted file as if nothing had happened, and what it writes is lost.
        """
        with translated(self.workspace.database):
            if self._file is not None and connected.identity(self.workspace.database) != self._file:
                raise Gone(
                    f"{self.workspace.database} was deleted, moved or replaced while it was in use; nothing was written"
                )

    def close(self) -> None:
        """Close the connection. A store that is closed already is left as it is."""
        self._connection.close()
        if not self._closed:
            self._closed = True
            connected.remove(self._file)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all changes made inside, or none: BEGIN IMMEDIATE, then COMMIT, or ROLLBACK if anything is raised.

        The write lock is taken at the start. A deferred BEGIN would fail with "database is locked" in the middle,
        without waiting, if two processes claim at once. Raises Busy if the lock is not free within the timeout, and
        Gone if the workspace was deleted meanwhile.
        """
        assert not self.readonly, "a read-only store has no transactions"
        assert not self._connection.in_transaction, "transactions do not nest"
        self.check_present()
        try:
            with self._translated():
                self._turns.begin()
            yield
            with self._translated():
                self._fetched("COMMIT")
        except BaseException:
            # After a full disk SQLite may have rolled back already; an error of ROLLBACK must not hide the cause.
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise
        finally:
            self._turns.end()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction, keep all changes made inside, or none if anything is raised. These do not nest."""
        self.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back the whole transaction already
                self._connection.execute("ROLLBACK TO part")
                self._connection.execute("RELEASE part")
            raise
        self.execute("RELEASE part")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read one state of the database inside, whatever other processes commit.

        Without write-ahead logging, they wait with their commits until the end.
        """
        try:
            with self._translated():
                self._connection.execute("BEGIN").fetchall()
                self._fetched("SELECT count(*) FROM sqlite_schema")  # BEGIN alone reads nothing
            yield
        finally:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn errors about the database into StoreErrors, Gone if their cause is that it was deleted."""
        try:
            with translated(self.workspace.database):
                yield
        except StoreError:
            self.check_present()
            raise

    def rows(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self._translated():
            return self._fetched(sql, parameters)

    def _fetched(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        return self._waiting.through(self._connection, lambda: self._connection.execute(sql, parameters).fetchall())

    def raw_rows(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Return all rows of a query, of damaged tables too: bytes of a text that are not UTF-8 become surrogates."""
        self._connection.text_factory = lambda text: text.decode(errors="surrogateescape")
        try:
            return self.rows(sql, parameters)
        finally:
            self._connection.text_factory = str

    def row(self, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """Return the first row of a query, None if there is none."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def value(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the first column of the first row of a query, None if there is no row."""
        row = self.row(sql, parameters)
        return None if row is None else row[0]

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Change rows inside a transaction; return how many."""
        assert self._connection.in_transaction, "a change belongs in a transaction"
        with self._translated():
            return self._connection.execute(sql, parameters).rowcount

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> int:
        """Do `execute` for each of the parameters; return how many rows were changed in all."""
        assert self._connection.in_transaction, "a change belongs in a transaction"
        with self._translated():
            return self._connection.executemany(sql, parameters).rowcount

    def copy_to(self, path: Path) -> None:
        """Copy the whole database, as of this moment or of the snapshot, into a new file."""
        with translated(path), closing(sqlite3.connect(path)) as target:
            self._connection.backup(target)

    def sums(self, table: str) -> dict[str, list[str]]:
        """Return the columns that each sum of a table covers (see `sums.summed`)."""
        if table not in self._sums:
            with translated(self.workspace.database):
                self._sums[table] = sums.summed(self._connection, table)
        return self._sums[table]

    def engine(self) -> dict[str, Any]:
        """Return the settings that SQLite reports: version, journal mode, synchronous, schema."""
        return {
            "sqlite": sqlite3.sqlite_version,
            "journal_mode": self.value("PRAGMA journal_mode"),
            "synchronous": {0: "off", 1: "normal", 2: "full", 3: "extra"}[self.value("PRAGMA synchronous")],
            "schema": self.value("PRAGMA user_version"),
        }
