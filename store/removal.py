"""Delete studies and runs: the only statements that remove what was registered or trained.

A run goes when no other study names it. Its rows go in one transaction, its files after that: a process that is killed
in between leaves files that the database does not name, which `integrity.orphans` finds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from store import places
from store.connection import Store
from store.encoding import to_json
from store.errors import InUse, translated
from store.membership import NAMED
from store.queries import Membership
from store.tables import TABLES


@dataclass(frozen=True)
class Removal:
    """What is deleted.

    runs: each as part of one study. kept: runs that leave their study, and that another study names. rows: how many of
    each kind go, by the name of the table. row_bytes: of their content, which the database keeps as free space.
    """

    studies: list[str]
    runs: list[Membership]
    kept: list[Membership]
    rows: dict[str, int]
    row_bytes: int
    files: list[Path]
    file_bytes: int
    running: list[Membership] = field(default_factory=list)  # runs that are being trained: nothing can be deleted


def planned(
    store: Store,
    studies: Iterable[str] = (),
    members: Iterable[Membership] = (),
    *,
    now: float = 0.0,
    dead_workers: Iterable[str] = (),
) -> Removal:
    """Return what `delete` would delete.

    studies: by name, with all their runs. members: runs as parts of studies. now: a run whose lease ended before is not
    being trained, and neither is one of dead_workers, those whose process is known to be gone.
    """
    with store.snapshot():
        return _plan(store, list(studies), list(members), now, list(dead_workers))


def delete(
    store: Store,
    studies: Iterable[str] = (),
    members: Iterable[Membership] = (),
    *,
    now: float = 0.0,
    dead_workers: Iterable[str] = (),
) -> Removal:
    """Delete studies with all their runs, and single runs of studies; return what was deleted.

    The arguments are those of `planned`. A run that another study names only leaves the study. Raises InUse, and
    changes nothing, if a run is being trained.
    """
    wanted, single = list(studies), list(members)
    with store.transaction():
        removal = _plan(store, wanted, single, now, list(dead_workers))
        if removal.running:
            names = [f"{run.study}/{run.label}" for run in removal.running]
            raise InUse(f"nothing was deleted: {_in_words(names)} being trained; stop that, or `rnnctl cancel` first")
        store.execute("PRAGMA defer_foreign_keys = ON")  # until all rows are gone
        _delete_rows(store, removal, single)
    # Only files that were there while no run of theirs was trained: a run may be registered and trained anew by now.
    for path in removal.files:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    for folder in dict.fromkeys(path.parent for path in removal.files):
        with suppress(OSError):
            folder.rmdir()  # unless somebody put another file there
    return removal


def _in_words(names: Sequence[str]) -> str:
    return f"run {names[0]} is" if len(names) == 1 else f"{len(names):,} runs, such as {names[0]}, are"


def _plan(store: Store, studies: list[str], members: list[Membership], now: float, dead: list[str]) -> Removal:
    pairs = {(member.run_id, member.study) for member in members}
    rows = store.rows(
        f"""SELECT run_id, studies.name AS study, label, {NAMED} AS named,
                   status = 'running' AND lease_until >= :now
                   AND worker NOT IN (SELECT value FROM json_each(:dead)) AS running
            FROM labels JOIN studies ON studies.id = labels.study JOIN jobs USING (run_id)
            WHERE run_id IN (SELECT value FROM json_each(:runs))
               OR run_id IN (SELECT run_id FROM labels JOIN studies ON studies.id = labels.study
                             WHERE name IN (SELECT value FROM json_each(:studies)))
            ORDER BY seq, labels.study""",
        {
            "runs": to_json([run_id for run_id, _ in pairs]),
            "studies": to_json(studies),
            "now": now,
            "dead": to_json(dead),
        },
    )
    leaving = [row for row in rows if row["study"] in studies or (row["run_id"], row["study"]) in pairs]
    left = {(row["run_id"], row["study"]) for row in leaving}
    staying = {row["run_id"] for row in rows if row["named"] and (row["run_id"], row["study"]) not in left}
    first = {row["run_id"]: row for row in reversed(leaving)}
    going = [row for row in leaving if first[row["run_id"]] is row and row["run_id"] not in staying]
    runs = [_membership(row) for row in going]
    ids = [run.run_id for run in runs]
    files = [path for run_id in ids for path in places.files_of(store.workspace, run_id)]
    counts, row_bytes = _sizes(store, ids)
    with translated(store.workspace.checkpoints):
        file_bytes = sum(path.stat().st_size for path in files)
    return Removal(
        studies,
        runs,
        [_membership(row) for row in leaving if row["run_id"] in staying],
        counts,
        row_bytes,
        files,
        file_bytes,
        [run for run, row in zip(runs, going, strict=True) if row["running"]],
    )


def _membership(row: sqlite3.Row) -> Membership:
    return Membership(row["run_id"], row["study"], row["label"], bool(row["named"]))


def _sizes(store: Store, run_ids: Sequence[str]) -> tuple[dict[str, int], int]:
    """Return how many rows the runs have in the tables of what was trained, and the bytes of their content."""
    counts, size = {}, 0
    for table in ("attempts", "history", "checkpoints", "answers"):
        columns = [row["name"] for row in store.rows(f"SELECT name FROM pragma_table_info('{table}')")]
        content = " + ".join(f"coalesce(length({name}), 0)" for name in columns)
        row = store.rows(
            f"""SELECT count(*), coalesce(sum({content}), 0) FROM {table}
                WHERE run_id IN (SELECT value FROM json_each(?))""",
            (to_json(list(run_ids)),),
        )[0]
        counts[table], size = row[0], size + row[1]
    return counts, size


def _delete_rows(store: Store, removal: Removal, members: Sequence[Membership]) -> None:
    ids = (to_json([run.run_id for run in removal.runs]),)
    # Jobs first: a trigger counts the rows of a run that has one.
    store.execute("DELETE FROM jobs WHERE run_id IN (SELECT value FROM json_each(?))", ids)
    with_runs = [table for table in TABLES if _has_run_id(store, table)]
    for table, column in [*_referring(store, "runs", "run_id"), *((table, "run_id") for table in with_runs)]:
        store.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", ids)
    of_studies = _referring(store, "studies", "id")
    for study in removal.studies:
        study_id = store.value("SELECT id FROM studies WHERE name = ?", (study,))
        for table, column in [*of_studies, ("studies", "id")]:
            store.execute(f"DELETE FROM {table} WHERE {column} = ?", (study_id,))
    for member in members:
        for table, column in of_studies:
            if table in with_runs:
                store.execute(
                    f"DELETE FROM {table} WHERE run_id = ? AND {column} = (SELECT id FROM studies WHERE name = ?)",
                    (member.run_id, member.study),
                )


def _has_run_id(store: Store, table: str) -> bool:
    return bool(store.value("SELECT count(*) FROM pragma_table_info(?) WHERE name = 'run_id'", (table,)))


def _referring(store: Store, parent: str, key: str) -> list[tuple[str, str]]:
    """Return the tables and columns whose foreign keys refer to a column of the table `parent`."""
    return [
        (table, row["from"])
        for table in TABLES
        for row in store.rows(
            'SELECT "from" FROM pragma_foreign_key_list(?) WHERE "table" = ? AND "to" = ?', (table, parent, key)
        )
    ]
