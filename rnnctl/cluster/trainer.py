"""A worker inside an actor: `run` trains in one thread, while others take orders and hand over its events."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobs.config import Settings
from jobs.events import Emit, Event
from rnnctl.cluster.calls import Transport
from rnnctl.cluster.clock import LedgerClock
from rnnctl.cluster.ledger import ClusterLedger

if TYPE_CHECKING:
    from rnnctl.cluster.options import ClusterOptions
from rnnctl.cluster.texts import Keeper

WAITING_EVENTS = 2000  # events that may wait to be fetched; further ones are dropped
ALWAYS_KEPT = frozenset({"worker_started", "worker_ended"})  # the pool decides by them
TURN_OF_THE_LEDGER = 0.02  # seconds of each turn of a worker that the ledger may need, when no other has one
LONGEST_WAIT = 2.0  # seconds that whoever fetches events waits for one
GATHERING = 0.5  # seconds after an event in which others may come: each fetch costs both sides a millisecond


@dataclass(frozen=True)
class Seat:
    """Where a worker of a cluster works, and by what it reaches the ledger."""

    ledger: ClusterLedger
    clock: LedgerClock
    node: str  # the name of its node
    asked: ClusterOptions  # what its training asks of the cluster
    shelf: Keeper | None  # where texts are fetched from; None where they lie on this machine

    def settings(self, usual: Settings) -> Settings:
        """Return the settings of a worker here: of many workers, each looks for work and dead workers less often."""
        each = self.asked.slots * TURN_OF_THE_LEDGER
        return replace(usual, rescue_every=min(usual.beat, max(usual.rescue_every, each)))


Train = Callable[[Seat, Emit, threading.Event], int]  # works until nothing is left, and returns an exit status


@dataclass(frozen=True)
class Fetched:
    """Events that came after those that are known. last: the number of the last one. over: whether no more come."""

    events: list[Event]
    last: int
    over: bool


class Trainer:
    """The worker of one slot. `run` is called once; all other methods may be called at any time, by any thread."""

    def __init__(
        self, train: Train, transport: Transport, node: str, asked: ClusterOptions, shelf: Keeper | None = None
    ) -> None:
        clock = LedgerClock()
        self._train = train
        self._seat = Seat(ClusterLedger(transport, clock), clock, node, asked, shelf)
        self._stop = threading.Event()
        self._events: deque[tuple[int, Event]] = deque()
        self._last = 0  # number of the newest event
        self._over = False
        self._changed = threading.Condition()

    def pid(self) -> int:
        """Return the pid of its process."""
        return os.getpid()

    def run(self) -> int:
        """Train until nothing is left or it drains; return an exit status, as `jobs.child.work` does."""
        try:
            return self._train(self._seat, self._emit, self._stop)
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def drain(self) -> None:
        """Make the worker save, release its runs and leave."""
        self._stop.set()

    def events(self, known: int) -> Fetched:
        """Return the events after number `known`, 0 for all. Wait a moment if there is none, and for more of them."""
        with self._changed:
            while self._events and self._events[0][0] <= known:
                self._events.popleft()
            if not self._events and not self._over:
                self._changed.wait(LONGEST_WAIT)
            if self._events and not self._over:
                self._changed.wait_for(lambda: self._over, GATHERING)
            return Fetched([event for _, event in self._events], self._last, self._over)

    def _emit(self, event: Event) -> None:
        with self._changed:
            if len(self._events) < WAITING_EVENTS or event["event"] in ALWAYS_KEPT:
                self._last += 1
                self._events.append((self._last, event))
                self._changed.notify_all()
