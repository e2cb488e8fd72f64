"""Copy a workspace into another one while training goes on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from store.checkpoints import live
from store.connection import Store
from store.errors import Corrupt, Unwritable, translated
from store.integrity import database_findings
from store.workspace import Workspace


@dataclass(frozen=True)
class BackedUp:
    """What a backup contains."""

    workspace: Workspace
    checkpoints: int  # files copied
    missing: list[str]  # paths of checkpoints that newer ones had replaced before they were copied


def backup(store: Store, destination: str | Path, checkpoints: bool = False) -> BackedUp:
    """Copy the database as of this moment into a new workspace, verify it, and add the checkpoints if asked.

    A run in the copy that has no checkpoint there can be examined, but starts again from the beginning when it is
    trained. Raises Unwritable if destination exists and is not an empty folder, DiskFull, and Corrupt if the copy is
    damaged; then nothing is left behind.
    """
    target = Workspace(Path(destination))
    with translated(target.root):
        if target.root.exists() and not (target.root.is_dir() and not any(target.root.iterdir())):
            raise Unwritable(f"{target.root} exists already; name a new folder for the backup")
        target.root.mkdir(parents=True, exist_ok=True)
    try:
        _copy_database(store, target)
        copied, missing = _copy_checkpoints(store.workspace, target) if checkpoints else (0, [])
    except BaseException:
        shutil.rmtree(target.root, ignore_errors=True)
        raise
    return BackedUp(target, copied, missing)


def _copy_database(store: Store, target: Workspace) -> None:
    store.copy_to(target.database)
    with Store.open(target.root) as copy:
        findings = database_findings(copy)
    if findings:
        raise Corrupt(f"the backup of {store.workspace.database} is damaged: {findings[0].text}")


def _copy_checkpoints(source: Workspace, target: Workspace) -> tuple[int, list[str]]:
    """Copy each file that the copied database points to; return how many, and which training has removed meanwhile."""
    with Store.open(target.root, readonly=True) as copy:
        paths = [checkpoint.path for checkpoint in live(copy)]
    missing = []
    for path in paths:
        destination = target.root / path
        with translated(destination):
            destination.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(source.root / path, destination)
            except FileNotFoundError:
                missing.append(path)
    return len(paths) - len(missing), missing
