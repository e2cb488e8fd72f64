"""Bring the runs and studies of another workspace into this one. The other one is only read.

What is named alike is alike: a run id is a hash of all that decides the run. Of a run that both have, the state that is
further is kept, whole: done before not done, then more updates. Runs come in by batches, each in one transaction, after
their checkpoint files: a merge that is cut off has brought in some runs, and brings in the others when it is repeated.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, TypeVar

from store import checkpoints, names, places, registry, trajectories
from store.checkpoints import Checkpoint
from store.connection import Store
from store.encoding import from_json, to_json
from store.errors import Corrupt, Foreign, of_system
from store.files import write_whole
from store.integrity import Described, database_findings
from store.membership import NAMED
from store.queue import CHECKPOINTED
from store.registry import Apart, RunRecord
from store.tables import COUNTS, TABLES
from store.verification import verify_runs

Item = TypeVar("Item")

AT_ONCE = 20  # runs in a transaction: others wait for the lock meanwhile

# Tables of runs that are not replaced as a whole: what a run is, which studies name it, and what people say about it.
_NOT_RESULTS = {"runs", "jobs", "trajectories", "labels", "unnamed", "lineage", "tags", "run_notes"}


class State(NamedTuple):
    """How far a run is. step: of its newest checkpoint."""

    status: str
    attempt: int
    step: int

    @property
    def progress(self) -> tuple[bool, int]:
        """The further of two states has the greater one."""
        return self.status == "done", self.step


@dataclass(frozen=True)
class Incoming:
    """A run of the other workspace that comes in. here: its state in this one, None if it is new."""

    run: RunRecord
    name: str  # STUDY/LABEL
    created: float
    here: State | None


@dataclass(frozen=True)
class Plan:
    """What a merge does.

    studies: that are not registered here. differing: that are registered here with another text. kept: the number of
    runs that are as far here, or further. busy: runs that are further there, but are being trained here.
    """

    studies: list[str]
    differing: list[str]
    new: list[Incoming]
    replaced: list[Incoming]
    kept: int
    busy: list[str]
    file_bytes: int


@dataclass
class Merged:
    """What a merge brought in: the names of runs. missing: checkpoints that could not be copied, and why."""

    new: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    changed_here: list[str] = field(default_factory=list)  # since the plan was made: not touched
    missing: list[tuple[str, str]] = field(default_factory=list)


def check(other: Store, described: Described) -> None:
    """Raise Corrupt or Foreign unless all of the other database is as it was written: names, paths, rows and specs."""
    path = other.workspace.database
    names.check(other)
    findings = database_findings(other, described)
    if findings:
        raise Corrupt(f"{path} is damaged ({findings[0].text}): nothing was merged; `rnnctl doctor` tells more")


def planned(store: Store, other: Store, described: Described) -> Plan:
    """Return what a merge would do. The other store has been checked (see `check`)."""
    sources = dict(map(tuple, store.rows("SELECT name, source FROM studies")))
    theirs = dict(map(tuple, other.rows("SELECT name, source FROM studies ORDER BY id")))
    here, there = _states(store), _states(other)
    new, replaced, busy, kept = [], [], [], 0
    rows = other.rows(
        """SELECT run_id, spec, created, (SELECT studies.name || '/' || label FROM labels
                                          JOIN studies ON studies.id = labels.study
                                          WHERE labels.run_id = runs.run_id ORDER BY study LIMIT 1) AS name
           FROM runs ORDER BY seq"""
    )
    for row, spec in zip(rows, from_json(row["spec"] for row in rows), strict=True):
        run_id, name, run = row["run_id"], row["name"] or row["run_id"], described(spec)
        if run is None or run.run_id != run_id:
            raise Foreign(f"{other.workspace.database}: the spec of {name} is not that of run {run_id}")
        state = here.get(run_id)
        incoming = Incoming(run, name, row["created"], state)
        if state is None:
            new.append(incoming)
        elif there[run_id].progress <= state.progress:
            kept += 1
        elif state.status == "running":
            busy.append(name)
        else:
            replaced.append(incoming)
    coming = {incoming.run.run_id for incoming in (*new, *replaced)}
    return Plan(
        [name for name in theirs if name not in sources],
        [name for name in theirs if name in sources and sources[name] != theirs[name]],
        new,
        replaced,
        kept,
        busy,
        sum(file.size for file in checkpoints.live(other) if file.run_id in coming),
    )


def _states(store: Store, run_ids: Iterable[str] | None = None) -> dict[str, State]:
    """Return the states of these runs, or of all."""
    rows = store.rows(
        f"""SELECT run_id, status, attempt, {CHECKPOINTED} AS step FROM jobs
            WHERE :run_ids = 'null' OR run_id IN (SELECT value FROM json_each(:run_ids))""",
        {"run_ids": to_json(None if run_ids is None else list(run_ids))},
    )
    return {run_id: State(*state) for run_id, *state in rows}


def merge(store: Store, other: Store, plan: Plan, now: float, apart: Apart) -> Merged:
    """Bring in what was planned; return what was brought in.

    A study whose text differs keeps the text that it has here: runs that only the other text names are then runs that
    the study no longer names (see `store.membership`). apart: as `registry.register` takes it.
    """
    merged = Merged()
    with other.snapshot(), store.transaction():
        for study in plan.studies:
            row = other.rows("SELECT name, about, source, created, updated FROM studies WHERE name = ?", (study,))[0]
            store.execute(
                """INSERT INTO studies (name, about, source, created, updated) VALUES (?, ?, ?, ?, ?)
                   ON CONFLICT (name) DO NOTHING""",
                tuple(row),
            )
    for batch in _batches([*plan.new, *plan.replaced], AT_ONCE):
        with other.snapshot():
            _take(store, other, batch, now, merged)
    everything = [row["run_id"] for row in other.rows("SELECT run_id FROM runs ORDER BY seq")]
    for run_ids in _batches(everything, 1000):
        with other.snapshot(), store.transaction():
            _take_words(store, other, run_ids, now)
    with other.snapshot(), store.transaction():
        _take_lineage(store, other)
        _take_words_of_studies(store, other, plan.studies)
        for (study,) in store.rows("SELECT id FROM studies"):
            registry.tell_apart(store, study, apart)
    return merged


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _take(store: Store, other: Store, batch: Sequence[Incoming], now: float, merged: Merged) -> None:
    """Bring in some runs: files first, then rows in one transaction."""
    ids = [run.run.run_id for run in batch]
    for table in COUNTS:
        verify_runs(other, table, ids)
    files = [file for run_id in ids for file in checkpoints.live(other, run_id)]
    written = [file for file in files if _copy(store, other, file, merged)]
    with store.transaction():
        store.execute("PRAGMA defer_foreign_keys = ON")  # results are replaced row by row
        states = _states(store, ids)
        taken = [run for run in batch if states.get(run.run.run_id) == run.here]
        replaced = [path for run in taken if run.here for path in places.files_of(store.workspace, run.run.run_id)]
        for run in taken:
            if run.here is None:
                registry.add_runs(store, [run.run], run.created)
                if run.run.trajectory is not None:
                    trajectories.place(store, {run.run.run_id: run.run.trajectory})
            _replace_results(store, other, run.run.run_id, now)
        _take_words(store, other, [run.run.run_id for run in taken], now)
    kept = {run.run.run_id for run in taken}
    for file in written:
        (checkpoints.mark_committed if file.run_id in kept else checkpoints.discard)(store.workspace, file)
    brought = {checkpoints.file_of(store.workspace, file) for file in files}
    for path in replaced:
        if path not in brought:
            with suppress(OSError):
                path.unlink(missing_ok=True)
    merged.new += [run.name for run in taken if run.here is None]
    merged.replaced += [run.name for run in taken if run.here is not None]
    merged.changed_here += [run.name for run in batch if run not in taken]


def _copy(store: Store, other: Store, file: Checkpoint, merged: Merged) -> bool:
    """Copy a checkpoint file, marked as uncommitted. Return whether it was written: it can be here already."""
    source, target = (checkpoints.file_of(each.workspace, file) for each in (other, store))
    places.make_folder(store.workspace, file.run_id)
    if checkpoints.unsoundness(store.workspace, file) is None:
        return False
    reason = checkpoints.unsoundness(other.workspace, file)
    if reason is None:

        def fill(copy: BinaryIO) -> None:
            with source.open("rb") as original:
                shutil.copyfileobj(original, copy)

        try:
            places.mark_of(target).touch()
            write_whole(target, fill, follow=False)
        except OSError as error:
            raise of_system(error, target) from error
        reason = checkpoints.unsoundness(store.workspace, file)
    if reason is not None:
        merged.missing.append((file.path, reason))
    return reason is None


def _columns(store: Store, table: str) -> list[str]:
    """Return the columns of a table that a row takes along: without those that number the rows of a database."""
    rows = store.rows(f"SELECT name, type, pk FROM pragma_table_info('{table}')")
    return [row["name"] for row in rows if not (row["type"] == "INTEGER" and row["pk"] and row["name"] == "id")]


def _copy_rows(store: Store, other: Store, table: str, where: str, parameters: Sequence[str]) -> int:
    """Copy rows that are not here yet; return how many."""
    columns = _columns(store, table)
    rows = other.rows(f"SELECT {', '.join(columns)} FROM {table} WHERE {where}", parameters)
    return store.execute_many(
        f"""INSERT INTO {table} ({", ".join(columns)}) VALUES ({", ".join("?" * len(columns))})
            ON CONFLICT DO NOTHING""",
        [tuple(row) for row in rows],
    )


def _replace_results(store: Store, other: Store, run_id: str, now: float) -> None:
    """Put what the other workspace has of a run into the place of what is here."""
    tables = [table for table in TABLES if table not in _NOT_RESULTS and "run_id" in _columns(store, table)]
    for table in ("jobs", *tables):  # jobs first: triggers count the rows of a run that has one
        store.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
    of_run = "SELECT worker FROM attempts WHERE run_id = ?"
    environments = f"""id IN (SELECT environment FROM attempts WHERE run_id = ?
                              UNION SELECT environment FROM workers WHERE id IN ({of_run}))"""
    _copy_rows(store, other, "environments", environments, (run_id, run_id))
    known = {row["id"] for row in store.rows("SELECT id FROM workers")}
    _copy_rows(store, other, "workers", f"id IN ({of_run})", (run_id,))
    store.execute_many(  # whatever they do, they do it there
        "UPDATE workers SET ended = ? WHERE id = ? AND ended IS NULL",
        [(now, row["worker"]) for row in other.rows(of_run, (run_id,)) if row["worker"] not in known],
    )
    counts = {table: _copy_rows(store, other, table, "run_id = ?", (run_id,)) for table in tables}
    store.execute(
        """UPDATE attempts SET ended = ?, ended_as = 'released', end_step = coalesce(end_step, start_step)
           WHERE run_id = ? AND ended IS NULL""",
        (now, run_id),
    )
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


def _take_words(store: Store, other: Store, run_ids: Sequence[str], now: float) -> None:
    """Take labels, tags and notes of runs that are here now. Those that are here stay."""
    here = store.rows(
        "SELECT run_id FROM runs WHERE run_id IN (SELECT value FROM json_each(?))", (to_json(list(run_ids)),)
    )
    ids = to_json([row["run_id"] for row in here])
    for table in ("tags", "run_notes"):
        _copy_rows(store, other, table, "run_id IN (SELECT value FROM json_each(?))", (ids,))
    rows = other.rows(
        f"""SELECT run_id, label, studies.name AS study, source, {NAMED} AS named
            FROM labels JOIN studies ON studies.id = labels.study
            WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY labels.study""",
        (ids,),
    )
    studies = {row["name"]: row for row in store.rows("SELECT id, name, source FROM studies")}
    labels = store.rows("SELECT run_id, study FROM labels WHERE run_id IN (SELECT value FROM json_each(?))", (ids,))
    labelled = {(row["run_id"], row["study"]) for row in labels}
    for row in rows:
        study = studies.get(row["study"])
        if study is None or (row["run_id"], study["id"]) in labelled:
            continue
        store.execute(
            "INSERT INTO labels (run_id, study, label) VALUES (?, ?, ?)", (row["run_id"], study["id"], row["label"])
        )
        if not row["named"] or row["source"] != study["source"]:
            store.execute("INSERT INTO unnamed (run_id, study, at) VALUES (?, ?, ?)", (row["run_id"], study["id"], now))


def _take_lineage(store: Store, other: Store) -> None:
    rows = other.rows(
        """SELECT run_id, parent, variant, studies.name FROM lineage JOIN studies ON studies.id = lineage.study"""
    )
    store.execute_many(
        """INSERT INTO lineage (run_id, parent, variant, study)
           SELECT runs.run_id, parents.run_id, :variant, studies.id
           FROM runs, runs AS parents, studies
           WHERE runs.run_id = :run_id AND parents.run_id = :parent AND studies.name = :name
           ON CONFLICT DO NOTHING""",
        [dict(row) for row in rows],
    )


def _take_words_of_studies(store: Store, other: Store, new: Sequence[str]) -> None:
    """Take notes on studies that have none here, and archive new studies that are in the archive there."""
    for row in other.rows("SELECT name, text, at FROM study_notes JOIN studies ON studies.id = study"):
        store.execute(
            """INSERT INTO study_notes (study, text, at) SELECT id, :text, :at FROM studies WHERE name = :name
               ON CONFLICT DO NOTHING""",
            dict(row),
        )
    for row in other.rows("SELECT name, at FROM archived JOIN studies ON studies.id = study"):
        if row["name"] in new:
            store.execute(
                """INSERT INTO archived (study, at) SELECT id, :at FROM studies WHERE name = :name
                   ON CONFLICT DO NOTHING""",
                dict(row),
            )
