"""Is everything that is kept still whole? Findings are returned, not raised: doctor lists them all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from store.checkpoints import Checkpoint, live, unsoundness
from store.connection import Store
from store.errors import Corrupt, StoreError, translated


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be."""

    kind: str  # database or checkpoint
    subject: str  # the file it is about, relative to the workspace
    text: str


def database_findings(store: Store) -> list[Finding]:
    """What SQLite's own checks find: damaged pages and indexes, rows that refer to nothing."""
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
    """Each kept checkpoint whose file is not, bit for bit, what was written. Reads all of them."""
    findings = []
    for checkpoint in live(store):
        try:
            reason = unsoundness(store.workspace, checkpoint)
        except StoreError as error:
            reason = str(error)
        # One that is gone from the database as well was superseded while we were reading.
        if reason is not None and _is_live(store, checkpoint):
            findings.append(Finding("checkpoint", checkpoint.path, reason))
    return findings


def orphans(store: Store) -> list[Path]:
    """Checkpoint files that no row points to: what killed attempts and cut-off removals left behind.

    Folders of running runs are left out, because a file that is about to be committed has no row yet.
    """
    folder = store.workspace.checkpoints
    running = {row[0] for row in store.rows("SELECT run_id FROM jobs WHERE status = 'running'")}
    counted = {store.workspace.root / checkpoint.path for checkpoint in live(store)}
    with translated(folder):
        files = [path for path in sorted(folder.glob("*/*")) if path.parent.name not in running]
    return [path for path in files if path not in counted]


def remove_orphans(store: Store) -> list[Path]:
    """Remove what `orphans` finds, and return it. No run can be claimed meanwhile."""
    with store.transaction():
        found = orphans(store)
        for path in found:
            with translated(path):
                path.unlink(missing_ok=True)
    return found


def _is_live(store: Store, checkpoint: Checkpoint) -> bool:
    return bool(store.value("SELECT count(*) FROM checkpoints WHERE path = ? AND status = 'live'", (checkpoint.path,)))
