"""The ledger's side: one thread that does what workers ask, in the workspace of this machine.

Calls that come in while it works wait, and are then done together: beats first, so that no lease ends because of a
backlog, then everything else in the order of arrival, and commits last, many in one transaction. A worker waits for the
answer to its commit before it trains on, so that workers cannot outrun the ledger. Large contents are fetched when
their turn comes, and until then stay with the worker.

Which worker of this training is dead, its pool alone says: it knows whether a process has died or a whole machine.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from jobs import identity
from jobs.config import Settings
from jobs.ledger import Save
from jobs.load import WRITE_EVERY, Meter, forget_dead
from jobs.rescue import live_workers
from jobs.store_ledger import StoreLedger
from rnnctl.cluster.calls import Answer, Call, LimitWanted, Parcel, RelativeContent, Resumed
from store.errors import StoreError, translated
from store.extension import Relative
from store.history import EncodedRow
from store.queue import Claim, Holding, Rescued
from store.wanted import ALL, Wanted
from store.workers import WorkerRecord, WorkerRow

PATIENCE = 2.0  # seconds that a locked database is waited for; workers ask again
MOST_COMMITS = 64  # in one transaction
MOST_BYTES = 2**28  # of the checkpoints of one transaction, which are in memory at the same time
# Calls that may be done again without harm. Their answers can be large, and are not kept.
REPEATABLE = frozenset({"hello", "workers", "due_shapes", "pending", "beat", "resume", "relatives", "unfit"})
REMEMBERED = 1024  # answers that are kept, in case they got lost
RESCUE_EVERY = 1.0  # seconds between looks for leases that have ended

Content = bytes | Parcel


@dataclass(frozen=True)
class _Waiting:
    """A call in line. since: on the clock that is never set."""

    call: Call
    answer: Future[Answer]
    since: float


class Service:
    """Does what workers ask. Close it at the end.

    workspace: its folder. wanted: the only runs that are claimed, and waited for. logs: the folder for its load.
    rescue_every: seconds between looks for leases that have ended. peers: how many workers this training starts; None
    if their shares of the runs are theirs to know.
    """

    def __init__(
        self,
        workspace: Path,
        wanted: Wanted = ALL,
        logs: Path | None = None,
        clock: Callable[[], float] = time.time,
        rescue_every: float = RESCUE_EVERY,
        peers: int | None = None,
    ) -> None:
        self._ledger = StoreLedger(workspace, PATIENCE, wanted)
        self._logs = logs
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: OrderedDict[str, Future[Answer]] = OrderedDict()
        self._inbox: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._ours: set[str] = set()  # ids of the workers that have registered here
        self._rescue_every = rescue_every
        self._peers = peers
        self._rescued_at = -rescue_every
        if logs is not None:
            forget_dead(logs)
        self._meter = Meter(time.monotonic())
        self._measured = 0.0
        self._methods: dict[str, Callable[..., Any]] = {
            "hello": lambda: None,
            "start": self._start,
            "end": self._ledger.end,
            "workers": self._workers,
            "claim": self._claim,
            "quarantine": self._ledger.quarantine,
            "due_shapes": self._ledger.due_shapes,
            "pending": self._ledger.pending,
            "beat": self._ledger.beat,
            "resume": self._resume,
            "relatives": self._relatives,
            "unfit": self._ledger.unfit,
            "extend": self._extend,
            "release": self._ledger.release,
            "postpone": self._ledger.postpone,
            "release_from": self._release_from,
            "fail": self._ledger.fail,
            "rescue": self._rescue,
        }
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, call: Call) -> Future[Answer]:
        """Put a call in line; return its answer to come. A call that is sent again gets the answer of the first."""
        with self._lock:
            if (known := self._calls.get(call.id)) is not None:
                return known
            future: Future[Answer] = Future()
            future.set_running_or_notify_cancel()  # who waits for it may be cancelled; it is answered all the same
            self._calls[call.id] = future
            while len(self._calls) > REMEMBERED and next(iter(self._calls.values())).done():
                self._calls.popitem(last=False)
        self._inbox.put(_Waiting(call, future, time.monotonic()))
        return future

    def close(self) -> None:
        """Do what has come in, and end."""
        self._inbox.put(None)
        self._thread.join()
        if self._logs is not None:
            self._meter.forget(self._logs)

    def _run(self) -> None:
        closing = False
        with ExitStack() as opened:
            is_open = False
            while not closing:
                batch, closing = self._next()
                if not batch:
                    self._report()
                    continue
                began = time.monotonic()
                try:
                    if not is_open:
                        opened.enter_context(self._ledger)
                        is_open = True
                except StoreError as error:
                    for waiting in batch:
                        self._answer(waiting, error=error)
                else:
                    self._work(batch)
                now = time.monotonic()
                self._meter.worked(now, now - began)
                self._report()

    def _next(self) -> tuple[list[_Waiting], bool]:
        """Wait for a call; return all that have come in, in the order of work, and whether this is the end."""
        batch: list[_Waiting] = []
        closing = False
        try:
            came = self._inbox.get(timeout=WRITE_EVERY)
            while True:
                if came is None:
                    closing = True
                else:
                    batch.append(came)
                came = self._inbox.get_nowait()
        except queue.Empty:
            pass
        return sorted(batch, key=lambda waiting: waiting.call.method != "beat"), closing

    def _work(self, batch: Sequence[_Waiting]) -> None:
        commits = [waiting for waiting in batch if waiting.call.method == "commit"]
        for waiting in batch:
            if waiting.call.method != "commit":
                self._do(waiting)
        for together in _in_parts(commits):
            self._commit_all(together)

    def _do(self, waiting: _Waiting) -> None:
        try:
            value = self._methods[waiting.call.method](*waiting.call.arguments)
        except Exception as error:
            self._answer(waiting, error=error)
        else:
            self._answer(waiting, value)

    def _answer(self, waiting: _Waiting, value: object = None, error: Exception | None = None) -> None:
        """Answer a call. An error that is not the store's is a fault of this program, and is printed too."""
        if error is not None and not isinstance(error, StoreError):
            traceback.print_exception(error)
            error = StoreError(f"the ledger failed: {type(error).__name__}: {error}")
        now = time.monotonic()
        if waiting.call.method == "commit":
            self._meter.answered(now, now - waiting.since)
        if waiting.call.method in REPEATABLE:
            with self._lock:
                self._calls.pop(waiting.call.id, None)
        waiting.answer.set_result(Answer(self._clock(), value, error))

    def _commit_all(self, commits: Sequence[_Waiting]) -> None:
        """Do several commits in one transaction, and answer each."""
        saves: list[tuple[_Waiting, Save]] = []
        for waiting in commits:
            try:
                saves.append((waiting, _save(*waiting.call.arguments)))
            except Exception as error:
                self._answer(waiting, error=error)
        if not saves:
            return
        errors: Sequence[Exception | None]
        try:
            errors = self._ledger.commit_all([save for _, save in saves])
        except Exception as error:
            errors = [error] * len(saves)
        for (waiting, _), refusal in zip(saves, errors, strict=True):
            self._answer(waiting, error=refusal)

    def _report(self) -> None:
        """Measure how busy it is, unless that was done a moment ago: it takes longer than a small call."""
        now = time.monotonic()
        if now - self._measured < WRITE_EVERY:
            return
        self._measured = now
        load = self._meter.load(now, self._inbox.qsize())
        if self._logs is not None:
            self._meter.write(self._logs, load)

    def _start(self, worker: WorkerRecord, environment: Mapping[str, Any], now: float) -> None:
        here = identity.here()
        if worker.host == here.host and worker.boot_id != here.boot_id:
            # Two machines of one name: to whoever looks at processes, this worker would seem dead since a reboot.
            worker = replace(worker, host=f"{worker.host} ({environment.get('node')})")
        self._ledger.start(worker, environment, now)
        self._ours.add(worker.id)

    def _workers(self) -> tuple[list[WorkerRow], frozenset[str]]:
        return self._ledger.workers(), frozenset(self._ours)

    def _claim(
        self,
        worker: str,
        now: float,
        settings: Settings,
        limits: Mapping[str, int],
        fair: int,
        shape: str | None,
    ) -> list[Claim] | LimitWanted:
        """Do `claim` with the limits of the worker's machine by shape; ask for the limit of another shape."""

        def most(shape: str) -> int:
            if shape not in limits:
                raise _LimitUnknown(shape)
            return limits[shape]

        try:
            return self._ledger.claim(worker, now, settings, most, self._fair(fair, now, settings), shape)
        except _LimitUnknown as unknown:
            return LimitWanted(unknown.shape)

    def _fair(self, counted: int, now: float, settings: Settings) -> int:
        """Return how many workers should get a share at this moment: those that hold no runs, and ours to come.

        counted: by the worker, before it asked. Workers that start together count each other before the first of them
        has its runs. Each would leave a share for the others that have theirs by now, and packs would be smaller than
        they could be.
        """
        if self._peers is None:
            return counted
        live = live_workers(self._ledger, now, settings.lease)
        to_come = self._peers - sum(worker.id in self._ours for worker in live)
        return min(counted, max(1, sum(worker.running == 0 for worker in live) + max(0, to_come)))

    def _resume(self, claim: Claim, now: float) -> Resumed:
        point = self._ledger.resume(claim, now)
        content = None if point.checkpoint is None else _content_of(point.checkpoint)
        return Resumed(point.step, content, point.passed_over)

    def _relatives(self, claim: Claim, trajectory: str) -> list[RelativeContent]:
        relatives = self._ledger.relatives(claim, trajectory)
        return [RelativeContent(relative, _content_of(relative.checkpoint)) for relative in relatives]

    def _extend(
        self,
        claim: Claim,
        relative: Relative,
        step: int,
        checked: int,
        content: Content,
        summary: Mapping[str, Any],
        now: float,
    ) -> bool:
        return self._ledger.extend(claim, relative, step, checked, _writer(content), summary, now)

    def _release_from(self, workers: Iterable[str], now: float) -> list[Holding]:
        return self._ledger.release_from(set(workers) - self._ours, now)

    def _rescue(self, dead_workers: Iterable[str], now: float, settings: Settings) -> list[Rescued]:
        dead = set(dead_workers) - self._ours
        since = time.monotonic()
        if not dead and since - self._rescued_at < self._rescue_every:
            return []  # another worker has just looked
        self._rescued_at = since
        return self._ledger.rescue(dead, now, settings)


class _LimitUnknown(Exception):
    """Stops a claim before it takes anything."""

    def __init__(self, shape: str) -> None:
        super().__init__(shape)
        self.shape = shape


def _save(
    claim: Claim,
    step: int,
    content: Content,
    history: Sequence[EncodedRow],
    summary: Mapping[str, Any],
    now: float,
    outcome: str | None,
) -> Save:
    return Save(claim, step, _writer(content), history, summary, now, outcome)


def _in_parts(commits: Sequence[_Waiting]) -> Iterator[list[_Waiting]]:
    """Yield commits in their order, those that share a transaction together."""
    part: list[_Waiting] = []
    size = 0
    for waiting in commits:
        content: Content = waiting.call.arguments[2]
        length = len(content) if isinstance(content, bytes) else content.size
        if part and (len(part) == MOST_COMMITS or size + length > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(waiting)
        size += length
    if part:
        yield part


def _writer(content: Content) -> Callable[[BinaryIO], None]:
    """Return a function that writes the content to a file. A parcel is read at once."""
    read = content if isinstance(content, bytes) else content.read()

    def write(file: BinaryIO) -> None:
        file.write(read)

    return write


def _content_of(path: Path) -> bytes:
    with translated(path):
        return path.read_bytes()
