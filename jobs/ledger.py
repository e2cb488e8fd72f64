"""The ledger: everything that a worker says to the store, and nothing else.

Workers, sessions, heartbeats, rescuers and pools speak to a Ledger, so that none of them knows where the store is.
StoreLedger is the store itself, on this machine. Every method takes and returns plain values (numbers, texts, frozen
dataclasses), so that a proxy of a store on another machine can be a Ledger too.

The contract of every implementation:

- A ledger is used by one thread, inside `with`. A second thread takes one of its own from `another`.
- Times are seconds on the caller's clock and are always handed in.
- A method does all that it says or nothing. The fence is the store's: what a worker writes for a run that it no longer
  holds raises LeaseLost and changes nothing.
- Every method may raise StoreError. Busy, which is one, means that the same call may succeed a moment later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

from jobs.config import LONGEST_WAIT, Settings
from store import Busy, LeaseLost, Store, StoreError, aside, checkpoints, commits, extension, packs, queue, workers
from store.checkpoints import Checkpoint, PassedOver
from store.extension import Relative, Unfit
from store.history import HistoryRow
from store.queue import Claim, Holding, Rescued
from store.wanted import ALL, Wanted
from store.workers import WorkerRecord, WorkerRow

OPEN_TIMEOUT = 30.0  # seconds that a worker waits for the store before it counts as busy

WRITERS = 8  # checkpoints that are written at the same time: the disk is waited for, not the processor

MaxPack = Callable[[str], int]  # the shape of runs -> how many of them fit into one pack


@dataclass(frozen=True)
class ResumePoint:
    """Where a run goes on."""

    step: int  # updates done; 0 for the beginning
    checkpoint: Path | None  # a file on this machine with the checkpoint's content; None for the beginning
    passed_over: list[PassedOver]  # newer checkpoints that could not be used, newest first


@dataclass(frozen=True)
class Save:
    """The arguments of one `Ledger.commit`."""

    claim: Claim
    step: int
    write: Callable[[BinaryIO], None]
    history: Sequence[HistoryRow]
    summary: Mapping[str, Any]
    now: float
    outcome: str | None


class Ledger(Protocol):
    """What a worker may say to the store; see the module for what all methods promise."""

    def __enter__(self) -> Self:
        """Connect. Raise StoreError if the store cannot be used."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        ...

    def another(self, timeout: float) -> Ledger:
        """Return a ledger of the same store for another thread, not yet connected.

        timeout: seconds that its calls wait for the store before they raise Busy. May be called from any thread.
        """
        ...

    def start(self, worker: WorkerRecord, environment: Mapping[str, Any], now: float) -> None:
        """Register a worker and the environment that it trains in, a JSON object. Call it before the first claim."""
        ...

    def end(self, worker: str, now: float) -> None:
        """Record that a worker has ended. What it still holds stays held until it is rescued."""
        ...

    def workers(self) -> list[WorkerRow]:
        """Return the workers that have not ended, oldest first. Some may be dead."""
        ...

    def claim(
        self, worker: str, now: float, settings: Settings, max_pack: MaxPack, fair: int, shape: str | None = None
    ) -> list[Claim]:
        """Take the runs of the next pack, or none if nothing is due or the worker is marked as ended.

        fair: how many workers, this one included, should get a share of the runs of that shape. A run that one more
        strike would end is claimed alone. shape: take a pack of this shape, without such runs. The leases last until
        `now + settings.lease`. A run that has to wait for longer than LONGEST_WAIT is due: the clock was set back.
        Raise Damaged, which names the run, if a row of one of them is damaged.
        """
        ...

    def quarantine(self, run_id: str, error: str, now: float) -> None:
        """Take a queued run whose rows are damaged out of the queue, with the reason."""
        ...

    def due_shapes(self, now: float, settings: Settings, most: int) -> list[str]:
        """Return up to `most` shapes of the runs that are due and not to be claimed alone, in the order of claims."""
        ...

    def pending(self) -> bool:
        """Return whether any run that may be claimed here is queued or running."""
        ...

    def beat(
        self, worker: str, held: Sequence[tuple[Holding, int]], now: float, lease: float, extend: bool
    ) -> set[str]:
        """Record that a worker lives, and the step of each run that it holds; return the run ids that it does hold.

        extend: whether the leases now last until `now + lease`.
        """
        ...

    def resume(self, claim: Claim, now: float) -> ResumePoint:
        """Find the newest sound checkpoint of a claimed run.

        Where newer ones were missing or damaged, take the history back to the one that is used. Remove files that
        earlier attempts left unfinished. Raise LeaseLost if the run is no longer held.
        """
        ...

    def relatives(self, claim: Claim, trajectory: str) -> list[Relative]:
        """Return sound checkpoints of other runs with this trajectory that a claimed run may begin at, newest first.

        None of them has more updates than the run will have, or other bits than here.
        """
        ...

    def unfit(self, claim: Claim) -> list[Unfit]:
        """Return damaged checkpoints of other runs of its trajectory at which a claimed run could have begun."""
        ...

    def extend(
        self,
        claim: Claim,
        relative: Relative,
        step: int,
        checked: int,
        write: Callable[[BinaryIO], None],
        summary: Mapping[str, Any],
        now: float,
    ) -> bool:
        """Let a run that has nothing yet begin where a relative is, at `step` updates.

        write: writes the checkpoint's content to a file; called once for each call. checked: the relative's history up
        to this step becomes that of the run. Return False, and keep nothing, if the relative has changed meanwhile.
        Raise LeaseLost if the run is no longer held.
        """
        ...

    def commit(
        self,
        claim: Claim,
        step: int,
        write: Callable[[BinaryIO], None],
        history: Sequence[HistoryRow],
        summary: Mapping[str, Any],
        now: float,
        outcome: str | None,
    ) -> None:
        """Save a run as of `step` updates: its checkpoint, the history since the last commit, and its summary.

        write: writes the checkpoint's content to a file; called once for each call. outcome: None, or solved, budget,
        early_stop or diverged, which ends the run as done. Raise LeaseLost if the run is no longer held, and Conflict
        for history that was already written.
        """
        ...

    def release(self, claim: Holding, now: float) -> None:
        """Hand a run back: queued again, without a strike. Raise LeaseLost if it is no longer held."""
        ...

    def postpone(self, claim: Holding, reason: str, now: float, wait: float) -> None:
        """Hand a run back that cannot be worked on now: queued again, without a strike, to be claimed after the wait.

        reason: one line, which is kept. wait: seconds, at most LONGEST_WAIT. Raise LeaseLost if it is no longer held.
        """
        ...

    def release_from(self, workers: Iterable[str], now: float) -> list[Holding]:
        """Hand back all runs of these workers and record that they ended; no strikes. Return what they held."""
        ...

    def fail(self, claim: Holding, error: str, now: float, settings: Settings) -> str:
        """End an attempt that raised, with its traceback: a strike. Return the run's new status, queued or failed.

        Raise LeaseLost if the run is no longer held.
        """
        ...

    def rescue(self, dead_workers: Iterable[str], now: float, settings: Settings) -> list[Rescued]:
        """Take the runs of dead workers, and those whose lease has ended: a strike each.

        If a holder gave its last sign of life in the future, the clock was set back: its leases last as long from `now`
        as they did from then.
        """
        ...


class StoreLedger:
    """The ledger of a workspace on this machine: an SQLite connection of its own, and the checkpoint files."""

    def __init__(self, workspace: Path, timeout: float = OPEN_TIMEOUT, wanted: Wanted = ALL) -> None:
        """workspace: its folder. timeout: seconds to wait for other processes' locks before Busy.

        wanted: the only runs that are claimed, and waited for.
        """
        self._workspace = workspace
        self._timeout = timeout
        self._wanted = wanted
        self._store: Store

    def __enter__(self) -> Self:
        # What is wrong with the names of one run must not stop the others: each run is verified when it is claimed.
        self._store = Store.open(self._workspace, timeout=self._timeout, any_names=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()

    def another(self, timeout: float) -> StoreLedger:
        return StoreLedger(self._workspace, timeout, self._wanted)

    def start(self, worker: WorkerRecord, environment: Mapping[str, Any], now: float) -> None:
        workers.start(self._store, worker, dict(environment), now)

    def end(self, worker: str, now: float) -> None:
        workers.end(self._store, worker, now)

    def workers(self) -> list[WorkerRow]:
        return workers.current(self._store)

    def claim(
        self, worker: str, now: float, settings: Settings, max_pack: MaxPack, fair: int, shape: str | None = None
    ) -> list[Claim]:
        return queue.claim(
            self._store,
            worker,
            now,
            settings.lease,
            max_pack,
            fair,
            settings.alone_from,
            shape,
            LONGEST_WAIT,
            self._wanted,
        )

    def quarantine(self, run_id: str, error: str, now: float) -> None:
        aside.quarantine(self._store, run_id, error, now)

    def due_shapes(self, now: float, settings: Settings, most: int) -> list[str]:
        return packs.due_shapes(
            self._store,
            packs.Terms(now, settings.alone_from, longest_wait=LONGEST_WAIT, wanted=self._wanted),
            most,
        )

    def pending(self) -> bool:
        return queue.pending(self._store, self._wanted)

    def beat(
        self, worker: str, held: Sequence[tuple[Holding, int]], now: float, lease: float, extend: bool
    ) -> set[str]:
        return queue.beat(self._store, worker, held, now, lease, extend)

    def resume(self, claim: Claim, now: float) -> ResumePoint:
        sound = checkpoints.newest_sound(self._store, claim.run_id)
        if sound.passed_over:
            commits.rewind(self._store, claim, sound)
        step = 0 if sound.checkpoint is None else sound.checkpoint.step
        # Asked before anything is removed: the files in the folder may be those of the run's new holder.
        if not self._holds(claim, step, now):
            raise LeaseLost(f"run {claim.run_id} was rescued or cancelled before it was resumed")
        checkpoints.sweep(self._store, claim.run_id, claim.attempt)
        path = None if sound.checkpoint is None else checkpoints.file_of(self._store.workspace, sound.checkpoint)
        return ResumePoint(step, path, sound.passed_over)

    def relatives(self, claim: Claim, trajectory: str) -> list[Relative]:
        return extension.relatives(self._store, claim, trajectory)

    def unfit(self, claim: Claim) -> list[Unfit]:
        return extension.unfit(self._store, claim.run_id)

    def extend(
        self,
        claim: Claim,
        relative: Relative,
        step: int,
        checked: int,
        write: Callable[[BinaryIO], None],
        summary: Mapping[str, Any],
        now: float,
    ) -> bool:
        checkpoint = self._checkpoint(Save(claim, step, write, [], summary, now, None))
        with self._discarded_if_busy([checkpoint]):
            return extension.extend(self._store, claim, checkpoint, relative, checked, summary, now)

    def commit(
        self,
        claim: Claim,
        step: int,
        write: Callable[[BinaryIO], None],
        history: Sequence[HistoryRow],
        summary: Mapping[str, Any],
        now: float,
        outcome: str | None,
    ) -> None:
        checkpoint = self._checkpoint(Save(claim, step, write, history, summary, now, outcome))
        with self._discarded_if_busy([checkpoint]):
            commits.commit(self._store, claim, checkpoint, history, summary, now, outcome)

    def commit_all(self, saves: Sequence[Save]) -> list[StoreError | None]:
        """Do several commits in one transaction; return what each would have raised, or None.

        Their files are written at the same time. An error that concerns all of them is raised, and nothing is kept.
        """
        self._store.check_present()  # before files are written into a folder that is another one by now
        with ThreadPoolExecutor(min(len(saves), WRITERS)) as writers:
            written = list(writers.map(self._written, saves))
        answers: list[StoreError | None] = [None] * len(saves)
        kept: dict[int, commits.Save] = {}
        for place, (save, file) in enumerate(zip(saves, written, strict=True)):
            if isinstance(file, StoreError):
                answers[place] = self._why_not_written(save, file)
            else:
                kept[place] = commits.Save(save.claim, file, save.history, save.summary, save.now, save.outcome)
        if kept:
            with self._discarded_if_busy([save.checkpoint for save in kept.values()]):
                refusals = commits.commit_all(self._store, list(kept.values()))
            for place, refusal in zip(kept, refusals, strict=True):
                answers[place] = refusal
        return answers

    def _checkpoint(self, save: Save) -> Checkpoint:
        """Write the checkpoint of a commit, which does not count yet."""
        self._store.check_present()  # before a file is written into a folder that is another one by now
        file = self._written(save)
        if isinstance(file, StoreError):
            raise self._why_not_written(save, file)
        return file

    def _written(self, save: Save) -> Checkpoint | StoreError:
        """Write the file of a commit, in any thread. Return what went wrong with it, if something did."""
        try:
            return checkpoints.write(
                self._store.workspace, save.claim.run_id, save.claim.attempt, save.step, save.write
            )
        except StoreError as error:
            return error

    def release(self, claim: Holding, now: float) -> None:
        queue.release(self._store, claim, now)

    def postpone(self, claim: Holding, reason: str, now: float, wait: float) -> None:
        queue.postpone(self._store, claim, reason, now, wait)

    def release_from(self, workers: Iterable[str], now: float) -> list[Holding]:
        return queue.release_from(self._store, workers, now)

    def fail(self, claim: Holding, error: str, now: float, settings: Settings) -> str:
        return queue.fail(self._store, claim, error, now, settings.strike_limit, settings.wait)

    def rescue(self, dead_workers: Iterable[str], now: float, settings: Settings) -> list[Rescued]:
        return queue.rescue(self._store, now, dead_workers, settings.strike_limit, settings.wait)

    def _why_not_written(self, save: Save, error: StoreError) -> StoreError:
        """Return what an error of writing a checkpoint means.

        A new holder of the run sweeps its folder, and may have removed the file while it was being written.
        """
        if self._holds(save.claim, save.step, save.now):
            return error
        lost = LeaseLost(f"run {save.claim.run_id} was rescued or cancelled while it was saved")
        lost.__cause__ = error
        return lost

    @contextmanager
    def _discarded_if_busy(self, files: Sequence[Checkpoint]) -> Iterator[None]:
        """Remove files that are made to count inside, if the store is busy then."""
        try:
            yield
        except Busy:
            for file in files:
                checkpoints.discard(self._store.workspace, file)
            raise

    def _holds(self, claim: Claim, step: int, now: float) -> bool:
        """Return whether the store says that the run is still held, without extending its lease."""
        return bool(queue.beat(self._store, claim.worker, [(claim, step)], now, 0.0, False))
