"""Temporary folders that go even if the process that made one was killed: the next one that makes one removes them."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AGE = 60.0  # seconds after which a folder must have been locked by the process that made it


@contextmanager
def temporary_folder(prefix: str, root: Path | None = None) -> Iterator[Path]:
    """Inside `with`, have an empty folder in `root`, the usual place for temporary files if it is not said.

    prefix: of its name. Folders with this prefix whose processes are gone are removed first. A process holds a lock on
    its folder, which tells that it lives also to processes of other containers.
    """
    root = Path(tempfile.gettempdir()) if root is None else root
    for folder in root.glob(f"{prefix}*"):
        _remove_if_left(folder)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_if_left(folder: Path) -> None:
    """Remove a folder that no process has locked. One that is not ours cannot be opened, or not be removed."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        if time.time() - os.fstat(lock).st_mtime < AGE:
            return
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
    finally:
        os.close(lock)
