"""Read what people want to see: few queries, each of them fast with 20,000 runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from store.connection import Store
from store.encoding import to_json
from store.membership import NAMED, SHOWN, shown
from store.origins import Origin, origins
from store.verification import read_json, sound_specs, verify_runs
from store.wanted import ALL, Wanted

STATUSES = ("queued", "running", "done", "failed", "quarantined", "cancelled")


OUTCOMES = ("solved", "budget", "early_stop", "diverged")  # of done runs


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A registered study."""

    name: str
    about: str
    source: str  # text of the file as last registered
    created: float
    updated: float
    runs: int  # that its file names
    unnamed: int  # that its file named once, and does not any more
    archived: float | None  # when
    note: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run, its job, and its name in one study."""

    run_id: str
    config_id: str
    shape: str  # text of the pack key
    total: int  # updates, at most
    study: str
    label: str
    status: str
    outcome: str | None  # only of done runs
    attempt: int  # current or last, 0 before the first
    worker: str | None  # only of running runs
    lease_until: float | None  # only of running runs
    strikes: int
    not_before: float  # when a queued run may be claimed
    step: int  # updates done
    progress_at: float | None
    error: str | None  # of the last attempt that had one, until the run is done
    exact: bool  # whether every attempt so far continued with the same bits
    spec: dict[str, Any]
    summary: dict[str, Any]  # empty before the first commit
    tags: tuple[str, ...]
    note: str
    named: bool  # whether the file of the study names the run
    origin: Origin | None  # where it began, if it goes on from another run


class KeyedRun(NamedTuple):
    """A run with its shape, which is the text of its pack key, and the spec that the key follows from."""

    run_id: str
    shape: str
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt at a run, and where it was made."""

    attempt: int
    worker: str
    host: str
    pid: int
    device: str
    environment: dict[str, Any]
    started: float
    ended: float | None
    ended_as: str | None  # done, released, failed, crashed, cancelled, lost
    start_step: int
    end_step: int | None
    error: str | None
    exact: bool


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A checkpoint that was committed; its file may have been removed since."""

    attempt: int
    step: int
    path: str  # relative to the workspace
    size: int  # bytes
    at: float
    status: str  # live, unsound, removed
    reason: str | None  # why it was found unsound


def studies(store: Store) -> list[StudyRow]:
    """Return all studies, in the order of registration."""
    rows = store.rows(
        f"""SELECT name, about, source, created, updated,
                   (SELECT count(*) FROM labels WHERE study = studies.id AND {NAMED}) AS runs,
                   (SELECT count(*) FROM unnamed WHERE study = studies.id) AS unnamed,
                   (SELECT at FROM archived WHERE study = studies.id) AS archived,
                   coalesce((SELECT text FROM study_notes WHERE study = studies.id), '') AS note
            FROM studies ORDER BY id"""
    )
    return [StudyRow(**row) for row in rows]


def counts(store: Store, hidden: bool = False, wanted: Wanted = ALL) -> dict[str, int]:
    """Return how many of the wanted runs have each status; every status is a key.

    hidden: also the runs that no study shows (see `store.membership`).
    """
    condition = "true" if hidden else shown("jobs.run_id")
    rows = store.rows(
        f"""SELECT status, count(*) AS runs FROM jobs WHERE {condition} AND {wanted.condition("jobs.run_id")}
            GROUP BY status""",
        wanted.values,
    )
    runs = {row["status"]: row["runs"] for row in rows}
    return {status: runs.get(status, 0) for status in STATUSES}


class Queued(NamedTuple):
    """The size of the queue, and how many runs workers hold."""

    runs: int
    updates: int  # at most
    running: int


def queued(store: Store, wanted: Wanted = ALL, besides: Iterable[str] = ()) -> Queued:
    """Return how many wanted runs and updates wait in the queue, and how many runs workers hold, of studies that show
    them. besides: ids of runs that are not counted as waiting.
    """
    waits = "(status = 'queued' AND jobs.run_id NOT IN (SELECT value FROM json_each(:besides)))"
    row = store.rows(
        f"""SELECT coalesce(sum({waits}), 0), coalesce(sum((total - step) * {waits}), 0),
                   coalesce(sum(status = 'running'), 0)
            FROM jobs JOIN runs USING (seq)
            WHERE status IN ('queued', 'running') AND {shown("jobs.run_id")} AND {wanted.condition("jobs.run_id")}""",
        {**wanted.values, "besides": to_json(list(besides))},
    )[0]
    return Queued(*row)


def updates_left(store: Store, hidden: bool = False) -> int:
    """Return how many updates the running and queued runs of all studies have left, at most.

    hidden: also queued runs that no study shows (see `store.membership`).
    """
    condition = "true" if hidden else f"(status = 'running' OR {shown('jobs.run_id')})"
    left: int = store.value(
        f"""SELECT coalesce(sum(total - step), 0) FROM jobs JOIN runs USING (seq)
            WHERE status IN ('queued', 'running') AND {condition}"""
    )
    return left


def tried_again(store: Store, hidden: bool = False) -> list[str]:
    """Return the ids of the queued runs that did not go well before: they have strikes, or may not be claimed yet.

    hidden: also runs that no study shows (see `store.membership`).
    """
    condition = "true" if hidden else shown("jobs.run_id")
    rows = store.rows(
        f"""SELECT run_id FROM jobs WHERE status = 'queued' AND (strikes > 0 OR not_before > 0) AND {condition}
            ORDER BY seq"""
    )
    return [row["run_id"] for row in rows]


def stranded(store: Store) -> dict[str, int]:
    """Return how many runs of archived studies were begun and wait in the queue, by study.

    No worker takes them, as far as no other study shows them.
    """
    rows = store.rows(
        f"""SELECT studies.name AS study, count(*) AS runs
            FROM archived JOIN studies ON studies.id = archived.study JOIN labels ON labels.study = studies.id
                JOIN jobs USING (run_id)
            WHERE status = 'queued' AND attempt > 0 AND {NAMED} AND NOT {shown("jobs.run_id")}
            GROUP BY studies.id ORDER BY studies.id"""
    )
    return {row["study"]: row["runs"] for row in rows}


def ends(store: Store, run_ids: Iterable[str]) -> dict[str, str]:
    """Return how each of the runs ended, or else its status."""
    rows = store.rows(
        """SELECT run_id, coalesce(outcome, status) FROM jobs
           WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY seq""",
        (to_json(list(run_ids)),),
    )
    return dict(map(tuple, rows))


def counts_by_study(store: Store, hidden: bool = False) -> dict[str, dict[str, int]]:
    """Return `counts` for each study; a run that two studies share counts in both.

    hidden: also archived studies, and the runs that files of studies no longer name.
    """
    listed = "true" if hidden else "id NOT IN (SELECT study FROM archived)"
    names = store.rows(f"SELECT name FROM studies WHERE {listed} ORDER BY id")
    result = {row["name"]: dict.fromkeys(STATUSES, 0) for row in names}
    rows = store.rows(
        f"""SELECT studies.name AS study, status, count(*) AS runs
            FROM labels JOIN studies ON studies.id = labels.study JOIN jobs USING (run_id)
            WHERE {"true" if hidden else SHOWN} GROUP BY studies.id, status"""
    )
    for row in rows:
        result[row["study"]][row["status"]] = row["runs"]
    return result


def runs_of(
    store: Store,
    study: str | None = None,
    statuses: Iterable[str] | None = None,
    run_ids: Iterable[str] | None = None,
    hidden: bool = False,
) -> list[RunRow]:
    """Return runs that meet all the conditions, in the order of registration, each once. None means no condition.

    Without a study, study and label are those of the first study that shows the run, or else has it. An unknown study
    has no runs. hidden: also runs that the file of the study no longer names and, without a study, runs that no study
    shows (see `store.membership`). Runs that are asked for by `run_ids` are returned in any case.
    """
    run_ids = None if run_ids is None else list(run_ids)
    hidden = hidden or run_ids is not None
    if study is None:
        of_run = "SELECT min(study) FROM labels WHERE labels.run_id = runs.run_id"
        first = f"({of_run} AND {SHOWN})"
        condition = f"labels.study = {f'coalesce({first}, ({of_run}))' if hidden else first}"
    else:
        condition = f"labels.study = (SELECT id FROM studies WHERE name = :study){'' if hidden else f' AND {NAMED}'}"
    if statuses is not None:
        condition += " AND status IN (SELECT value FROM json_each(:statuses))"
    if run_ids is not None:
        condition += " AND runs.run_id IN (SELECT value FROM json_each(:run_ids))"
    rows = store.rows(
        f"""SELECT run_id, config_id, runs.shape, total, studies.name AS study, label, status,
                   outcome, attempt, worker, lease_until, strikes, not_before, step, progress_at, error,
                   NOT EXISTS (SELECT 1 FROM attempts WHERE run_id = runs.run_id AND NOT exact) AS exact,
                   spec, coalesce(summary, '{{}}') AS summary,
                   (SELECT group_concat(tag, ' ') FROM tags WHERE tags.run_id = runs.run_id) AS tags,
                   coalesce((SELECT text FROM run_notes WHERE run_notes.run_id = runs.run_id), '') AS note,
                   {NAMED} AS named
            FROM runs JOIN jobs USING (seq, run_id) JOIN labels USING (run_id)
                JOIN studies ON studies.id = labels.study
            WHERE {condition} ORDER BY runs.seq""",
        {
            "study": study,
            "statuses": to_json(None if statuses is None else list(statuses)),
            "run_ids": to_json(run_ids),
        },
    )
    specs = read_json(store, "runs", (row["spec"] for row in rows))
    summaries = read_json(store, "jobs", (row["summary"] for row in rows))
    began = origins(store, run_ids)
    # The columns are in the order of RunRow's fields: by name, 20,000 rows take three times as long.
    values: Iterator[tuple[Any, ...]] = (
        (*row[:_BEFORE_EXACT], bool(row[_BEFORE_EXACT]), spec, summary, *_marks(row), began.get(row[0]))
        for row, spec, summary in zip(rows, specs, summaries, strict=True)
    )
    return [RunRow(*columns) for columns in values]


_BEFORE_EXACT = [field.name for field in fields(RunRow)].index("exact")


def _marks(row: Any) -> tuple[tuple[str, ...], str, bool]:
    """Return tags, note and whether the run is named: the last columns of a row of `runs_of`."""
    tags, note, named = row[_BEFORE_EXACT + 3 :]
    return tuple(sorted(tags.split())) if tags else (), note, bool(named)


@dataclass(frozen=True, slots=True)
class Membership:
    """A run as part of a study."""

    run_id: str
    study: str
    label: str
    named: bool  # whether the file of the study names the run


def run_ids(store: Store) -> list[str]:
    """Return the ids of all runs, in the order of registration."""
    return [row["run_id"] for row in store.rows("SELECT run_id FROM runs ORDER BY seq")]


def memberships(store: Store, run_ids: Iterable[str]) -> list[Membership]:
    """Return what studies these runs are part of, by run and study."""
    rows = store.rows(
        f"""SELECT run_id, studies.name AS study, label, {NAMED} AS named
            FROM labels JOIN studies ON studies.id = labels.study JOIN runs USING (run_id)
            WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY seq, labels.study""",
        (to_json(list(run_ids)),),
    )
    return [Membership(run_id, study, label, bool(named)) for run_id, study, label, named in rows]


class ConfigurationRow(NamedTuple):
    """A configuration of a study, with the label of its first run."""

    study: str
    config_id: str
    label: str


def configurations(store: Store, studies: Iterable[str]) -> list[ConfigurationRow]:
    """Return all configurations that these studies ever had, in the order of registration."""
    rows = store.rows(
        """SELECT studies.name AS study, config_id, label, min(seq)
           FROM labels JOIN studies ON studies.id = labels.study JOIN runs USING (run_id)
           WHERE studies.name IN (SELECT value FROM json_each(?))
           GROUP BY studies.id, config_id ORDER BY studies.id, min(seq)""",
        (to_json(list(studies)),),
    )
    return [ConfigurationRow(row["study"], row["config_id"], row["label"]) for row in rows]


def queued_specs(store: Store, wanted: Wanted = ALL) -> list[dict[str, Any]]:
    """Return the specs of the wanted runs that wait in the queue. Runs whose rows are damaged are left out."""
    rows = store.rows(
        f"""SELECT seq FROM jobs WHERE status = 'queued' AND {shown("jobs.run_id")}
            AND {wanted.condition("jobs.run_id")} ORDER BY seq""",
        wanted.values,
    )
    return list(sound_specs(store, (row["seq"] for row in rows)).values())


def keys_to_check(store: Store) -> list[KeyedRun]:
    """Return the runs that are neither done nor running, in the order of registration.

    A shape may come from an earlier version of the program: compute the key from the spec again, and hand those that
    differ to `registry.rekey`. Runs whose rows are damaged are left out.
    """
    unfinished = store.rows("SELECT seq FROM jobs WHERE status NOT IN ('running', 'done')")
    specs = sound_specs(store, (row["seq"] for row in unfinished))
    rows = store.rows(
        "SELECT seq, run_id, shape FROM jobs WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq",
        (to_json(list(specs)),),
    )
    return [KeyedRun(row["run_id"], row["shape"], specs[row["seq"]]) for row in rows]


def attempts(store: Store, run_id: str) -> list[AttemptRow]:
    """Return the attempts at a run, first to last."""
    rows = store.rows(
        """SELECT attempt, worker, host, pid, device, environments.content AS environment, attempts.started,
                  attempts.ended, ended_as, start_step, end_step, error, exact
           FROM attempts JOIN workers ON workers.id = attempts.worker
               JOIN environments ON environments.id = attempts.environment
           WHERE run_id = ? ORDER BY attempt""",
        (run_id,),
    )
    environments = read_json(store, "environments", (row["environment"] for row in rows))
    return [
        AttemptRow(**{**row, "environment": environment, "exact": bool(row["exact"])})
        for row, environment in zip(map(dict, rows), environments, strict=True)
    ]


def checkpoints_of(store: Store, run_id: str) -> list[CheckpointRow]:
    """Return all checkpoints that were ever committed for a run, oldest first.

    Raises Damaged if a row is not what was written, or is missing.
    """
    verify_runs(store, "checkpoints", [run_id])
    rows = store.rows(
        """SELECT attempt, step, path, size, at, status, reason FROM checkpoints
           WHERE run_id = ? ORDER BY id""",
        (run_id,),
    )
    return [CheckpointRow(**row) for row in rows]
