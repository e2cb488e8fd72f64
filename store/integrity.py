"""Check that nothing that is kept is damaged. Findings are returned, not raised, so that doctor can list them all."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store import places
from store.checkpoints import is_live, live, unsoundness
from store.connection import Store
from store.errors import Corrupt, StoreError, translated
from store.registry import RunRecord
from store.tables import COUNTS, TABLES
from store.verification import (
    ASIDE,
    advice,
    all_sound,
    damaged_rows,
    miscounts,
    printable,
    read_json,
    structure_faults,
)


@dataclass(frozen=True)
class Finding:
    """One thing that is damaged."""

    kind: str  # database or checkpoint
    subject: str  # the file, relative to the workspace
    text: str


# A spec as it is stored -> the run that it describes, without a label; None if the program cannot read it.
Described = Callable[[dict[str, Any]], RunRecord | None]


def database_findings(store: Store, described: Described | None = None) -> list[Finding]:
    """Return what is damaged in the database: pages, indexes, rows, references, and specs that are not their runs'.

    described: what a spec says its run is; without it, specs are not compared with their runs.
    """
    name = store.workspace.database.name
    faults = structure_faults(store)
    findings = [Finding("database", name, fault) for fault in faults]
    try:
        findings += _row_findings(store)
        for table in COUNTS:
            findings += [
                Finding("database", name, f"{table} has {present:,} rows of run {run_id} instead of {expected:,}")
                for run_id, expected, present in miscounts(store, table)
            ]
        for row in store.rows("PRAGMA foreign_key_check"):
            which = "a row" if row["rowid"] is None else f"row {row['rowid']}"
            findings.append(Finding("database", name, f"{which} of {row['table']} refers to no row of {row['parent']}"))
        if described is not None and not findings:
            findings += _spec_findings(store, described)
    except Corrupt as error:
        if not findings:
            findings.append(Finding("database", name, str(error)))
    return findings


def _row_findings(store: Store) -> list[Finding]:
    name = store.workspace.database.name
    damaged = [row for table in (*TABLES, ASIDE) if not all_sound(store, table) for row in damaged_rows(store, table)]
    return [
        Finding(
            "database", name, f"a damaged row in {row.subject}; {advice(row.table, printable(row.run_id or 'RUN'))}"
        )
        for row in damaged
    ]


def _spec_findings(store: Store, described: Described) -> list[Finding]:
    """Return the runs whose specs are those of other runs."""
    rows = store.rows("SELECT run_id, spec FROM runs ORDER BY seq")
    pairs = zip(rows, read_json(store, "runs", (row["spec"] for row in rows)), strict=True)
    runs = ((row["run_id"], described(spec)) for row, spec in pairs)
    return [
        Finding("database", store.workspace.database.name, f"the spec of run {run_id} is that of run {run.run_id}")
        for run_id, run in runs
        if run is not None and run.run_id != run_id
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
            folder = aside / path.parent.name
            for level in (aside, folder):
                places.refuse_link(level)
            folder.mkdir(parents=True, exist_ok=True)
            place = _free_place(folder / path.name)
            moved.append(Path(shutil.move(path, place)))
            places.mark_of(path).unlink(missing_ok=True)
    return moved


def _free_place(path: Path) -> Path:
    """Return the path, or one with a number after it if there is something at the path."""
    numbered = (path.with_name(f"{path.name}.{number}") for number in itertools.count(2))
    return next(place for place in itertools.chain([path], numbered) if not os.path.lexists(place))
