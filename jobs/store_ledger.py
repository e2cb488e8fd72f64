"""The store of a workspace on this machine as a Ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from jobs.config import LONGEST_WAIT, Settings
from jobs.ledger import OPEN_TIMEOUT, MaxPack, ResumePoint, Save
from store import Busy, LeaseLost, Store, StoreError, aside, checkpoints, commits, extension, packs, queue, workers
from store.checkpoints import Checkpoint
from store.extension import Relative, Unfit
from store.history import HistoryRow
from store.queue import Claim, Holding, Rescued
from store.wanted import ALL, Wanted
from store.workers import WorkerRecord, WorkerRow

WRITERS = 8  # checkpoints that are written at the same time: the disk is waited for, not the processor


class StoreLedger:
    """The ledger of a workspace on this machine: an SQLite connection of its own, and the checkpoint files."""

    look_every = 0.0

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
        checkpoint = self._checkpoint(Save(claim, step, write, [], summary, now, outcome))
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
