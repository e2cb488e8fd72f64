"""Bring the runs and studies of another workspace into this one. The other one is only read.

Equal names mean equal things: a run id is a hash of all that decides the run. If both workspaces have a run, the state
that is further is kept as a whole: done before not done, then more updates. Runs come in batches. The checkpoint files
of a batch are copied first, without a lock on either database, because workers may be busy in both. Then the rows come
in one transaction, if the checkpoints there are still those that were copied. A merge that is cut off has brought in
some runs; repeated, it brings in the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from store import checkpoints, names, registry, run_copy, trajectories
from store.checkpoints import Checkpoint
from store.connection import Store
from store.encoding import from_json, to_json
from store.errors import Corrupt, Foreign
from store.integrity import Described, database_findings
from store.membership import NAMED
from store.queue import CHECKPOINTED
from store.registry import Apart, RunRecord
from store.tables import COUNTS
from store.verification import verify_runs

Item = TypeVar("Item")

AT_ONCE = 20  # runs in a transaction: others wait for the lock meanwhile
ROUNDS = 5  # of copying a run whose checkpoints keep changing in the other workspace


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


class Offer(NamedTuple):
    """What the other workspace has of a run. files: its live checkpoints, newest first."""

    progress: tuple[bool, int]
    files: list[Checkpoint]


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


@dataclass
class Merged:
    """What a merge brought in. Runs are named STUDY/LABEL.

    changed_here, changed_there: runs and studies that changed after the plan was made, and were not touched. refused:
    runs that were not touched, and the reason: too many of their checkpoints there are damaged. missing: other
    checkpoints that could not be copied, and the reason. file_bytes: of the checkpoint files of the runs.
    """

    studies: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    changed_here: list[str] = field(default_factory=list)
    changed_there: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    file_bytes: int = 0

    def take(self, incoming: Incoming, reasons: Mapping[Checkpoint, str | None]) -> None:
        """Note that a run came in. reasons: its checkpoints, and why each could not be copied."""
        (self.new if incoming.here is None else self.replaced).append(incoming.name)
        self.missing += [(file.path, reason) for file, reason in reasons.items() if reason is not None]
        self.file_bytes += sum(file.size for file, reason in reasons.items() if reason is None)


def check(other: Store, described: Described) -> None:
    """Raise Corrupt or Foreign unless all of the other database is as it was written: names, paths, rows and specs."""
    path = other.workspace.database
    names.check(other)
    findings = database_findings(other, described)
    if findings:
        raise Corrupt(f"{path} is damaged ({findings[0].text}): nothing was merged; `rnnctl doctor` tells more")


def planned(store: Store, other: Store, described: Described) -> Plan:
    """Return what a merge would do. The other store has been checked (see `check`)."""
    with store.snapshot():
        sources = dict(map(tuple, store.rows("SELECT name, source FROM studies")))
        here = _states(store)
    with other.snapshot():
        theirs = dict(map(tuple, other.rows("SELECT name, source FROM studies ORDER BY id")))
        there = _states(other)
        rows = other.rows(
            """SELECT run_id, spec, created, (SELECT studies.name || '/' || label FROM labels
                                              JOIN studies ON studies.id = labels.study
                                              WHERE labels.run_id = runs.run_id ORDER BY study LIMIT 1) AS name
               FROM runs ORDER BY seq"""
        )
    new, replaced, busy, kept = [], [], [], 0
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
    return Plan(
        [name for name in theirs if name not in sources],
        [name for name in theirs if name in sources and sources[name] != theirs[name]],
        new,
        replaced,
        kept,
        busy,
    )


def _states(store: Store, run_ids: Iterable[str] | None = None) -> dict[str, State]:
    """Return the states of these runs, or of all."""
    rows = store.rows(
        f"""SELECT run_id, status, attempt, {CHECKPOINTED} AS step FROM jobs
            WHERE :run_ids = 'null' OR run_id IN (SELECT value FROM json_each(:run_ids))""",
        {"run_ids": to_json(None if run_ids is None else list(run_ids))},
    )
    return {run_id: State(*state) for run_id, *state in rows}


def preview(store: Store, other: Store, plan: Plan) -> Merged:
    """Return what `merge` would bring in. Reads the checkpoint files of all runs that would come; changes nothing."""
    merged = Merged(studies=list(plan.studies))
    for batch in _batches([*plan.new, *plan.replaced], AT_ONCE):
        waiting = list(batch)
        for _ in range(ROUNDS):
            if not waiting:
                break
            offers = _offers(other, waiting)
            reasons = {file: _unsoundness(store, other, file) for offer in offers.values() for file in offer.files}
            with store.snapshot(), other.snapshot():
                _, waiting = _sorted_out(store, other, waiting, offers, reasons, merged)
        merged.changed_there += [incoming.name for incoming in waiting]
    return merged


def merge(store: Store, other: Store, plan: Plan, now: float, apart: Apart) -> Merged:
    """Bring in what was planned; return what was brought in.

    A study whose text differs keeps the text that it has here: runs that only the other text names are then runs that
    the study no longer names (see `store.membership`). apart: as `registry.register` takes it.
    """
    merged = Merged()
    with store.transaction(), other.snapshot():
        for study in plan.studies:
            row = other.row("SELECT name, about, source, created, updated FROM studies WHERE name = ?", (study,))
            if row is None:
                merged.changed_there.append(study)
                continue
            store.execute(
                """INSERT INTO studies (name, about, source, created, updated) VALUES (?, ?, ?, ?, ?)
                   ON CONFLICT (name) DO NOTHING""",
                tuple(row),
            )
            merged.studies.append(study)
    for batch in _batches([*plan.new, *plan.replaced], AT_ONCE):
        _take(store, other, batch, now, merged)
    everything = [row["run_id"] for row in other.rows("SELECT run_id FROM runs ORDER BY seq")]
    for run_ids in _batches(everything, 1000):
        with store.transaction(), other.snapshot():
            _take_words(store, other, run_ids, now)
    with store.transaction(), other.snapshot():
        _take_lineage(store, other)
        _take_words_of_studies(store, other, merged.studies)
        for (study,) in store.rows("SELECT id FROM studies"):
            registry.tell_apart(store, study, apart)
    return merged


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _offers(other: Store, batch: Iterable[Incoming]) -> dict[str, Offer]:
    """Return what the other workspace has of these runs now, in a short snapshot. Runs that it has not are left out."""
    with other.snapshot():
        return _offers_now(other, batch)


def _offers_now(other: Store, batch: Iterable[Incoming]) -> dict[str, Offer]:
    states = _states(other, [incoming.run.run_id for incoming in batch])
    return {run_id: Offer(state.progress, checkpoints.live(other, run_id)) for run_id, state in states.items()}


def _is_further(offer: Offer, incoming: Incoming) -> bool:
    return incoming.here is None or offer.progress > incoming.here.progress


def _take(store: Store, other: Store, batch: Sequence[Incoming], now: float, merged: Merged) -> None:
    """Bring in some runs. Those whose checkpoints change there meanwhile are tried again."""
    waiting: Sequence[Incoming] = batch
    written: dict[Checkpoint, bool] = {}
    for _ in range(ROUNDS):
        if not waiting:
            break
        waiting = _take_unchanged(store, other, waiting, now, merged, written)
    merged.changed_there += [incoming.name for incoming in waiting]
    run_copy.settle(store, written)


def _take_unchanged(
    store: Store, other: Store, batch: Sequence[Incoming], now: float, merged: Merged, written: dict[Checkpoint, bool]
) -> list[Incoming]:
    """Copy the files of some runs, then take the rows of those whose checkpoints are still the same; return the others.

    written: files, and whether this merge has written them; gets those of these runs.
    """
    offers = _offers(other, batch)
    reasons: dict[Checkpoint, str | None] = {}
    for file in [file for offer in offers.values() for file in offer.files]:
        is_new = checkpoints.unsoundness(store.workspace, file) is not None
        written[file] = is_new or written.get(file, False)
        reasons[file] = run_copy.copy_file(store, other, file) if is_new else None
    with store.transaction(), other.snapshot():  # in this order: nobody there waits while this waits for its turn here
        store.execute("PRAGMA defer_foreign_keys = ON")  # results are replaced row by row
        still_here = {
            run_id: offer
            for run_id, offer in offers.items()
            if all(run_copy.is_present(store, file) for file in offer.files if reasons[file] is None)
        }
        taken, again = _sorted_out(store, other, batch, still_here, reasons, merged)
        ids = [incoming.run.run_id for incoming in taken]
        for table in COUNTS:
            verify_runs(other, table, ids)
        replaced = [path for run_id in ids for path in run_copy.replaced_files(store, run_id)]
        for incoming in taken:
            if incoming.here is None:
                registry.add_runs(store, [incoming.run], incoming.created)
                if incoming.run.trajectory is not None:
                    trajectories.place(store, {incoming.run.run_id: incoming.run.trajectory})
            run_copy.replace_results(store, other, incoming.run.run_id, now)
        _take_words(store, other, ids, now)
    brought = {checkpoints.file_of(store.workspace, file) for file in reasons}
    run_copy.remove([path for path in replaced if path not in brought])
    return again


def _sorted_out(
    store: Store,
    other: Store,
    batch: Sequence[Incoming],
    offers: Mapping[str, Offer],
    reasons: Mapping[Checkpoint, str | None],
    merged: Merged,
) -> tuple[list[Incoming], list[Incoming]]:
    """Return the runs whose rows can be taken, and those to be copied again. What becomes of the others is noted.

    offers: as they were when the files were copied. reasons: why each file could not be copied.
    """
    here, there = _states(store, [incoming.run.run_id for incoming in batch]), _offers_now(other, batch)
    taken, again = [], []
    for incoming in batch:
        run_id = incoming.run.run_id
        offer = there.get(run_id)
        if here.get(run_id) != incoming.here:
            merged.changed_here.append(incoming.name)
        elif offer is None or not _is_further(offer, incoming):
            merged.changed_there.append(incoming.name)
        elif offer != offers.get(run_id):
            again.append(incoming)
        elif _judge(incoming, offer, reasons, merged):
            taken.append(incoming)
    return taken, again


def _judge(incoming: Incoming, offer: Offer, reasons: Mapping[Checkpoint, str | None], merged: Merged) -> bool:
    """Return whether a run can come in with the files that are sound, and note it. reasons: why the others are not."""
    reason = _refusal(incoming.here, offer, reasons)
    if reason is None:
        merged.take(incoming, {file: reasons[file] for file in offer.files})
    else:
        merged.refused.append((incoming.name, reason))
    return reason is None


def _refusal(here: State | None, offer: Offer, reasons: Mapping[Checkpoint, str | None]) -> str | None:
    """Return why a run must stay as it is here, None if it can come in.

    A run that is not done comes with its newest checkpoint: it would lose updates otherwise. A run that is done has its
    results in the database, and comes without; but it must not replace checkpoints here by older ones, or by none.
    """
    done, _ = offer.progress
    if not offer.files:
        return "it has no checkpoint there" if here is not None and here.step > 0 else None
    newest = offer.files[0]
    if reasons[newest] is None:
        return None
    if done and (here is None or here.step == 0):
        return None
    if done and here is not None and any(file.step > here.step for file in offer.files if reasons[file] is None):
        return None
    return f"{newest.path} {reasons[newest]} there"


def _unsoundness(store: Store, other: Store, file: Checkpoint) -> str | None:
    """Return why `run_copy.copy_file` would fail, None if the file is sound here or there."""
    if checkpoints.unsoundness(store.workspace, file) is None:
        return None
    return checkpoints.unsoundness(other.workspace, file)


def _take_words(store: Store, other: Store, run_ids: Sequence[str], now: float) -> None:
    """Take labels, tags, notes and priorities of runs that are here now. Those that are here stay."""
    here = store.rows(
        "SELECT run_id FROM runs WHERE run_id IN (SELECT value FROM json_each(?))", (to_json(list(run_ids)),)
    )
    ids = to_json([row["run_id"] for row in here])
    for table in ("tags", "run_notes", "priorities"):
        run_copy.copy_rows(store, other, table, "run_id IN (SELECT value FROM json_each(?))", (ids,))
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
