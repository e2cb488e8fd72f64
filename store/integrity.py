"""Check that nothing that is kept is damaged. Findings are returned, not raised, so that doctor can list them all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from store.checkpoints import is_live, live, unsoundness
from store.connection import Store
from store.errors import Corrupt, StoreError, translated


@dataclass(frozen=True)
class Finding:
    """One thing that is damaged."""

    kind: str  # database or checkpoint
    subject: str  # the file, relative to the workspace
    text: str


def database_findings(store: Store) -> list[Finding]:
    """Return what the checks of SQLite find: damaged pages and indexes, rows that refer to a missing row."""
    name = store.workspace.database.name
    try:
        damage = [row[0] for row in store.rows("PRAGMA quick_check") if row[0] != "ok"]
        dangling = store.rows("PRAGMA foreign_key_check")
    except Corrupt as error:
        return [Finding("database", name, str(error))]
    return [Finding("database", name, text) for text in damage] + [
        Finding("database", name, f"row {row['rowid']} of {row['table']} refers to no row of {row['parent']}")
        for row in dangling
    ]


def checkpoint_findings(store: Store) -> list[Finding]:
    """Return the live checkpoints whose files are not bit for bit what was written. Reads all files."""
    findings = []
    for checkpoint in live(store):
        try:
            reason = unsoundness(store.workspace, checkpoint)
        except StoreError as error:
            reason = str(error)
        # A checkpoint that is no longer live was replaced by a newer one while this loop was reading.
        if reason is not None and is_live(store, checkpoint):
            findings.append(Finding("checkpoint", checkpoint.path, reason))
    return findings


def orphans(store: Store) -> list[Path]:
    """Return checkpoint files that no row points to: killed attempts and interrupted removals left them behind.

    Folders of running runs are left out, because a file that is about to be committed has no row yet.
    """
    folder = store.workspace.checkpoints
    running = {row[0] for row in store.rows("SELECT run_id FROM jobs WHERE status = 'running'")}
    counted = {store.workspace.root / checkpoint.path for checkpoint in live(store)}
    with translated(folder):
        files = [path for path in sorted(folder.glob("*/*")) if path.parent.name not in running]
    return [path for path in files if path not in counted]


def remove_orphans(store: Store) -> list[Path]:
    """Remove the files that `orphans` returns, and return them. No run can be claimed meanwhile."""
    with store.transaction():
        paths = orphans(store)
        for path in paths:
            with translated(path):
                path.unlink(missing_ok=True)
    return paths
