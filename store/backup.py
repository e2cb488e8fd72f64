"""Copy a workspace into another one while training goes on.

Training replaces checkpoints: a run may do so several times while others are copied. So the files are opened before the
next commit can replace any of them, at the same moment that the database is copied of. An open file can be read to its
end even after it was removed. What cannot be kept open may be gone when its turn comes; then all is done again with a
newer copy of the database, a few times.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from store.checkpoints import (
    MISSING,
    UNREADABLE,
    Checkpoint,
    file_of,
    is_live,
    live,
    unsound_content,
    unsoundness,
)
from store.connection import Store
from store.errors import Corrupt, Unwritable, of_system, translated
from store.files import sync_folder
from store.integrity import Finding, database_findings
from store.workspace import Workspace

ROUNDS = 5  # copies of the database that are made, at most, until none of its checkpoints is gone
SPARE = 64  # file descriptors that are left to the rest of the process


@dataclass(frozen=True)
class BackedUp:
    """What a backup contains."""

    workspace: Workspace
    checkpoints: int  # files copied whose sha256 is that of what was written
    damaged: list[Finding]  # checkpoints whose file is missing, or is not what was written, in the copy
    replaced: list[str]  # paths of checkpoints that are missing because newer ones kept replacing them


def backup(store: Store, destination: str | Path, checkpoints: bool = False) -> BackedUp:
    """Copy the database as of this moment into a new workspace, verify it, and add the checkpoints if asked.

    Each checkpoint is verified in the copy. One that is damaged does not stop the backup, because it is usually damaged
    in the workspace too: it is copied as it is, if it can be read, and returned in `damaged`.

    A run in the copy that has no checkpoint there can be examined, but starts again from the beginning when it is
    trained. Raises Unwritable if destination exists and is not an empty folder, DiskFull, and Corrupt if the copy of
    the database is damaged; then nothing is left behind.
    """
    target = Workspace(Path(destination))
    with translated(target.root):
        if target.root.exists() and not (target.root.is_dir() and not any(target.root.iterdir())):
            raise Unwritable(f"{target.root} exists already; name a new folder for the backup")
        target.root.mkdir(parents=True, exist_ok=True)
    try:
        return _Copy(store, target).make(checkpoints)
    except BaseException:
        shutil.rmtree(target.root, ignore_errors=True)
        raise


class _Copy:
    """A copy while it is made, in one round or several."""

    def __init__(self, store: Store, target: Workspace) -> None:
        self._store = store
        self._target = target
        self._reasons: dict[str, str | None] = {}  # path of a copied checkpoint -> why it is not sound, if it is not

    def make(self, checkpoints: bool) -> BackedUp:
        """Copy everything; return only when it is on the disk."""
        for _ in range(ROUNDS):
            with ExitStack() as files:
                with self._store.snapshot():
                    named = _most_endangered_first(self._store) if checkpoints else []
                    opened = _opened(self._store.workspace, named, files)
                    self._copy_database()
                self._verify_database()
                replaced = [checkpoint for checkpoint in named if not self._copy_checkpoint(checkpoint, opened)]
            if not replaced:
                break
        return self._finished(named, [checkpoint.path for checkpoint in replaced])

    def _copy_database(self) -> None:
        with translated(self._target.database):
            self._target.database.unlink(missing_ok=True)
        self._store.copy_to(self._target.database)

    def _verify_database(self) -> None:
        with Store.open(self._target.root) as copy:
            findings = database_findings(copy)
        if findings:
            raise Corrupt(f"the backup of {self._store.workspace.database} is damaged: {findings[0].text}")

    def _copy_checkpoint(self, checkpoint: Checkpoint, opened: dict[str, BufferedReader]) -> bool:
        """Copy a file unless an earlier round did; return False if newer checkpoints have replaced it.

        opened: files by path. Each is closed when it has been copied.
        """
        if checkpoint.path not in self._reasons:
            reason: str | None
            try:
                with opened.pop(checkpoint.path, None) or _open(self._store.workspace, checkpoint) as source:
                    reason = _copy_file(source, self._target, checkpoint)
            except FileNotFoundError:
                if not is_live(self._store, checkpoint):
                    return False
                reason = MISSING
            except OSError as error:
                if error.errno != errno.EIO:
                    raise of_system(error, file_of(self._store.workspace, checkpoint)) from error
                reason = UNREADABLE
            self._reasons[checkpoint.path] = reason
        return True

    def _finished(self, named: Sequence[Checkpoint], replaced: list[str]) -> BackedUp:
        """Remove what only earlier rounds needed, and put the names of the files on the disk."""
        paths = {checkpoint.path: file_of(self._target, checkpoint) for checkpoint in named}
        for path in self._reasons.keys() - paths.keys():
            with translated(self._target.root):
                (self._target.root / path).unlink(missing_ok=True)
        folders = {path.parent for path in paths.values() if path.parent.exists()}
        for folder in sorted({*folders, *(folder.parent for folder in folders), self._target.root}):
            with translated(folder):
                sync_folder(folder)
        reasons = {path: self._reasons[path] for path in paths if path in self._reasons}
        damaged = [
            Finding("checkpoint", path, reason) for path, reason in sorted(reasons.items()) if reason is not None
        ]
        return BackedUp(self._target, len(reasons) - len(damaged), damaged, sorted(replaced))


def _most_endangered_first(store: Store) -> list[Checkpoint]:
    """Return the live checkpoints: first those of running runs, last those of finished ones, which stay."""
    order = {"running": 0, "done": 2}
    statuses = {row["run_id"]: row["status"] for row in store.rows("SELECT run_id, status FROM jobs")}
    return sorted(live(store), key=lambda checkpoint: order.get(statuses.get(checkpoint.run_id, ""), 1))


def _opened(workspace: Workspace, checkpoints: Sequence[Checkpoint], files: ExitStack) -> dict[str, BufferedReader]:
    """Open as many files as this process may, and return them by path. files: closes them.

    What cannot be opened is left out, so that the reason is found when its turn comes.
    """
    opened: dict[str, BufferedReader] = {}
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE
    for checkpoint in checkpoints:
        if len(opened) >= most:
            break
        try:
            opened[checkpoint.path] = files.enter_context(_open(workspace, checkpoint))
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                break
    return opened


def _open(workspace: Workspace, checkpoint: Checkpoint) -> BufferedReader:
    return file_of(workspace, checkpoint).open("rb")


def _copy_file(source: BufferedReader, target: Workspace, checkpoint: Checkpoint) -> str | None:
    """Copy a file; return why the copy is not what was written, None if it is bit for bit the same.

    A file that cannot be read from the disk is left out. Raises DiskFull, Unwritable or another StoreError if a sound
    file cannot be copied.
    """
    destination = file_of(target, checkpoint)
    with translated(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            with destination.open("wb") as copy:
                shutil.copyfileobj(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
        except OSError as error:
            # The error does not tell whether reading or writing failed. A source that can be read was not the cause.
            reason = _why_unreadable(source, checkpoint)
            if reason is None:
                raise of_system(OSError(error.errno, error.strerror), destination) from error
            destination.unlink(missing_ok=True)
            return reason
    return unsoundness(target, checkpoint)


def _why_unreadable(source: BufferedReader, checkpoint: Checkpoint) -> str | None:
    try:
        return unsound_content(source, checkpoint)
    except OSError:
        return UNREADABLE
