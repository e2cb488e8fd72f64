"""The worker's side: a `jobs.ledger.Ledger` whose store is on another machine.

Everything goes as a call with plain values. What cannot be sent is done here: a checkpoint is written to bytes before
it goes, one that comes becomes a file of this machine, and how many runs fit into a pack is found out here when the
ledger asks for it.

While the ledger cannot be reached, calls are sent again until the time of this ledger is over, and then count as Busy.
The next call with the same arguments goes on as the same call: it may have been done meanwhile, and its answer lost.
"""

from __future__ import annotations

import io
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from jobs.config import Settings
from jobs.ledger import OPEN_TIMEOUT, MaxPack, ResumePoint
from rnnctl.cluster.calls import (
    Call,
    LedgerGone,
    LimitWanted,
    Parcel,
    RelativeContent,
    Resumed,
    Transport,
    Unreachable,
)
from rnnctl.cluster.clock import LedgerClock
from rnnctl.cluster.folders import temporary_folder
from store.errors import Busy, StoreError, translated
from store.extension import Relative, Unfit
from store.history import HistoryRow, encode
from store.queue import Claim, Holding, Rescued
from store.workers import WorkerRecord, WorkerRow

PAUSE = 0.2  # seconds between two tries
PENDING_FOR = 1.0  # seconds that runs count as pending, unless something else is asked: idle workers ask all the time
FOLDER = "rnnctl-trainer-"  # the beginning of the name of a worker's temporary folder

GONE = "the ledger of this training has ended; rnnctl train goes on from the last checkpoints"


class ClusterLedger:
    """The ledger of a training on a cluster; see `jobs.ledger.Ledger`.

    timeout: seconds that its calls wait before Busy. ours: ids of the workers of this training; it is kept up to date.
    """

    # A look is two calls, which take a hundredth of a second of the ledger's time; a hundred workers may look at once.
    look_every = 5.0

    def __init__(
        self,
        transport: Transport,
        clock: LedgerClock,
        timeout: float = OPEN_TIMEOUT,
        ours: set[str] | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._timeout = timeout
        self._ours: set[str] = set() if ours is None else ours
        self._folder = ExitStack()
        self._files: Path | None = None  # the folder for checkpoints that have come, once there is one
        self._came: dict[str, list[Path]] = {}  # those that a run may begin at, until it has a newer one
        self._unanswered: dict[str, tuple[tuple[Any, ...], str]] = {}  # method -> key and id of one that ended as Busy
        self._busy_content: tuple[tuple[Any, ...], bytes | Parcel] | None = None  # its key, and what was to be saved
        self._limits: list[str] = []  # shapes that the last claim asked for
        self._pending_until = 0.0

    def __enter__(self) -> Self:
        self._ask("hello")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.close()
        self._files = None
        self._came.clear()

    def another(self, timeout: float) -> ClusterLedger:
        return ClusterLedger(self._transport, self._clock, timeout, self._ours)

    def is_ours(self, worker: WorkerRow) -> bool:
        """Return whether a worker belongs to this training, as far as the last answer of `workers` tells."""
        return worker.id in self._ours

    def start(self, worker: WorkerRecord, environment: Mapping[str, Any], now: float) -> None:
        self._ask("start", worker, dict(environment), now, key=(worker.id,))

    def end(self, worker: str, now: float) -> None:
        self._ask("end", worker, now)

    def workers(self) -> list[WorkerRow]:
        rows: list[WorkerRow]
        rows, ours = self._ask("workers")
        self._ours.update(ours)
        return rows

    def claim(
        self, worker: str, now: float, settings: Settings, max_pack: MaxPack, fair: int, shape: str | None = None
    ) -> list[Claim]:
        asked = [shape] if shape is not None else self._limits
        limits = {name: max_pack(name) for name in asked}
        while True:
            try:
                claims: list[Claim] | LimitWanted = self._ask(
                    "claim", worker, now, settings, limits, fair, shape, key=(shape, frozenset(limits))
                )
            except Busy:
                if shape is None:
                    self._limits = list(limits)  # so that the next claim is this one again, which may have been done
                raise
            if not isinstance(claims, LimitWanted):
                break
            limits[claims.shape] = max_pack(claims.shape)
        if shape is None:
            self._limits = [claims[0].shape] if claims else []
        return claims

    def quarantine(self, run_id: str, error: str, now: float) -> None:
        self._ask("quarantine", run_id, error, now)

    def due_shapes(self, now: float, settings: Settings, most: int) -> list[str]:
        shapes: list[str] = self._ask("due_shapes", now, settings, most)
        return shapes

    def pending(self) -> bool:
        if time.monotonic() < self._pending_until:
            return True
        pending: bool = self._ask("pending")
        if pending:
            self._pending_until = time.monotonic() + PENDING_FOR
        return pending

    def beat(
        self, worker: str, held: Sequence[tuple[Holding, int]], now: float, lease: float, extend: bool
    ) -> set[str]:
        holdings = [(_holding(claim), step) for claim, step in held]
        still: set[str] = self._ask("beat", worker, holdings, now, lease, extend)
        return still

    def resume(self, claim: Claim, now: float) -> ResumePoint:
        resumed: Resumed = self._ask("resume", claim, now)
        file = None if resumed.content is None else self._file(claim, resumed.content)
        return ResumePoint(resumed.step, file, resumed.passed_over)

    def relatives(self, claim: Claim, trajectory: str) -> list[Relative]:
        came: list[RelativeContent] = self._ask("relatives", claim, trajectory)
        return [replace(each.relative, checkpoint=self._file(claim, each.content)) for each in came]

    def unfit(self, claim: Claim) -> list[Unfit]:
        unfit: list[Unfit] = self._ask("unfit", claim)
        return unfit

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
        key = (_holding(claim), relative.run_id, step)
        with self._content(key, write) as content:
            kept: bool = self._ask("extend", claim, relative, step, checked, content, dict(summary), now, key=key)
        return kept

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
        rows = encode(history)
        key = (_holding(claim), step, outcome)
        with self._content(key, write) as content:
            self._ask("commit", claim, step, content, rows, dict(summary), now, outcome, key=key)
        for file in self._came.pop(claim.run_id, []):
            file.unlink(missing_ok=True)

    def release(self, claim: Holding, now: float) -> None:
        self._ask("release", _holding(claim), now)

    def postpone(self, claim: Holding, reason: str, now: float, wait: float) -> None:
        self._ask("postpone", _holding(claim), reason, now, wait)

    def release_from(self, workers: Iterable[str], now: float) -> list[Holding]:
        released: list[Holding] = self._ask("release_from", list(workers), now)
        return released

    def fail(self, claim: Holding, error: str, now: float, settings: Settings) -> str:
        status: str = self._ask("fail", _holding(claim), error, now, settings)
        return status

    def rescue(self, dead_workers: Iterable[str], now: float, settings: Settings) -> list[Rescued]:
        rescued: list[Rescued] = self._ask("rescue", list(dead_workers), now, settings)
        return rescued

    def _file(self, claim: Claim, content: bytes) -> Path:
        """Write a checkpoint that has come for a run to a file."""
        with translated(Path(tempfile.gettempdir())):
            if self._files is None:
                self._files = self._folder.enter_context(temporary_folder(FOLDER))
            came = self._came.setdefault(claim.run_id, [])
            file = self._files / f"{claim.run_id}-{claim.attempt}-{len(came)}"
            file.write_bytes(content)
            came.append(file)
        return file

    @contextmanager
    def _content(self, key: tuple[Any, ...], write: Callable[[BinaryIO], None]) -> Iterator[bytes | Parcel]:
        """Inside `with`, have what `write` writes, as an argument of one call. key: of the call; see `_ask`.

        Content of a call that ends as Busy is kept: the ledger may still read it, and the same call takes it again.
        """
        before, self._busy_content = self._busy_content, None
        if before is not None and before[0] == key:
            content = before[1]
        else:
            if before is not None:
                _forget(before[1])
            buffer = io.BytesIO()
            write(buffer)
            content = self._transport.packed(buffer.getvalue())
        try:
            yield content
        except Busy:
            self._busy_content = key, content
            raise
        except BaseException:
            _forget(content)
            raise
        _forget(content)

    def _ask(self, method: str, *arguments: Any, key: tuple[Any, ...] = ()) -> Any:
        """Call a method of the ledger. key: what makes it the same call as one before whose answer has not come."""
        self._pending_until = 0.0
        until = time.monotonic() + self._timeout
        before, id_before = self._unanswered.pop(method, ((), ""))
        call = Call(id_before if key and key == before else uuid.uuid4().hex, method, arguments)
        while True:
            left = max(until - time.monotonic(), PAUSE)
            asked = self._clock.steady()
            try:
                answer = self._transport.send(call, left)
            except LedgerGone as error:
                raise StoreError(GONE) from error
            except Unreachable as error:
                if time.monotonic() + PAUSE >= until:
                    if key:
                        self._unanswered[method] = (key, call.id)
                    raise Busy(f"the ledger of this training does not answer ({error})") from error
            else:
                self._clock.hear(answer.at, asked)
                if answer.error is None:
                    return answer.value
                if not isinstance(answer.error, Busy) or time.monotonic() + PAUSE >= until:
                    raise answer.error
                call = replace(call, id=uuid.uuid4().hex)  # nothing was done
            time.sleep(PAUSE)


def _forget(content: bytes | Parcel) -> None:
    if not isinstance(content, bytes):
        content.forget()


def _holding(claim: Holding) -> Holding:
    """Return what fences a write, without the rest of a claim."""
    return Holding(claim.run_id, claim.attempt, claim.worker)
