"""Delete studies and runs, with all that was trained of them. Nothing else deletes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.identity import alive
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.workspaces import runs_named
from rnnctl.words import counted, some
from store import Store, queries, removal, workers
from store.queries import Membership
from store.removal import Removal


@dataclass(frozen=True)
class Deletion:
    """What is deleted, or was.

    runs: each under one name. kept: runs that leave their study, and that another study names. file_bytes: of
    checkpoint files, which the disk gets back. database_bytes: of content in the database, which keeps the space for
    later rows.
    """

    studies: list[str]
    runs: list[Membership]
    kept: list[Membership]
    attempts: int
    checks: int
    checkpoints: int
    answers: int
    files: int
    file_bytes: int
    database_bytes: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing to delete."""
        return not (self.studies or self.runs or self.kept)


@dataclass(frozen=True)
class Chosen:
    """What is to be deleted: whole studies, and runs as parts of studies."""

    studies: list[str]
    members: list[Membership]


def chosen(store: Store, names: Sequence[str]) -> Chosen:
    """Return the studies and runs that names stand for (see `runs_named`).

    Raises LabError if there is no such study or run, and for a run that several studies name, unless it is given as
    STUDY/LABEL.
    """
    known = {study.name for study in queries.studies(store)}
    studies: list[str] = []
    members: list[Membership] = []
    for name in dict.fromkeys(names):
        if name in known:
            studies.append(name)
            continue
        run = runs_named(store, name).runs[0]
        parts = {f"{each.study}/{each.label}": each for each in queries.memberships(store, [run.run_id])}
        naming = [part for part, each in parts.items() if each.named]
        if len(naming) > 1 and name not in parts:
            raise LabError(f"run {name} is part of several studies: name one of {some(naming)}, or a whole study")
        members.append(parts[name if name in parts else [*naming, *parts][0]])
    return Chosen(studies, [each for each in members if each.study not in studies])


def unnamed(store: Store, studies: Sequence[str]) -> Chosen:
    """Return the runs that the files of these studies no longer name."""
    rows = [row for study in studies for row in queries.runs_of(store, study, hidden=True) if not row.named]
    return Chosen([], [Membership(row.run_id, row.study, row.label, row.named) for row in rows])


def planned(store: Store, chosen: Chosen) -> Deletion:
    """Return what `delete` would delete. Raises LabError if a run is being trained."""
    plan = removal.planned(store, chosen.studies, chosen.members, now=time.time(), dead_workers=_dead(store))
    if plan.running:
        names = some([f"{run.study}/{run.label}" for run in plan.running])
        raise LabError(
            f"{counted(len(plan.running), 'run')} being trained: {names}; stop that, or `rnnctl cancel` first",
            Code.FAILURE,
        )
    return _deletion(plan)


def delete(store: Store, chosen: Chosen) -> Deletion:
    """Delete studies and runs with all that they have, and return what was deleted.

    A run that another study names only leaves its study. Raises StoreError, InUse if a run is being trained.
    """
    dead = _dead(store)
    return _deletion(removal.delete(store, chosen.studies, chosen.members, now=time.time(), dead_workers=dead))


def _dead(store: Store) -> list[str]:
    """Return the workers whose process is known to be gone, such as after kill -9."""
    return [worker.id for worker in workers.current(store) if alive(worker) is False]


def _deletion(plan: Removal) -> Deletion:
    return Deletion(
        studies=plan.studies,
        runs=plan.runs,
        kept=plan.kept,
        attempts=plan.rows["attempts"],
        checks=plan.rows["history"],
        checkpoints=plan.rows["checkpoints"],
        answers=plan.rows["answers"],
        files=len(plan.files),
        file_bytes=plan.file_bytes,
        database_bytes=plan.row_bytes,
    )
