"""Copy single runs from another workspace into this one: checkpoint files, then rows. `merging` decides which."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from store import checkpoints, places
from store.checkpoints import MISSING, Checkpoint
from store.connection import Store
from store.errors import of_system
from store.files import write_whole
from store.queue import CHECKPOINTED
from store.tables import COUNTS, TABLES

# Tables of runs that are not replaced as a whole: what a run is, which studies name it, and what people say about it.
_NOT_RESULTS = {"runs", "jobs", "trajectories", "labels", "unnamed", "lineage", "tags", "run_notes", "priorities"}


def copy_file(store: Store, other: Store, file: Checkpoint) -> str | None:
    """Copy a checkpoint file, marked as uncommitted. Return why that failed, None if the copy is sound.

    No database is locked meanwhile. Raises StoreError if the file cannot be read or written at the moment.
    """
    source, target = (checkpoints.file_of(each.workspace, file) for each in (other, store))
    places.make_folder(store.workspace, file.run_id)
    reason = checkpoints.unsoundness(other.workspace, file)
    if reason is not None:
        return reason
    try:
        original = source.open("rb")
    except FileNotFoundError:  # a worker there has replaced it since it was checked
        return MISSING
    except OSError as error:
        raise of_system(error, source) from error
    with original:
        try:
            places.mark_of(target).touch()
            write_whole(target, lambda copy: shutil.copyfileobj(original, copy), follow=False)
        except OSError as error:
            raise of_system(error, target) from error
    return checkpoints.unsoundness(store.workspace, file)


def is_present(store: Store, file: Checkpoint) -> bool:
    """Return whether a copied file is still here: others may have moved or removed what no row names yet."""
    try:
        return checkpoints.file_of(store.workspace, file).stat().st_size == file.size
    except FileNotFoundError:
        return False


def settle(store: Store, files: Mapping[Checkpoint, bool]) -> None:
    """Unmark the files that a row of the database names now, and remove the other ones that this merge has written.

    files: with whether this merge has written them.
    """
    for file, is_written in files.items():
        if checkpoints.is_live(store, file):
            checkpoints.mark_committed(store.workspace, file)
        elif is_written:
            checkpoints.discard(store.workspace, file)


def replaced_files(store: Store, run_id: str) -> list[Path]:
    """Return the files of a run that go when its rows are replaced.

    These are the files that its rows name, and those that were never committed. Other files stay: a newer database,
    which an older one has replaced, may have named them.
    """
    rows = store.rows("SELECT path FROM checkpoints WHERE run_id = ?", (run_id,))
    named = [places.file_of(store.workspace, run_id, row["path"]) for row in rows]
    uncommitted = [
        path
        for path in places.files_of(store.workspace, run_id)
        if path not in named and (places.is_unfinished(path) or places.mark_of(path).exists())
    ]
    return [*named, *uncommitted]


def remove(paths: Sequence[Path]) -> None:
    """Remove files and their marks, as far as the operating system allows it."""
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
            places.mark_of(path).unlink(missing_ok=True)


def copy_rows(store: Store, other: Store, table: str, where: str, parameters: Sequence[str]) -> int:
    """Copy rows that are not here yet; return how many."""
    columns = _columns(store, table)
    rows = other.rows(f"SELECT {', '.join(columns)} FROM {table} WHERE {where}", parameters)
    return store.execute_many(
        f"""INSERT INTO {table} ({", ".join(columns)}) VALUES ({", ".join("?" * len(columns))})
            ON CONFLICT DO NOTHING""",
        [tuple(row) for row in rows],
    )


def replace_results(store: Store, other: Store, run_id: str, now: float) -> None:
    """Put what the other workspace has of a run into the place of what is here, inside the caller's transaction."""
    tables = [table for table in TABLES if table not in _NOT_RESULTS and "run_id" in _columns(store, table)]
    _delete_results(store, tables, run_id)
    _copy_environments_and_workers(store, other, run_id, now)
    counts = _copy_results(store, other, tables, run_id, now)
    _new_job(store, other, run_id, counts)


def _columns(store: Store, table: str) -> list[str]:
    """Return the columns of a table that a row takes along: without those that number the rows of a database."""
    rows = store.rows(f"SELECT name, type, pk FROM pragma_table_info('{table}')")
    return [row["name"] for row in rows if not (row["type"] == "INTEGER" and row["pk"] and row["name"] == "id")]


def _delete_results(store: Store, tables: Sequence[str], run_id: str) -> None:
    for table in ("jobs", *tables):  # jobs first: triggers count the rows of a run that has one
        store.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))


def _copy_environments_and_workers(store: Store, other: Store, run_id: str, now: float) -> None:
    of_run = "SELECT worker FROM attempts WHERE run_id = ?"
    environments = f"""id IN (SELECT environment FROM attempts WHERE run_id = ?
                              UNION SELECT environment FROM workers WHERE id IN ({of_run}))"""
    copy_rows(store, other, "environments", environments, (run_id, run_id))
    known = {row["id"] for row in store.rows("SELECT id FROM workers")}
    copy_rows(store, other, "workers", f"id IN ({of_run})", (run_id,))
    store.execute_many(  # whatever they do, they do it there
        "UPDATE workers SET ended = ? WHERE id = ? AND ended IS NULL",
        [(now, row["worker"]) for row in other.rows(of_run, (run_id,)) if row["worker"] not in known],
    )


def _copy_results(store: Store, other: Store, tables: Sequence[str], run_id: str, now: float) -> dict[str, int]:
    """Copy the rows of these tables, and end an attempt that goes on there. Return the numbers of rows."""
    counts = {table: copy_rows(store, other, table, "run_id = ?", (run_id,)) for table in tables}
    store.execute(
        """UPDATE attempts SET ended = ?, ended_as = 'released', end_step = coalesce(end_step, start_step)
           WHERE run_id = ? AND ended IS NULL""",
        (now, run_id),
    )
    return counts


def _new_job(store: Store, other: Store, run_id: str, counts: dict[str, int]) -> None:
    """Add the job of a run as it is there; a run that is being trained there is queued here."""
    job = other.rows(
        f"""SELECT iif(status = 'running', 'queued', status) AS status, outcome, attempt, strikes,
                   iif(status = 'done', step, {CHECKPOINTED}) AS step, progress_at, error, summary
            FROM jobs WHERE run_id = ?""",
        (run_id,),
    )[0]
    values = {**dict(job), "run_id": run_id, **{column: counts[table] for table, column in COUNTS.items()}}
    store.execute(
        f"""INSERT INTO jobs (seq, shape, {", ".join(values)})
            SELECT seq, shape, {", ".join(f":{name}" for name in values)} FROM runs WHERE run_id = :run_id""",
        values,
    )
