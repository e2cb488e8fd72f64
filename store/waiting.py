"""How a connection waits for the locks of other processes: for long, but not without a word.

Who talks to people hands in what tells them (`tell_waits`). Then the first wait of a process that takes longer than
QUIET is told, once. Workers hand in nothing: they report a store that stays busy as an event.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

QUIET = 2.0  # seconds that are waited without a word

Result = TypeVar("Result")

_tell: Callable[[str], object] | None = None


def tell_waits(tell: Callable[[str], object] | None) -> None:
    """Call `tell` with one line when a connection of this process has waited for a lock for QUIET seconds.

    None: tell nobody. It holds for connections that are opened afterwards.
    """
    global _tell
    _tell = tell


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Return whether an error says that another connection holds a lock."""
    code: int = getattr(error, "sqlite_errorcode", 0)  # an error of Python's own, about a text, has none
    return code & 0xFF == sqlite3.SQLITE_BUSY


class Waiting:
    """The patience of one connection. Without anybody to tell, SQLite waits for the whole timeout by itself."""

    def __init__(self, database: Path, timeout: float) -> None:
        self.timeout = timeout
        self.quiet = timeout if _tell is None else min(QUIET, timeout)  # seconds
        self._database = database

    def tell(self) -> None:
        """Say that the database is locked, unless this process has said so before."""
        global _tell
        if _tell is not None:
            tell, _tell = _tell, None
            tell(f"{self._database} is locked by another process; waiting for it, up to {self.timeout:.0f} s")

    def through(self, connection: sqlite3.Connection, action: Callable[[], Result]) -> Result:
        """Return what an action on the connection returns. Do it a second time if it was locked out for `quiet`."""
        try:
            return action()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or self.quiet == self.timeout:
                raise
        self.tell()
        set_patience(connection, self.timeout - self.quiet)
        try:
            return action()
        finally:
            set_patience(connection, self.quiet)


def set_patience(connection: sqlite3.Connection, seconds: float) -> None:
    """Let SQLite wait for locks for this long."""
    connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}").fetchall()
