"""Write checkpoint files, and check them before a run is resumed from them.

A file counts as soon as a row in the database points to it (`commits.commit`). The row keeps size and sha256, because a
tensor with a flipped bit loads without an error. The newest two checkpoints of a run are kept, so that there is one to
fall back on.

A database that was restored from an older backup does not know the newest files. They must not be taken for what a
killed attempt left behind, so a file is marked as uncommitted (see `places`) until its row is in the database.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from store import places
from store.connection import Store
from store.errors import of_system, translated
from store.files import write_whole
from store.verification import verify_runs
from store.workspace import Workspace

KEPT = 2  # sound checkpoints kept for each run
# Reasons why a file is not what was written.
MISSING = "is missing"
UNREADABLE = "cannot be read from the disk"


@dataclass(frozen=True)
class Checkpoint:
    """A file with everything that is needed to continue a run from a step."""

    run_id: str
    attempt: int  # the one that wrote it
    step: int  # updates done
    path: str  # relative to the workspace, with slashes
    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class PassedOver:
    """A checkpoint that cannot be used, and the reason in words."""

    checkpoint: Checkpoint
    reason: str


@dataclass(frozen=True)
class Resumption:
    """Where a run can continue, and the newer checkpoints that cannot be used."""

    checkpoint: Checkpoint | None  # the newest sound one; None: from the beginning of the run
    passed_over: list[PassedOver]  # newest first


def write(
    workspace: Workspace, run_id: str, attempt: int, step: int, writer: Callable[[BinaryIO], object]
) -> Checkpoint:
    """Write a checkpoint file with `writer(file)`. It counts only after `commits.commit` has committed it.

    The file is complete or not there, even if the process is killed. The name has the attempt, by which `sweep`
    works, the step, for people, and a random part so that no file is ever overwritten. Raises DiskFull, Unwritable
    or another StoreError if the operating system refuses to write, and Gone if the workspace was deleted; other errors
    of `writer` pass through.
    """
    path = places.make_folder(workspace, run_id) / places.new_name(attempt, step)
    try:
        with translated(path):
            places.mark_of(path).touch()
        write_whole(path, writer)
        with translated(path), path.open("rb") as file:
            sha256, size = _sha256(file), os.fstat(file.fileno()).st_size
    except BaseException:
        _remove(path)
        raise
    return Checkpoint(run_id, attempt, step, path.relative_to(workspace.root).as_posix(), sha256, size)


def add(store: Store, checkpoint: Checkpoint, now: float) -> None:
    """Make a checkpoint count, inside the caller's transaction."""
    store.execute(
        """INSERT INTO checkpoints (run_id, attempt, step, path, sha256, size, at)
           VALUES (:run_id, :attempt, :step, :path, :sha256, :size, :now)""",
        {**vars(checkpoint), "now": now},
    )


def discard(workspace: Workspace, checkpoint: Checkpoint) -> None:
    """Remove a file that does not count (any more); if that fails, `integrity.orphans` will find it.

    Raises as `file_of` does: nothing but a checkpoint of the run is ever removed.
    """
    _remove(file_of(workspace, checkpoint))


def _remove(file: Path) -> None:
    """Remove a file and its mark, if the operating system allows it. The mark goes last: it tells what the file is."""
    with suppress(OSError):
        file.unlink(missing_ok=True)
        places.mark_of(file).unlink(missing_ok=True)


def mark_committed(workspace: Workspace, checkpoint: Checkpoint) -> None:
    """Note that a row of the database names the file. If the mark cannot be removed, the next `sweep` does it."""
    with suppress(OSError):
        places.mark_of(file_of(workspace, checkpoint)).unlink(missing_ok=True)


def file_of(workspace: Workspace, checkpoint: Checkpoint) -> Path:
    """Return the file of a checkpoint. Raises Foreign for a path that leads elsewhere, Unwritable for a link."""
    return places.file_of(workspace, checkpoint.run_id, checkpoint.path)


def unsoundness(workspace: Workspace, checkpoint: Checkpoint) -> str | None:
    """Return why the file is not what was written, None if it is bit for bit the same.

    Raises Unwritable or another StoreError if the file cannot be read at the moment (no permission, a file system that
    is not mounted): a sound checkpoint must not be given up for that. Raises as `file_of` does.
    """
    path = file_of(workspace, checkpoint)
    try:
        with path.open("rb") as file:
            return unsound_content(file, checkpoint)
    except FileNotFoundError:
        return MISSING
    except OSError as error:
        if error.errno == errno.EIO:
            return UNREADABLE
        raise of_system(error, path) from error


def unsound_content(file: BufferedReader, checkpoint: Checkpoint) -> str | None:
    """Return why an open file is not what was written, None if it is bit for bit the same. Raises OSError."""
    size = os.fstat(file.fileno()).st_size
    if size != checkpoint.size:
        return f"has {size} bytes instead of {checkpoint.size}"
    file.seek(0)
    if _sha256(file) != checkpoint.sha256:
        return "its content has changed (sha256 differs)"
    return None


def _sha256(file: BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def live(store: Store, run_id: str | None = None) -> list[Checkpoint]:
    """Return the checkpoints that runs may be resumed from, of one run or of all, newest first.

    Their files are not checked. Raises Damaged if a row of the one run is not what was written, or is missing.
    """
    if run_id is not None:
        verify_runs(store, "checkpoints", [run_id])
    rows = store.rows(
        f"""SELECT run_id, attempt, step, path, sha256, size FROM checkpoints
            WHERE status = 'live' {"" if run_id is None else "AND run_id = :run_id"}
            ORDER BY run_id, step DESC, id DESC""",
        {"run_id": run_id},
    )
    return [Checkpoint(**row) for row in rows]


def is_live(store: Store, checkpoint: Checkpoint) -> bool:
    """Return whether a run may still be resumed from the checkpoint: newer ones may have replaced it meanwhile."""
    return bool(store.value("SELECT count(*) FROM checkpoints WHERE path = ? AND status = 'live'", (checkpoint.path,)))


def newest_sound(store: Store, run_id: str) -> Resumption:
    """Return where a run can continue; reads its files, newest first, until one is sound.

    If a checkpoint was passed over, `commits.rewind` must take the run back before it continues.
    """
    passed_over: list[PassedOver] = []
    for checkpoint in live(store, run_id):
        reason = unsoundness(store.workspace, checkpoint)
        if reason is None:
            return Resumption(checkpoint, passed_over)
        passed_over.append(PassedOver(checkpoint, reason))
    return Resumption(None, passed_over)


def sweep(store: Store, run_id: str, attempt: int) -> list[Path]:
    """Remove what earlier attempts left in a run's folder: uncommitted files and replaced checkpoints; return them.

    A finished file that is not marked as uncommitted, and that no row of the database names, is left alone: a newer
    database, which an older one has replaced, may have named it.

    This needs no fence: earlier attempts are over, so none of their files can come to count any more. If a later
    attempt has taken over meanwhile, its files have a higher number in their names.
    """
    folder = places.folder_of(store.workspace, run_id)
    kept = {Path(checkpoint.path).name for checkpoint in live(store, run_id)}
    replaced = store.rows("SELECT path FROM checkpoints WHERE run_id = ? AND status <> 'live'", (run_id,))
    names = {Path(row["path"]).name for row in replaced}
    with translated(folder):
        earlier = [path for path in sorted(folder.glob("*")) if _before(path, attempt)]
        marks = [path for path in earlier if places.is_mark(path)]
        names |= {path.name for path in earlier if places.is_unfinished(path) or places.mark_of(path) in marks}
        strays = [path for path in earlier if path.name in names - kept]
        for path in [*strays, *marks]:  # marks go last: they tell what the files are
            path.unlink(missing_ok=True)
    return strays


def _before(path: Path, attempt: int) -> bool:
    """Return whether an earlier attempt wrote the file, by its name."""
    wrote = places.attempt_of(path)
    return wrote is not None and wrote < attempt
