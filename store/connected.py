"""Which databases this process is connected to.

The locks of SQLite are POSIX record locks, which belong to a whole process: when any thread closes any handle of a
file, all locks of the process on that file are gone, those of a transaction in another thread too. Two processes can
then write at once (https://www.sqlite.org/howtocorrupt.html, section 2.2). SQLite takes care of the handles that it
opened itself. So the content of a database file is read without SQLite only while the process has no connection to it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

File = tuple[int, int]  # device and inode: what tells a file from any other, whatever its path

_lock = threading.RLock()
_connections: Counter[File | None] = Counter()


def identity(path: Path) -> File | None:
    """Return what tells a file from any other, None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def opening(database: Path) -> Iterator[bool]:
    """Inside `with`, no other thread opens or closes a connection. Yield whether there is one to this database."""
    with _lock:
        yield _connections[identity(database)] > 0


def add(file: File | None) -> None:
    """Count a connection to a file, before its first lock."""
    with _lock:
        _connections[file] += 1


def remove(file: File | None) -> None:
    """Count a connection no more, after it is closed."""
    with _lock:
        _connections[file] -= 1
        if _connections[file] <= 0:
            del _connections[file]
