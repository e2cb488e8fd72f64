"""Copy a workspace into another one while training goes on."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from store.checkpoints import Checkpoint, is_live, live, unsoundness
from store.connection import Store
from store.errors import Corrupt, Unwritable, of_system, translated
from store.files import sync_folder
from store.integrity import Finding, database_findings
from store.workspace import Workspace


@dataclass(frozen=True)
class BackedUp:
    """What a backup contains."""

    workspace: Workspace
    checkpoints: int  # files copied whose sha256 is that of what was written
    damaged: list[Finding]  # checkpoints whose file is missing, or is not what was written, in the copy
    replaced: list[str]  # paths of checkpoints that newer ones had replaced before they were copied


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
        _copy_database(store, target)
        made = _copy_checkpoints(store, target) if checkpoints else BackedUp(target, 0, [], [])
    except BaseException:
        shutil.rmtree(target.root, ignore_errors=True)
        raise
    return made


def _copy_database(store: Store, target: Workspace) -> None:
    store.copy_to(target.database)
    with Store.open(target.root) as copy:
        findings = database_findings(copy)
    if findings:
        raise Corrupt(f"the backup of {store.workspace.database} is damaged: {findings[0].text}")


def _copy_checkpoints(store: Store, target: Workspace) -> BackedUp:
    """Copy each file that the copied database points to, and verify it. Return only when all are on the disk."""
    with Store.open(target.root, readonly=True) as copy:
        checkpoints = live(copy)
    sound = 0
    damaged: list[Finding] = []
    replaced: list[str] = []
    for checkpoint in checkpoints:
        reason = _copy_checkpoint(store.workspace, target, checkpoint)
        if reason is None:
            sound += 1
        elif not (target.root / checkpoint.path).exists() and not is_live(store, checkpoint):
            replaced.append(checkpoint.path)
        else:
            damaged.append(Finding("checkpoint", checkpoint.path, reason))
    folders = {(target.root / checkpoint.path).parent for checkpoint in checkpoints}
    for folder in sorted({*folders, *(folder.parent for folder in folders), target.root}):
        with translated(folder):
            sync_folder(folder)
    return BackedUp(target, sound, damaged, replaced)


def _copy_checkpoint(source: Workspace, target: Workspace, checkpoint: Checkpoint) -> str | None:
    """Copy a file; return why the copy is not what was written, None if it is bit for bit the same.

    A file that is missing or cannot be read from the disk is left out. Raises DiskFull, Unwritable or another
    StoreError if a sound file cannot be copied.
    """
    destination = target.root / checkpoint.path
    with translated(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source.root / checkpoint.path, destination)
            with destination.open("r+b") as file:
                os.fsync(file.fileno())
        except OSError as error:
            # The error does not tell whether reading or writing failed. A source that can be read was not the cause.
            reason = unsoundness(source, checkpoint)
            if reason is None:
                raise of_system(OSError(error.errno, error.strerror), destination) from error
            destination.unlink(missing_ok=True)
            return reason
    return unsoundness(target, checkpoint)
