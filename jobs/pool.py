"""A pool: N workers that are watched, restarted and told to stop.

The pool decides; its launcher starts the processes. It holds no job and no lease, and may be killed at any moment: its
workers notice and drain, and what they leave undone any other worker rescues. So several pools can share a workspace.

A worker that ends by itself (nothing left, drained, or an error that it named) is done. One that dies otherwise has
crashed and is started again, the first time at once and then after growing waits; after `crash_limit` crashes in a row
without progress it is given up. A job that kills every worker is quarantined before long, so this ends.

What a worker holds when it is gone is taken back at once, since there may be nobody else who can see that it is. If it
crashed, that is a strike. It is none if its whole machine is gone, or if the store kept it from letting go. A worker
that the pool itself kills is no evidence against its jobs either: they are handed back first, without a strike.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jobs.config import Settings
from jobs.events import Emit, Event, encode, event
from jobs.launcher import Ending, Launched, Launcher
from jobs.ledger import Ledger
from jobs.rescue import say_rescued
from store import StoreError
from store.queue import Holding

PROGRESS = frozenset({"progress", "committed", "finished", "failed", "quarantined"})
FREQUENT = frozenset({"progress", "idle"})  # events that are not kept in the log
TURN = 0.1  # seconds between looks at the workers
LEAVING = 0.01  # the same, while a worker that has said goodbye is ending its process
LAST_WRITE = 2.0  # seconds that a kill waits for a busy store


@dataclass
class PoolEnd:
    """How a pool ended: told to drain, told to kill, by Ctrl-C, and what kept workers from going on, one line each."""

    drained: bool = False
    killed: bool = False
    interrupted: bool = False
    errors: list[str] = field(default_factory=list)


class Pool:
    """Keeps `workers` workers of a launcher going until none has anything left to do.

    launcher   starts the workers
    ledger     the store that they work in, not connected: runs of workers that the pool kills are handed back to it
    on_event   is called with every event of the workers and of the pool, in the thread that called `run`
    event_log  a file to which all events but progress and idle are appended as JSON lines
    """

    def __init__(
        self,
        launcher: Launcher,
        ledger: Ledger,
        workers: int,
        on_event: Emit,
        settings: Settings,
        event_log: Path | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least 1 worker, not {workers}")
        self._launcher = launcher
        self._ledger = ledger
        self._on_event = on_event
        self._settings = settings
        self._event_log = event_log
        self._slots = [_Slot(number) for number in range(workers)]
        # SimpleQueue, because signal handlers put into it: its put may interrupt its own get.
        self._inbox: queue.SimpleQueue[_Order | _Heard] = queue.SimpleQueue()
        self._end = PoolEnd()

    def run(self) -> PoolEnd:
        """Start the workers and return when all of them are gone for good, or right after `kill`."""
        try:
            self._tell(event("pool_started", time.time(), None, workers=len(self._slots)))
            wait = 0.0
            while self.run_once(time.monotonic(), wait):
                wait = LEAVING if any(slot.leaving for slot in self._slots) else TURN
        finally:
            self._let_go()
        return self._end

    def run_once(self, now: float, wait: float = 0.0) -> bool:
        """Take one turn: handle what came in, then look after every worker. Return whether there is more to do.

        now: seconds on a clock that never goes back. wait: seconds to wait for something to come in.
        """
        self._take(wait)
        if self._end.killed:
            return False
        for slot in self._slots:
            self._tend(slot, now)
        return not self._end.killed and any(not slot.over for slot in self._slots)

    def drain(self) -> None:
        """Tell the workers to save, release and leave. Safe in a signal handler and from any thread."""
        self._inbox.put(_Order("drain"))

    def kill(self) -> None:
        """End the workers at once and hand their jobs back. Safe in a signal handler and from any thread."""
        self._inbox.put(_Order("kill"))

    def interrupt(self) -> None:
        """Drain the first time and kill from the second time on, as Ctrl-C does."""
        self._inbox.put(_Order("interrupt"))

    def _start(self, slot: _Slot) -> None:
        slot.worker, slot.said_goodbye, slot.error = None, False, None
        slot.launched = self._launcher.start(slot.number, lambda heard: self._inbox.put(_Heard(slot, heard)))

    def _take(self, wait: float) -> None:
        """Handle what came in, waiting up to `wait` seconds for the first of it."""
        with suppress(queue.Empty):
            self._handle(self._inbox.get(timeout=wait) if wait > 0 else self._inbox.get_nowait())
            while True:
                self._handle(self._inbox.get_nowait())

    def _handle(self, message: _Order | _Heard) -> None:
        if isinstance(message, _Heard):
            message.slot.hear(message.event)
            self._tell(message.event)
            return
        self._end.interrupted |= message.name == "interrupt"
        if message.name == "kill" or (message.name == "interrupt" and self._end.drained):
            self._end.killed = True
        else:
            if not self._end.drained:
                self._tell(event("draining", time.time(), None))
            self._end.drained = True
            for slot in self._slots:
                if slot.launched is not None:
                    slot.launched.drain()

    def _tend(self, slot: _Slot, now: float) -> None:
        """Look after one worker: notice its end, and start it again when its wait is over."""
        if slot.over:
            return
        if slot.launched is None:
            if self._end.drained:
                slot.over = True
            elif slot.start_at is None or now >= slot.start_at:
                self._start(slot)
            return
        ending = slot.launched.ended()
        if ending is None:
            return
        self._take(wait=0)  # its last events
        pid, slot.launched = slot.launched.pid, None
        if slot.said_goodbye:
            slot.over = True
            if slot.error is not None:
                self._take_back(slot.worker, "released")
                if slot.error not in self._end.errors:
                    self._end.errors.append(slot.error)
        else:
            self._crashed(slot, pid, ending, now)

    def _crashed(self, slot: _Slot, pid: int, ending: Ending, now: float) -> None:
        how = {"slot": slot.number, "pid": pid, "exit": ending.exit, "tail": ending.tail, "node": ending.node}
        self._tell(event("crashed", time.time(), slot.worker, **how))
        self._take_back(slot.worker, "rescued" if ending.node is None else "released")
        if ending.node is not None:
            slot.start_at = now
            return
        slot.crashes += 1
        if slot.crashes >= self._settings.crash_limit:
            slot.over = True
            last = ending.tail.strip().splitlines()[-1:] or ["nothing on stderr"]
            self._end.errors.append(
                f"worker {slot.number} crashed {slot.crashes} times in a row without progress ({ending.how}): {last[0]}"
            )
        slot.start_at = now + self._settings.wait(slot.crashes)

    def _take_back(self, worker: str | None, taken: Literal["rescued", "released"]) -> None:
        """Take back what a worker that is gone holds, with a strike (rescued) or without one."""
        if worker is None:
            return
        if taken == "released":
            for held in self._release_from([worker]):
                self._tell(event("released", time.time(), held.worker, run=held.run_id))
            return
        with suppress(StoreError), self._ledger.another(timeout=LAST_WRITE) as ledger:
            say_rescued(
                ledger.rescue([worker], time.time(), self._settings),
                lambda name, **fields: self._tell(event(name, time.time(), None, **fields)),
            )

    def _tell(self, message: Event) -> None:
        if self._event_log is not None and message["event"] not in FREQUENT:
            # One write of one line to a file opened for appending: lines of several pools do not get mixed up.
            with suppress(OSError), self._event_log.open("ab", buffering=0) as log:
                log.write(encode(message))  # a log that cannot be written is no reason to stop training
        self._on_event(message)

    def _let_go(self) -> None:
        """Leave no worker that waits for orders: kill them if that was ordered, otherwise they drain by themselves."""
        left = [(slot, slot.launched) for slot in self._slots if slot.launched is not None]
        released: list[Holding] = []
        if self._end.killed:
            # Released before they die: afterwards another worker might see them dead, and take that for a crash.
            running = [slot.worker for slot, launched in left if slot.worker is not None and launched.ended() is None]
            released = self._release_from(running)
            if left:  # at the same time: each may take seconds, where a machine cannot be reached
                with ThreadPoolExecutor(len(left), "kill") as killers:
                    list(killers.map(lambda both: both[1].kill(), left))
        for _, launched in left:
            launched.let_go()
        for held in released:
            self._tell(event("released", time.time(), held.worker, run=held.run_id))

    def _release_from(self, workers: list[str]) -> list[Holding]:
        """Hand back what these workers hold. Where the store cannot be written, that is left to rescue."""
        if workers:
            with suppress(StoreError), self._ledger.another(timeout=LAST_WRITE) as ledger:
                return ledger.release_from(workers, time.time())
        return []


@dataclass(frozen=True)
class _Order:
    """What the pool was told to do: drain, kill or interrupt."""

    name: str


@dataclass(frozen=True)
class _Heard:
    """An event of the worker in a slot."""

    slot: _Slot
    event: Event


@dataclass(eq=False)
class _Slot:
    """One place in the pool, and the worker that fills it now."""

    number: int
    launched: Launched | None = None
    worker: str | None = None  # the id that the worker gave itself
    said_goodbye: bool = False
    error: str | None = None
    crashes: int = 0  # in a row, without progress
    start_at: float | None = None  # when a crashed worker may start again, on the clock of `run_once`
    over: bool = False

    @property
    def leaving(self) -> bool:
        """Whether the worker has said goodbye, and its process may still run."""
        return self.said_goodbye and self.launched is not None

    def hear(self, message: Event) -> None:
        """Take note of what an event says about the worker."""
        if message["event"] in PROGRESS:
            self.crashes = 0
        elif message["event"] == "worker_started":
            self.worker = message["worker"]
        elif message["event"] == "worker_ended":
            self.said_goodbye = True
            self.error = message.get("error")


@contextmanager
def signals_to(pool: Pool) -> Iterator[None]:
    """Inside `with`, SIGINT, SIGTERM and SIGHUP drain the pool, and a second one kills it.

    Only the main thread can handle signals; in any other this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {name: signal.signal(name, lambda *_: pool.interrupt()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
