"""Registering studies: runs are added, and runs that two studies name are shared.

A run id is a hash of what the run is, so equal ids are equal runs. What else a spec says, such as where a file lies, is
no part of that: there the one that was registered last holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from store import lineage
from store.connection import Store
from store.encoding import to_json
from store.lineage import Descent


@dataclass(frozen=True)
class RunRecord:
    """One run as a study names it."""

    run_id: str  # a hash of what the spec says the run is
    config_id: str  # equal for runs that differ only in their seed
    shape: str  # runs of equal shape can be trained in one pack
    spec: dict[str, Any]  # fully resolved, JSON
    label: str  # name within the study
    total: int  # updates, at most


@dataclass(frozen=True)
class StudyRecord:
    """A study file and the runs it names, each once."""

    name: str
    about: str
    source: str  # text of the file
    runs: list[RunRecord]
    descents: list[Descent] = field(default_factory=list)  # of those runs that were refined from others


@dataclass(frozen=True)
class Registered:
    """What registering one study came to, in runs."""

    study: str
    new: int  # created now
    shared: int  # were there through another study, and are part of this one now
    known: int  # were part of this study already


def register(store: Store, studies: list[StudyRecord], now: float) -> list[Registered]:
    """Register studies, all or none. Each new run is queued.

    A study that is registered again takes the new text, labels and specs, and only gains runs and descents.
    Raises ValueError for a study that names a run twice; Conflict for a descent from or to a run that is not
    registered.
    """
    with store.transaction():
        return [_register_study(store, study, now) for study in studies]


def _register_study(store: Store, study: StudyRecord, now: float) -> Registered:
    ids = [run.run_id for run in study.runs]
    if len(set(ids)) < len(ids):
        twice = next(run_id for run_id in ids if ids.count(run_id) > 1)
        raise ValueError(f"study {study.name} names run {twice} twice")
    study_id = store.rows(
        """INSERT INTO studies (name, about, source, created, updated)
           VALUES (:name, :about, :source, :now, :now)
           ON CONFLICT (name) DO UPDATE SET about = :about, source = :source, updated = :now
           RETURNING id""",
        {"name": study.name, "about": study.about, "source": study.source, "now": now},
    )[0]["id"]
    specs = {
        row["run_id"]: row["spec"]
        for row in store.rows(
            "SELECT run_id, spec FROM runs WHERE run_id IN (SELECT value FROM json_each(?))", (to_json(ids),)
        )
    }
    labelled = {row["run_id"] for row in store.rows("SELECT run_id FROM labels WHERE study = ?", (study_id,))}
    new = [run for run in study.runs if run.run_id not in specs]
    _add_runs(store, new, now)
    respecified = [run for run in study.runs if run.run_id in specs and specs[run.run_id] != to_json(run.spec)]
    store.execute_many(
        "UPDATE runs SET spec = ? WHERE run_id = ?", [(to_json(run.spec), run.run_id) for run in respecified]
    )
    store.execute_many(
        """INSERT INTO labels (run_id, study, label) VALUES (?, ?, ?)
           ON CONFLICT (run_id, study) DO UPDATE SET label = excluded.label""",
        [(run.run_id, study_id, run.label) for run in study.runs],
    )
    lineage.add(store, study_id, study.descents)
    known = len(labelled.intersection(ids))
    return Registered(study.name, new=len(new), shared=len(ids) - len(new) - known, known=known)


def _add_runs(store: Store, runs: list[RunRecord], now: float) -> None:
    store.execute_many(
        "INSERT INTO runs (run_id, config_id, shape, spec, total, created) VALUES (?, ?, ?, ?, ?, ?)",
        [(run.run_id, run.config_id, run.shape, to_json(run.spec), run.total, now) for run in runs],
    )
    store.execute_many(
        """INSERT INTO jobs (seq, run_id, shape, status)
           SELECT seq, run_id, shape, 'queued' FROM runs WHERE run_id = ?""",
        [(run.run_id,) for run in runs],
    )
