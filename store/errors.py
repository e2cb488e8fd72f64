"""What can go wrong with a workspace. str(error) is one line for the user: what happened, where, and what to do.

Errors of sqlite3 and of the operating system are turned into these in one place, `translated`. Mistakes of the program
itself (a wrong statement, a closed connection) stay what they are: they should be loud.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class StoreError(Exception):
    """Something is wrong with the workspace or a file; the message is one line for the user."""

    reason: str | None = None  # the operating system's own words, for errors that come from it


class NoWorkspace(StoreError):
    """There is no workspace in the folder, or above it."""


class OlderWorkspace(StoreError):
    """The schema is older than the program's, and the store was opened for reading only."""


class NewerWorkspace(StoreError):
    """The schema is newer than the program's."""


class UnusableEngine(StoreError):
    """Python's SQLite library is too old for the schema, or unsafe in the journal mode of this workspace."""


class Unwritable(StoreError):
    """A folder or file cannot be opened or written: permissions, a read-only file system, another file in its place."""


class Busy(StoreError):
    """Another process kept the database locked for longer than the timeout. Nothing was changed; try again."""


class DiskFull(StoreError):
    """The disk, the quota or the file size limit is used up. Nothing was changed."""


class Corrupt(StoreError):
    """A file is damaged, or is not what its name says."""


class Foreign(StoreError):
    """The database has something that this program never writes, so that it may do harm. Nothing was changed."""


class Gone(StoreError):
    """The workspace was deleted, moved or replaced while it was open. Nothing was written."""


class Damaged(Corrupt):
    """A row is not what was written. run_id: the run that it belongs to, if it belongs to one."""

    def __init__(self, message: str, run_id: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id


class Conflict(StoreError):
    """A row contradicts the rows that are there: a second history row for a step, a reference to no row."""


class InUse(StoreError):
    """Runs are being trained, so that they cannot be deleted. Nothing was changed."""


class LeaseLost(StoreError):
    """The run is no longer held by this attempt of this worker. Nothing was written."""


class NotFound(StoreError):
    """There is no run or study of a name."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        """kind: what was looked for, in words. name: what the user wrote. known: all names that there are."""
        super().__init__(f"there is no {kind} {name!r}")
        self.kind = kind
        self.name = name
        self.known = list(known)

    def __reduce__(self) -> tuple[type[NotFound], tuple[str, str, list[str]]]:
        return NotFound, (self.kind, self.name, self.known)


def beside(database: Path) -> tuple[Path, Path, Path]:
    """Return the files that SQLite keeps beside a database: its journal, its write-ahead log and the log's index."""
    journal, wal, index = (database.with_name(f"{database.name}-{kind}") for kind in ("journal", "wal", "shm"))
    return journal, wal, index


def restore(database: Path) -> str:
    """Return the advice to restore a database, as the end of a message."""
    names = [path.name for path in beside(database)]
    return f"restore it from a backup, and move {', '.join(names[:-1])} and {names[-1]} away if they are there"


LONGEST_PATH = 504  # bytes of a database's path: SQLite takes 512, and adds the ending of the journal
REPAIR = "`rnnctl doctor` tells what is damaged, and with --repair sets it aside"

# What Python's sqlite3 says if it cannot decode a text, as a column or as an argument of `sums.row_sum`.
_NO_TEXT = ("Could not decode to UTF-8", "user-defined function raised exception")
_DAMAGED_ROW = "a damaged row"  # from the triggers of store/summed_tables.py

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_ACCESS = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn errors of sqlite3 and of the operating system about `path` into StoreErrors."""
    try:
        yield
    except sqlite3.Error as error:
        known = _of_sqlite(error, path)
        if known is None:
            raise
        raise known from error
    except UnicodeDecodeError as error:  # from sqlite3, about a text in its own message
        raise Corrupt(f"{path} is damaged (a name in it is not UTF-8); restore it from a backup") from error
    except OSError as error:
        raise of_system(error, path) from error


def of_system(error: OSError, path: Path, context: str = "") -> StoreError:
    """Return the StoreError for an error of the operating system.

    path: what it is about, unless the error itself names a file. context: the beginning of the message.
    """
    path = Path(error.filename) if isinstance(error.filename, (str, Path)) else path
    reason = error.strerror or str(error)
    kind, text = StoreError, f"{path} cannot be used: {reason}"
    if error.errno in _DISK_FULL:
        kind, text = DiskFull, _disk_full(path)
    elif error.errno in _NO_ACCESS:
        kind, text = Unwritable, _no_access(path)
    elif error.errno in _IN_THE_WAY:
        kind, text = Unwritable, f"{path} cannot be used: {reason.lower()}; move it away or choose another folder"
    translation = kind(context + text)
    translation.reason = reason
    return translation


def _of_sqlite(error: sqlite3.Error, path: Path) -> StoreError | None:
    """Return the StoreError for an error of sqlite3, by its result code; None for a mistake of the program."""
    text = str(error)
    if text.startswith(_NO_TEXT):
        return Damaged(f"{path} has a text that is not UTF-8; {REPAIR}")
    extended = getattr(error, "sqlite_errorcode", None)
    if extended is None:
        return None
    primary = extended & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy(f"{path} is locked by another program; close what holds it open, then try again")
    # SQLite reports only ENOSPC as full. A used-up quota or file size limit arrives as a failed write.
    if primary == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_WRITE:
        return DiskFull(_disk_full(path))
    if primary == sqlite3.SQLITE_CANTOPEN and (length := len(os.fsencode(path))) > LONGEST_PATH:
        return Unwritable(
            f"{path} has {length:,} bytes, and SQLite takes at most {LONGEST_PATH}; use a folder with a shorter path"
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return Unwritable(_no_access(path))
    if primary == sqlite3.SQLITE_NOTADB:
        return Corrupt(f"{path} is not a database; move it away, or {restore(path)}")
    if primary == sqlite3.SQLITE_CORRUPT:
        return Corrupt(f"{path} is damaged ({error}); {restore(path)}")
    if primary == sqlite3.SQLITE_TOOBIG:
        return Foreign(f"{path} has a value that is larger than any that rnnctl writes")
    if primary == sqlite3.SQLITE_IOERR:
        # The name tells which call failed: a lock, a write to the disk, a file that somebody else deleted.
        kind = getattr(error, "sqlite_errorname", "")
        return StoreError(f"{path} could not be read or written ({error}, {kind}); check the disk, then try again")
    if text == _DAMAGED_ROW:
        return Damaged(f"{path} has a damaged row, which cannot be changed; {REPAIR}")
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return Conflict(f"{path} refused a row that contradicts the rows in it: {error}")
    return None


def _disk_full(path: Path) -> str:
    return f"no room left to write {path} (disk, quota or file size limit); free some, then try again"


def _no_access(path: Path) -> str:
    return (
        f"{path} cannot be opened or written: no permission, a read-only file system, or a folder in its "
        "place; change that or use another folder"
    )
