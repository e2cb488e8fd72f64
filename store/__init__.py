"""Keep everything: one SQLite file and a folder of checkpoints.

This package knows nothing about networks or processes. A `Store` is one connection, used by one thread; nearly every
function takes it as first argument, and every SQL statement of the program is in one of these modules. Times are
seconds since the epoch, durations are seconds; both are floats, and the caller always passes them in.

    workspace     Workspace(root) .root .database .checkpoints .set_aside .logs .figures; Workspace.find(start)
    connection    Store.create(path, timeout=30.0), Store.open(path, readonly=False, timeout=30.0),
                  .workspace, .close(), .engine(), .check_present(), `with store.transaction():`,
                  `with store.snapshot():`; a Store is a context manager
    errors        StoreError and its kinds NoWorkspace, OlderWorkspace, NewerWorkspace, UnusableEngine,
                  Unwritable, Busy, DiskFull, Corrupt, Damaged, Foreign, Gone, Conflict, InUse, LeaseLost,
                  NotFound;
                  str(error) is one line
    registry      register(store, studies, now) -> [Registered]; StudyRecord, RunRecord, Registered
                  rekey(store, keys) -> [run_id]
    lineage       parents(store, run_id), children(store, run_id) -> [Descended]; Descent
    workers       start(store, WorkerRecord, environment, now), end(store, worker, now),
                  current(store) -> [WorkerRow]
    queue         claim(store, worker, now, lease, max_pack, fair, alone_from, shape=None) -> [Claim]
                  beat(store, worker, held=[(claim, step)], now, lease, extend) -> {run_id still held}
                  pending(store, wanted=ALL) -> bool
                  release(store, claim, now), release_from(store, workers, now) -> [Holding]
                  fail(store, claim, error, now, limit, backoff) -> status
                  rescue(store, now, dead_workers, limit, backoff) -> [Rescued]
                  cancel(store, run_ids, now) -> [run_id], retry(store, run_ids=None) -> [run_id]
    packs         due_shapes(store, terms, most) -> [shape]
    priorities    give(store, wanted, priority, now) -> number of runs, of_run(store, run_id) -> priority
    commits       commit(store, claim, checkpoint, rows, summary, now, outcome=None)
                  rewind(store, claim, resumption)
    checkpoints   write(workspace, run_id, attempt, step, writer) -> Checkpoint
                  discard(workspace, checkpoint), live(store, run_id=None) -> [Checkpoint]
                  file_of(workspace, checkpoint) -> path
                  newest_sound(store, run_id) -> Resumption(checkpoint | None, passed_over=[PassedOver])
                  sweep(store, run_id, attempt) -> [path], unsoundness(workspace, checkpoint) -> reason | None
    files         write_whole(path, fill, durable=True)
    history       HistoryRow, a protocol: .step, .scalars, .traces; encode(rows) -> [EncodedRow]
                  checks_of(store, run_id) -> [StoredCheck]
                  read(store, run_ids, traces=False) -> {run_id: History}
    answers       add(store, answers, now), of_runs(store, run_ids, probe=None) -> [Answer]
    queries       studies, counts, counts_by_study, runs_of, run_ids, keys_to_check, attempts, checkpoints_of,
                  memberships
    naming        resolve_runs, resolve_study: what a word that a user types stands for
    membership    conditions of SQL: which runs studies name and show
    wanted        Wanted(studies, runs): the runs that a worker takes
    marks         tag, untag, tags, note_run, note_study, archive, unarchive
    removal       planned, delete(store, studies, members) -> Removal
    merging       check(other, described), planned(store, other, described) -> Plan,
                  preview(store, other, plan), merge(store, other, plan, now, apart) -> Merged
    run_copy      the steps of a merge for one run: its files, its rows
    integrity     database_findings, checkpoint_findings, orphans, set_orphans_aside; Finding
    backup        backup(store, destination, checkpoints=False) -> BackedUp
"""

from store.connection import Store
from store.errors import (
    Busy,
    Conflict,
    Corrupt,
    Damaged,
    DiskFull,
    Foreign,
    Gone,
    InUse,
    LeaseLost,
    NewerWorkspace,
    NotFound,
    NoWorkspace,
    OlderWorkspace,
    StoreError,
    UnusableEngine,
    Unwritable,
)
from store.workspace import Workspace

__all__ = [
    "Busy",
    "Conflict",
    "Corrupt",
    "Damaged",
    "DiskFull",
    "Foreign",
    "Gone",
    "InUse",
    "LeaseLost",
    "NewerWorkspace",
    "NoWorkspace",
    "NotFound",
    "OlderWorkspace",
    "Store",
    "StoreError",
    "UnusableEngine",
    "Unwritable",
    "Workspace",
]
