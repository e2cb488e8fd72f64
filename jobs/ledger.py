"""The ledger: everything that a worker says to the store, and nothing else.

Workers, sessions, heartbeats, rescuers and pools speak to a Ledger, so that none of them knows where the store is.
jobs.store_ledger is the store itself, on this machine. Every method takes and returns plain values (numbers, texts,
frozen dataclasses), so that a proxy of a store on another machine can be a Ledger too.

The contract of every implementation:

- A ledger is used by one thread, inside `with`. A second thread takes one of its own from `another`.
- Times are seconds on the caller's clock and are always handed in.
- A method does all that it says or nothing. The fence is the store's: what a worker writes for a run that it no longer
  holds raises LeaseLost and changes nothing.
- Every method may raise StoreError. Busy, which is one, means that the same call may succeed a moment later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

from jobs.config import Settings
from store.checkpoints import PassedOver
from store.extension import Relative, Unfit
from store.history import EncodedRow, HistoryRow
from store.queue import Claim, Holding, Rescued
from store.workers import WorkerRecord, WorkerRow

OPEN_TIMEOUT = 30.0  # seconds that a worker waits for the store before it counts as busy

MaxPack = Callable[[str], int]  # the shape of runs -> how many of them fit into one pack


@dataclass(frozen=True)
class ResumePoint:
    """Where a run goes on."""

    step: int  # updates done; 0 for the beginning
    checkpoint: Path | None  # a file on this machine with the checkpoint's content; None for the beginning
    passed_over: list[PassedOver]  # newer checkpoints that could not be used, newest first


@dataclass(frozen=True)
class Save:
    """The arguments of one `Ledger.commit`, with its history encoded."""

    claim: Claim
    step: int
    write: Callable[[BinaryIO], None]
    history: Sequence[EncodedRow]
    summary: Mapping[str, Any]
    now: float
    outcome: str | None


class Ledger(Protocol):
    """What a worker may say to the store; see the module for what all methods promise.

    look_every: the least number of seconds between a worker's looks for dead workers; 0 where looking costs little.
    """

    look_every: float

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
