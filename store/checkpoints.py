"""Checkpoint files: written so that a file under its final name is whole, checked before they are trusted.

A file counts once a row in the database points to it (`commits.commit`). The row keeps size and sha256: a
flipped bit inside a tensor loads without complaint. The newest two of a run are kept, so that there is one to
fall back on.
"""

from __future__ import annotations

import errno
import hashlib
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from store.connection import Store
from store.errors import of_system, translated
from store.files import write_whole
from store.workspace import Workspace

KEPT = 2  # sound checkpoints kept for each run
_ATTEMPT = re.compile(r"attempt-(\d+)-")  # how the names of files begin that `write` makes


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds all that is needed to go on with a run from a step."""

    run_id: str
    attempt: int  # that wrote it
    step: int  # updates done
    path: str  # relative to the workspace, with slashes
    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class PassedOver:
    """A checkpoint that cannot be used, and why, in words."""

    checkpoint: Checkpoint
    reason: str


@dataclass(frozen=True)
class Resumption:
    """Where a run can go on, and what had to be passed over to get there."""

    checkpoint: Checkpoint | None  # the newest sound one; None for the beginning of the run
    passed_over: list[PassedOver]  # newest first


def write(
    workspace: Workspace, run_id: str, attempt: int, step: int, writer: Callable[[BinaryIO], object]
) -> Checkpoint:
    """Write a checkpoint file with `writer(file)`. It counts only after `commits.commit` has committed it.

    The file is complete or not there, even if the process is killed. The name has the attempt, by which `sweep`
    works, the step, for people, and a random part so that no file is ever overwritten. Raises DiskFull, Unwritable
    or another StoreError if the operating system refuses to write; other errors of `writer` pass through.
    """
    folder = workspace.checkpoints / run_id
    path = folder / f"attempt-{attempt:04d}-step-{step:09d}-{secrets.token_hex(4)}.ckpt"
    try:
        write_whole(path, writer)
        with translated(path):
            sha256, size = _sum(path), path.stat().st_size
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return Checkpoint(run_id, attempt, step, path.relative_to(workspace.root).as_posix(), sha256, size)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def discard(workspace: Workspace, checkpoint: Checkpoint) -> None:
    """Remove a file that does not count, or no longer; if that fails, `integrity.orphans` will find it."""
    with suppress(OSError):
        (workspace.root / checkpoint.path).unlink()


def unsoundness(workspace: Workspace, checkpoint: Checkpoint) -> str | None:
    """Why the file is not what was written, or None if it is, bit for bit.

    Raises Unwritable or StoreError if that cannot be told just now (no permission, a file system that went
    away): a sound checkpoint must not be given up for that.
    """
    path = workspace.root / checkpoint.path
    try:
        size = path.stat().st_size
        if size != checkpoint.size:
            return f"has {size} bytes instead of {checkpoint.size}"
        if _sum(path) != checkpoint.sha256:
            return "its content has changed (sha256 differs)"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        if error.errno == errno.EIO:
            return "cannot be read from the disk"
        raise of_system(error, path) from error
    return None


def live(store: Store, run_id: str | None = None) -> list[Checkpoint]:
    """The checkpoints that runs may be resumed from, of one run or of all, newest first, unverified."""
    rows = store.rows(
        f"""SELECT run_id, attempt, step, path, sha256, size FROM checkpoints
            WHERE status = 'live' {"" if run_id is None else "AND run_id = :run_id"}
            ORDER BY run_id, step DESC, id DESC""",
        {"run_id": run_id},
    )
    return [Checkpoint(**row) for row in rows]


def newest_sound(store: Store, run_id: str) -> Resumption:
    """Find where a run can go on, reading its files from the newest back.

    Where something was passed over, `commits.rewind` must take the run back there before it goes on.
    """
    passed_over = []
    for checkpoint in live(store, run_id):
        reason = unsoundness(store.workspace, checkpoint)
        if reason is None:
            return Resumption(checkpoint, passed_over)
        passed_over.append(PassedOver(checkpoint, reason))
    return Resumption(None, passed_over)


def sweep(store: Store, run_id: str, attempt: int) -> list[Path]:
    """Remove what attempts before this one left in a run's folder and no live row points to; returns it.

    Nothing fences this, and nothing has to: earlier attempts are over, so that none of their files can come to
    count any more, and a later attempt, should this one have been overtaken, has a higher number in its files'
    names. Files with other names than `write` gives are left alone.
    """
    folder = store.workspace.checkpoints / run_id
    names = {Path(checkpoint.path).name for checkpoint in live(store, run_id)}
    with translated(folder):
        strays = [path for path in sorted(folder.glob("*")) if path.name not in names and _before(path, attempt)]
        for path in strays:
            path.unlink(missing_ok=True)
    return strays


def _before(path: Path, attempt: int) -> bool:
    """Whether the file's name says that an attempt before this one wrote it."""
    written_by = _ATTEMPT.match(path.name)
    return written_by is not None and int(written_by[1]) < attempt
