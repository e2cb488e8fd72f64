"""Train the queued runs of a workspace with a pool of worker processes."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from jobs.events import Emit, Event, event
from jobs.launcher import Launcher, LocalLauncher
from jobs.patience import patiently
from jobs.pool import Pool, signals_to
from jobs.store_ledger import StoreLedger
from rnnctl import devices
from rnnctl.determinism import BIT_VARIABLES
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.missing_code import require_code
from rnnctl.lab.pack_keys import refresh_pack_keys
from rnnctl.lab.trajectories import place_trajectories
from rnnctl.lab.usercode import code_of
from rnnctl.lab.worker_options import PRIORITIES, WorkerOptions
from rnnctl.lab.workspaces import archived_studies, study_or_run
from store import Busy, Store, StoreError, aside, priorities, queries, verification
from store.errors import translated
from store.places import refuse_link
from store.queries import Queued
from store.wanted import ALL, Wanted

JOB_DAMAGED = "its job was damaged, and is made anew; rnnctl retry makes the run again"
QUICK = 1.0  # seconds that a look at the queue waits for a busy store, and after which the user is told of a wait
# Events after which a run has made an update or will not make one, but for the check and the checkpoint of update 0.
_MOVES = frozenset(
    {
        "check",
        "progress",
        "committed",
        "finished",
        "failed",
        "quarantined",
        "crashed",
        "idle",
        "postponed",
        "store_busy",
        "worker_ended",
    }
)
LONGEST_START = 60.0  # seconds after the time is over that a first update is waited for
UNFINISHED = frozenset({"queued", "running"})  # statuses of runs that `train` still has to do with

Answer = TypeVar("Answer")
# What brings workers somewhere: the open store, a folder for logs, and whom to tell events -> their launcher in `with`.
Launch = Callable[[Store, Path, Emit], AbstractContextManager[Launcher]]


@dataclass(frozen=True)
class TrainEnd:
    """How a training ended."""

    started: bool  # False if no run was queued or running, so that nothing was started
    statuses: dict[str, int] = field(default_factory=dict)  # status -> wanted runs of the workspace that have it
    runs: dict[str, str] = field(default_factory=dict)  # run that was worked on -> its outcome, or else its status
    drained: bool = False  # whether workers were told to stop, by a signal or by somebody else, before all was done
    errors: list[str] = field(default_factory=list)  # what kept workers from going on, one line each
    out_of_time: bool = False  # whether the workers were told to stop because the time was over
    interrupted: bool = False  # whether a signal to this process told them to
    left: Queued | None = None  # what is queued if the time was over
    archived: list[str] = field(default_factory=list)  # studies in the archive, if nothing was started
    stranded: dict[str, int] = field(default_factory=dict)  # archived study -> its runs that were begun and wait

    def __repr__(self) -> str:
        ends = ", ".join(f"{n} {end}" for end, n in Counter(self.runs.values()).items())
        return f"TrainEnd({ends or 'nothing was trained'}{'; drained' if self.drained else ''})"

    @property
    def failed(self) -> int:
        """How many of the runs that were worked on failed or were quarantined."""
        return sum(end in ("failed", "quarantined") for end in self.runs.values())


def wanted_runs(workspace: Path, names: Sequence[str]) -> Wanted:
    """Return the runs that these names of studies and runs stand for; all runs if there is no name.

    Raises LabError for an unknown name, and for a study or run that is never trained: an archived study, or a run that
    the files of its studies no longer name.
    """
    if not names:
        return ALL
    studies: list[str] = []
    runs: list[str] = []
    with Store.open(workspace, readonly=True, any_names=True) as store:
        for name in names:
            study, run_id = study_or_run(store, name)
            one = Wanted(runs=(run_id,)) if study is None else Wanted(studies=(study,))
            if not any(queries.counts(store, wanted=one).values()):
                raise LabError(_why_not_trained(store, name, study, run_id), Code.NOTHING)
            studies += one.studies
            runs += one.runs
    return Wanted(tuple(dict.fromkeys(studies)), tuple(dict.fromkeys(runs)))


def _why_not_trained(store: Store, name: str, study: str | None, run_id: str) -> str:
    """Return why no worker takes the runs that a name stands for. run_id: of the run, if it is not that of a study."""
    archived = archived_studies(store)
    if study in archived:
        return f"{name} is archived and not trained; rnnctl archive {name} --undo takes it out"
    if study is not None:
        return f"{name}: its file names no run"
    studies = queries.memberships(store, [run_id])
    naming = next((each.study for each in studies if each.named and each.study in archived), None)
    if naming is not None:
        return f"{name} is not trained: the study is archived; rnnctl archive {naming} --undo takes it out"
    return f"{name} is not trained: the file of {studies[0].study} no longer names it"


def prioritize(workspace: Path, wanted: Wanted, priority: int) -> int:
    """Let the wanted runs be claimed before runs of a lower priority, also by workers at work; return their number.

    priority: 0 is that of all runs at first. Done runs have none, and runs that are registered later have 0. Raises
    LabError for one beyond PRIORITIES.
    """
    if not isinstance(priority, int) or not -PRIORITIES <= priority <= PRIORITIES:
        raise LabError(f"{priority!r} is not allowed; allowed: {-PRIORITIES} to {PRIORITIES}", argument="priority")
    with Store.open(workspace, any_names=True) as store:
        return priorities.give(store, wanted, priority, time.time())


def train(
    options: WorkerOptions,
    on_event: Emit = lambda event: None,
    *,
    seconds: float | None = None,
    launch: Launch | None = None,
) -> TrainEnd:
    """Train the wanted queued runs of `options.workspace` in `options.peers` processes, until none is left.

    seconds: the time after which the workers save and leave, as after a signal, but not before a run has made an
    update; None for no end. launch: starts the workers elsewhere; None for this machine. on_event: is called with every
    event of `jobs.events`. The first SIGINT, SIGTERM or SIGHUP makes the workers save
    and leave, the second ends them at once; either way the next call goes on, with the same bits. A signal to one
    worker makes that worker leave, and the others go on. A database that another program has locked is waited for, as
    workers do it.

    Raises LabError if the device is not there, or if the code of a part of one of the runs is missing, and
    StoreError if the workspace cannot be used or written.
    """

    def tell(error: Busy) -> None:
        on_event(event("store_busy", time.time(), None, error=str(error)))

    def when_free(action: Callable[[], Answer]) -> Answer:
        return patiently(action, tell)

    started, wanted = time.monotonic(), options.wanted
    with when_free(lambda: Store.open(options.workspace, timeout=QUICK, any_names=True)) as store:
        when_free(lambda: _set_damaged_jobs_aside(store))
        statuses = when_free(lambda: _statuses(store, wanted))
        if not statuses.keys() & UNFINISHED:
            archived = when_free(lambda: archived_studies(store))
            stranded = when_free(lambda: queries.stranded(store))
            return TrainEnd(started=False, statuses=statuses, archived=archived, stranded=stranded)
        if launch is None:
            _require(options.device)
        with code_of(options.workspace):
            when_free(lambda: require_code(store, wanted))
        logs = store.workspace.logs
        with translated(logs):  # so that an unwritable workspace is reported once, and not by every worker
            logs.mkdir(exist_ok=True)
            for path in (logs, *logs.iterdir()):
                refuse_link(path)
        with code_of(options.workspace):
            when_free(lambda: refresh_pack_keys(store))
            when_free(lambda: place_trajectories(store))
        watch = _Watch(on_event)
        launching = _on_this_machine(options, logs) if launch is None else launch(store, logs, on_event)
        with launching as launcher:
            ledger = StoreLedger(options.workspace)
            pool = Pool(launcher, ledger, options.peers, watch.take, options.settings, logs / "events.jsonl")
            left = None if seconds is None else max(0.0, seconds - (time.monotonic() - started))
            with signals_to(pool), _drained_after(left, pool, watch.moved) as time_is_over:
                end = pool.run()
        ends = when_free(lambda: queries.ends(store, watch.runs))
        statuses = when_free(lambda: _statuses(store, wanted))
        drained = (end.drained or end.killed or watch.drained) and bool(statuses.keys() & UNFINISHED)
        stranded = when_free(lambda: queries.stranded(store))
        out_of_time = drained and time_is_over.is_set()
        return TrainEnd(
            True,
            statuses,
            ends,
            drained,
            end.errors,
            out_of_time,
            end.interrupted,
            when_free(lambda: queries.queued(store, wanted)) if out_of_time else None,
            stranded=stranded,
        )


@contextmanager
def _on_this_machine(options: WorkerOptions, logs: Path) -> Iterator[Launcher]:
    """Inside `with`, have what starts processes on this machine."""
    yield LocalLauncher(partial(_command, options), BIT_VARIABLES, logs)


@contextmanager
def _drained_after(seconds: float | None, pool: Pool, moved: threading.Event) -> Iterator[threading.Event]:
    """Inside `with`, drain the pool after so many seconds; None for never. The event tells that this was done.

    moved: is set once a run has made an update or a worker cannot make one. Before that the pool is not drained for
    LONGEST_START, so that each call makes some progress, even if it takes long to start.
    """
    is_over = threading.Event()
    if seconds is None:
        yield is_over
        return

    def stop() -> None:
        moved.wait(LONGEST_START)
        is_over.set()
        pool.drain()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()
        moved.set()


def _set_damaged_jobs_aside(store: Store) -> None:
    """Make damaged jobs anew: they are the queue. Other damaged rows are left to the workers, who train other runs.

    Raises Damaged if rows may be hidden.
    """
    verification.verify_structure(store)
    if not verification.all_sound(store, "jobs"):
        with store.transaction():
            aside.remake_damaged_jobs(store, JOB_DAMAGED, time.time())


def queued(workspace: Path, wanted: Wanted = ALL, besides: Iterable[str] = ()) -> Queued | None:
    """Return how many wanted runs and updates wait in the queue of a workspace; None if it cannot be read just now.

    besides: ids of runs that are not counted as waiting.
    """
    try:
        with Store.open(workspace, readonly=True, timeout=QUICK, any_names=True) as store:
            return queries.queued(store, wanted, besides)
    except StoreError:
        return None


class _Watch:
    """Hands on a pool's events, and keeps which runs its workers took and whether any was told to stop."""

    def __init__(self, on_event: Emit) -> None:
        self.runs: set[str] = set()
        self.drained = False
        self.moved = threading.Event()  # whether a run has made an update, or a worker has ended
        self._on_event = on_event

    def take(self, event: Event) -> None:
        if event["event"] == "claimed":
            self.runs.update(run["run"] for run in event["runs"])
        elif event["event"] in ("failed", "quarantined"):  # a damaged run is never claimed
            self.runs.add(event["run"])
        elif event["event"] == "worker_ended":
            self.drained |= event["reason"] == "drained"
        if event["event"] in _MOVES and event.get("step") != 0:
            self.moved.set()
        self._on_event(event)


def _statuses(store: Store, wanted: Wanted) -> dict[str, int]:
    return {status: runs for status, runs in queries.counts(store, wanted=wanted).items() if runs}


def _command(options: WorkerOptions, slot: int) -> list[str]:
    """Return the command that starts the worker of a slot."""
    # -P: a store.py or yaml.py in the user's folder must not be imported instead of ours.
    return [sys.executable, "-P", "-m", "rnnctl", "worker", replace(options, slot=slot).to_json()]


def _require(device: str) -> None:
    """Raise LabError if a device that was asked for by name is not there.

    Loads torch if a card was: `auto` and `cpu` are always there.
    """
    if device in ("auto", "cpu"):
        return
    try:
        devices.resolve(device)
    except ValueError as error:
        raise LabError(str(error)) from None
