"""Register studies: runs are added, and two studies that name the same run share it.

A run id is a hash of what identifies the run, so equal ids mean equal runs. A spec also says things that are not part
of the identity, such as where a file lies, and a run has a shape, which follows from its spec: for these, what was
registered last holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from store import lineage, names, trajectories
from store.connection import Store
from store.encoding import to_json, to_json_each
from store.lineage import Descent
from store.membership import NAMED

# The spec of a run that a study no longer names, and that of the run that has its label now -> what tells the first
# from the second, as the end of its label.
Apart = Callable[[dict[str, Any], dict[str, Any]], str]


@dataclass(frozen=True)
class RunRecord:
    """One run as a study names it."""

    run_id: str  # a hash of what identifies the run
    config_id: str  # equal for runs that differ only in their seed
    shape: str  # text of the pack key: runs of equal shape can be trained in one pack
    spec: dict[str, Any]  # fully resolved, JSON
    label: str  # name within the study
    total: int  # updates, at most
    trajectory: str | None = None  # equal for runs that can go on from each other; None if the run cannot


@dataclass(frozen=True)
class StudyRecord:
    """A study file and the runs it names, each once."""

    name: str
    about: str
    source: str  # text of the file
    runs: list[RunRecord]
    descents: list[Descent] = field(default_factory=list)  # of the runs that were refined from others


@dataclass(frozen=True)
class Unnamed:
    """A run that the file of a study named before, and does not any more."""

    run_id: str
    label: str  # within the study, changed if another run has that label now


@dataclass(frozen=True)
class Registered:
    """How many runs of a study were new, shared, known or named again when it was registered, and which it no longer
    names.
    """

    study: str
    new: int  # created now
    shared: int  # already there through another study, now part of this one too
    known: int  # already part of this study, and named by its file as last registered
    named_again: int = 0  # already part of this study, but not named by its file as last registered
    unnamed: list[Unnamed] = field(default_factory=list)  # until now part of it


def register(
    store: Store, studies: list[StudyRecord], now: float, apart: Apart = lambda unnamed, named: ""
) -> list[Registered]:
    """Register studies, all or none. Each new run is queued.

    A study that is registered again takes the new text, labels, specs and shapes. Runs that it no longer names stay
    with all that they have, marked as such (see `store.membership`); a label that another run has now gets an ending
    from `apart`, or else the run id. Descents stay. Raises ValueError for a study that names a run twice and for a name
    that is not allowed (see `store.names`), Conflict for a descent from or to a run that is not registered.
    """
    with store.transaction():
        registered = [_register_study(store, study, now, apart) for study in studies]
        wrong = names.wrong(store)
        if wrong is not None:
            raise ValueError(f"{wrong} is not allowed")
        return registered


def rekey(store: Store, keys: Mapping[str, str]) -> list[str]:
    """Give runs new shapes, the texts of their pack keys by run id; return the ids of those that were changed.

    Runs that are running or done keep theirs: what a worker holds stays as it was claimed, and a finished run is never
    claimed again. A run that is released later is queued with its old shape, and `queries.keys_to_check` returns it.
    All changes happen in one transaction. Ids that are not registered are left out.
    """
    with store.transaction():
        return _rekey(store, keys)


def _rekey(store: Store, keys: Mapping[str, str]) -> list[str]:
    changed = store.rows(
        """UPDATE jobs SET shape = new.value FROM json_each(?) AS new
           WHERE run_id = new.key AND status NOT IN ('running', 'done') AND shape <> new.value RETURNING run_id""",
        (to_json(dict(keys)),),
    )
    run_ids = [row["run_id"] for row in changed]
    store.execute_many("UPDATE runs SET shape = ? WHERE run_id = ?", [(keys[run_id], run_id) for run_id in run_ids])
    return run_ids


def _register_study(store: Store, study: StudyRecord, now: float, apart: Apart) -> Registered:
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
    known = {
        row["run_id"]: row
        for row in store.rows(
            """SELECT runs.run_id, spec, jobs.shape, trajectory
               FROM json_each(?) JOIN runs ON runs.run_id = value
               LEFT JOIN jobs USING (seq) LEFT JOIN trajectories ON trajectories.run_id = value""",
            (to_json(ids),),
        )
    }
    before = {
        row["run_id"]: row
        for row in store.rows(f"SELECT run_id, label, {NAMED} AS named FROM labels WHERE study = ?", (study_id,))
    }
    new = [run for run in study.runs if run.run_id not in known]
    add_runs(store, new, now)
    # Rows are written only where something changes: registering a large study again is common, and writing is slow.
    here = [(run, known[run.run_id]) for run in study.runs if run.run_id in known]
    specs = zip(here, to_json_each([run.spec for run, _ in here]), strict=True)
    respecified = [(text, run.run_id) for (run, row), text in specs if row["spec"] != text]
    store.execute_many("UPDATE runs SET spec = ? WHERE run_id = ?", respecified)
    _rekey(store, {run.run_id: run.shape for run, row in here if row["shape"] != run.shape})
    placed = [*new, *(run for run, row in here if row["trajectory"] != run.trajectory)]
    trajectories.place(store, {run.run_id: run.trajectory for run in placed if run.trajectory is not None})
    labelled = [run for run in study.runs if run.run_id not in before or before[run.run_id]["label"] != run.label]
    store.execute_many(
        """INSERT INTO labels (run_id, study, label) VALUES (?, ?, ?)
           ON CONFLICT (run_id, study) DO UPDATE SET label = excluded.label""",
        [(run.run_id, study_id, run.label) for run in labelled],
    )
    named_before = [bool(before[run_id]["named"]) for run_id in ids if run_id in before]
    lost = {run_id for run_id, row in before.items() if row["named"]} - set(ids)
    changed = labelled or lost or not all(named_before)
    unnamed = _take_names(store, study_id, ids, lost, now, apart) if changed else []
    lineage.add(store, study_id, study.descents)
    return Registered(
        study.name,
        new=len(new),
        shared=len(here) - len(named_before),
        known=named_before.count(True),
        named_again=named_before.count(False),
        unnamed=unnamed,
    )


def _take_names(store: Store, study: int, ids: list[str], lost: set[str], now: float, apart: Apart) -> list[Unnamed]:
    """Mark runs of a study as named, `ids`, and others, which were named until now, as not; return these."""
    named = to_json(ids)
    store.execute("DELETE FROM unnamed WHERE study = ? AND run_id IN (SELECT value FROM json_each(?))", (study, named))
    store.execute_many(
        "INSERT INTO unnamed (run_id, study, at) VALUES (?, ?, ?)", [(run_id, study, now) for run_id in sorted(lost)]
    )
    tell_apart(store, study, apart)
    labels = store.rows(
        "SELECT run_id, label FROM labels JOIN runs USING (run_id) WHERE study = ? ORDER BY seq", (study,)
    )
    return [Unnamed(run_id, label) for run_id, label in labels if run_id in lost]


def tell_apart(store: Store, study: int, apart: Apart) -> None:
    """Give the runs that a study no longer names other labels where another run of the study has the same.

    study: the id of its row. This happens inside the caller's transaction.
    """
    clashing = store.rows(
        f"""SELECT run_id, label, spec, {NAMED} AS named FROM labels JOIN runs USING (run_id)
            WHERE study = :study AND label IN (SELECT label FROM labels WHERE study = :study
                                               GROUP BY label HAVING count(*) > 1)
            ORDER BY named DESC, seq""",
        {"study": study},
    )
    if not clashing:
        return
    taken = {row["label"] for row in store.rows("SELECT label FROM labels WHERE study = ?", (study,))}
    keeping: dict[str, str] = {}  # label -> the spec of the run that keeps it
    for row in clashing:
        label = row["label"]
        if row["named"] or label not in keeping:
            keeping.setdefault(label, row["spec"])
            continue
        ending = apart(json.loads(row["spec"]), json.loads(keeping[label]))
        other = f"{label} {ending}" if ending else label
        if other in taken:
            other = f"{other} {row['run_id']}"
        taken.add(other)
        store.execute("UPDATE labels SET label = ? WHERE run_id = ? AND study = ?", (other, row["run_id"], study))


def add_runs(store: Store, runs: list[RunRecord], now: float) -> None:
    """Add new runs, which are queued, inside the caller's transaction."""
    specs = to_json_each([run.spec for run in runs])
    store.execute_many(
        "INSERT INTO runs (run_id, config_id, shape, spec, total, created) VALUES (?, ?, ?, ?, ?, ?)",
        [(run.run_id, run.config_id, run.shape, spec, run.total, now) for run, spec in zip(runs, specs, strict=True)],
    )
    store.execute_many(
        """INSERT INTO jobs (seq, run_id, shape, status)
           SELECT seq, run_id, shape, 'queued' FROM runs WHERE run_id = ?""",
        [(run.run_id,) for run in runs],
    )
