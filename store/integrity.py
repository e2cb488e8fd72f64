"""Check that nothing that is kept is damaged. Findings are returned, not raised, so that doctor can list them all."""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from store import names, places
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


def name_findings(store: Store) -> list[Finding]:
    """Return the first name that is not allowed, because it would lead elsewhere as part of a path."""
    name = names.wrong(store)
    return (
        []
        if name is None
        else [Finding("database", store.workspace.database.name, f"has {name}, which is not allowed")]
    )


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

    A database that was lost, or restored from an older backup, leaves such files too. Folders of running runs are left
    out, because a file that is about to be committed has no row yet.
    """
    running = {row[0] for row in store.rows("SELECT run_id FROM jobs WHERE status = 'running'")}
    named = {store.workspace.root / checkpoint.path for checkpoint in live(store)}
    return [path for path in places.files(store.workspace) if path.parent.name not in running and path not in named]


def set_orphans_aside(store: Store) -> list[Path]:
    """Move the files that `orphans` returns into the folder `set-aside`, and return their new places.

    They are not removed, because a lost database may have named them. No run can be claimed meanwhile.
    """
    aside = store.workspace.set_aside
    moved = []
    with store.transaction(), translated(aside):
        for path in orphans(store):
            place = _free_place(aside / path.parent.name / path.name)
            places.refuse_link(aside)
            place.parent.mkdir(parents=True, exist_ok=True)
            moved.append(Path(shutil.move(path, place)))
    return moved


def _free_place(path: Path) -> Path:
    """Return the path, or one with a number after it if there is something at the path."""
    numbered = (path.with_name(f"{path.name}.{number}") for number in itertools.count(2))
    return next(place for place in itertools.chain([path], numbered) if not os.path.lexists(place))
