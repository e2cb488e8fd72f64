"""A worker: claims packs of runs, has them executed, and settles what becomes of them.

In a turn a worker claims one pack. Where `more` says that there is room, it claims further packs of other shapes, which
are executed in the same session. It leaves other workers that want runs their share of the shapes that are due. A run
that one more strike would end is executed alone.

The policy of the queue stands here; its states, and the fence behind every change of them, in store/queue.py:

    execute commits a run with an outcome      the run is done
    it returns because the worker drains       unfinished runs are released, without a strike
    it returns early, but after a commit       likewise: it may want another pack
    it returns early, without any commit       a strike: else the run would be claimed again for ever
    it raises                                  a strike for every unfinished run, with the traceback
    it raises PackFailed                       its error counts for the runs that it names, as in the other lines; the
                                               others are released, without a strike
    it raises OutOfMemory, with several runs   all runs are released, without a strike; this worker's next packs of that
                                               shape are half as large
    it does so for one run beside other packs  likewise, and this worker's next sessions have half as many packs
    it does so for runs of several shapes      likewise
    it does so for the only run                a strike, with its one line
    it raises FitsLater                        its runs are postponed: released without a strike, to be tried again
                                               soon; a run for which this has not helped for long gets a strike
    it raises NeverFits                        its runs fail at once, with its one line: they would fail each time
    it raises Damaged: the rows of one run     that run fails, and the others are released, without a strike
    it raises because the store fails          all runs are released, and the worker ends with that error
    the process dies, or a lease ends          a strike, by whoever rescues the run
    its pool kills it, or its machine reboots  all runs are released, by the pool or by whoever rescues them

A run that cannot be claimed because its rows are damaged is quarantined; the others go on.

A worker that was marked as ended (its pool is about to kill it) gets no runs any more, and ends with an error.

A busy store (locked by another program for longer than the timeout) does not end a worker, not even one that is about
to register: it waits and goes on.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal

from jobs import identity
from jobs.config import MEMORY_WAIT, MOST_MEMORY_WAITS, Settings
from jobs.events import Emit, event
from jobs.failure import Failure
from jobs.heartbeat import Heartbeat
from jobs.holds import Holds
from jobs.ledger import Ledger, MaxPack
from jobs.patience import patiently
from jobs.rescue import Rescuer, live_workers
from jobs.room import More, PackLimit, Room, packs_of
from jobs.session import FitsLater, NeverFits, OutOfMemory, PackFailed, Session
from store import Busy, Damaged, LeaseLost, StoreError
from store.queue import Claim
from store.workers import WorkerRecord, WorkerRow

NOTHING_DONE = "execute returned although the worker was not draining, without a commit for this run"
MARKED_AS_ENDED = "another process has marked this worker as ended, so that it gets no more runs; start a new worker"

# Shapes that a worker looks at when it claims further packs; of more shapes than these, it takes its share of these.
MOST_SHAPES = 1024

GLANCE = 0.1  # seconds after which an idle worker looks whether all runs have ended

Execute = Callable[[Session], None]
Turn = Literal["worked", "idle", "empty"]


class Worker:
    """One process's worker. Use it in `with`, in one thread, and call `run`, or `run_once` with a time of your own.

    ledger       the store, not yet connected
    execute      trains the runs of a Session until each is committed with an outcome, or the session drains
    max_pack     a shape, and the runs claimed before in this turn -> how many runs of that shape fit into one pack
                 beside these; 0 if there is no room
    environment  what the store keeps about where this runs (`store.workers.start`), a JSON object
    events       is called with every event, from two threads
    stop         once set, the worker drains
    abandon      is called, from the heartbeat's thread, when `execute` hangs after losing all its runs; it should end
                 the process, since nothing else can end a thread that hangs
    peers        how many workers are started together, this one included
    sibling      a worker that lives -> whether it is one of those, this one included
    more         the runs claimed before in this turn -> whether another pack should be executed beside them

    Raises StoreError when the store cannot be used, and Busy if it is told to stop while it waits to register.
    """

    def __init__(
        self,
        ledger: Ledger,
        execute: Execute,
        settings: Settings,
        *,
        max_pack: PackLimit,
        environment: Mapping[str, Any],
        device: str,
        events: Emit,
        stop: threading.Event,
        abandon: Callable[[], None],
        peers: int = 1,
        more: More = lambda claims: False,
        clock: Callable[[], float] = time.time,
        sibling: Callable[[WorkerRow], bool] = identity.sibling,
    ) -> None:
        self.id = uuid.uuid4().hex
        self._ledger = ledger
        self._execute = execute
        self._settings = settings
        self._environment = environment
        self._device = device
        self._events = events
        self._stop = stop
        self._abandon = abandon
        self._peers = peers
        self._clock = clock
        self._sibling = sibling
        self._rescuer = Rescuer(settings, self._say)
        self._room = Room(max_pack, more)
        self._memory_waits: Counter[str] = Counter()  # of each run that did not fit into the free memory
        self._beat_at = 0.0
        self._busy_told = False
        self._connection = ExitStack()

    def __enter__(self) -> Worker:
        try:
            self._connection = patiently(self._connect, self._tell_busy, self._stop, self._settings.rescue_every)
        except StoreError as error:
            if isinstance(error, Busy):
                self._say("worker_ended", reason="drained", error=None)
            else:
                self._say("worker_ended", reason="error", error=str(error))
            raise
        self._busy_told = False
        return self

    def _connect(self) -> ExitStack:
        """Open the store and register. Return what has to be closed."""
        with ExitStack() as stack:
            stack.enter_context(self._ledger)
            self._register()
            return stack.pop_all()

    def _tell_busy(self, error: Busy) -> None:
        """Say that the store is busy, unless that was said already."""
        if not self._busy_told:
            self._say("store_busy", error=str(error))
        self._busy_told = True

    def _register(self) -> None:
        me = identity.here()
        record = WorkerRecord(self.id, me.host, me.boot_id, me.pid, me.pid_started, self._device)
        self._beat_at = self._clock()
        self._ledger.start(record, self._environment, self._beat_at)
        self._say("worker_started", pid=me.pid, host=me.host, device=self._device)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._connection:
            if isinstance(error, StoreError):
                self._say("worker_ended", reason="error", error=str(error))
            elif error is None or isinstance(error, KeyboardInterrupt):
                # Not after an error: while its row is open, runs that it could not let go of are rescued at once.
                with suppress(StoreError):
                    self._ledger.end(self.id, self._clock())
                reason = "drained" if self._stop.is_set() or error is not None else "empty"
                self._say("worker_ended", reason=reason, error=None)

    def run(self) -> None:
        """Work until nothing is left for anyone, or `stop` is set.

        A worker with nothing to do stays while others work: their runs may come back to the queue.
        """
        while not self._stop.is_set():
            turn = self.run_once(self._clock())
            if turn == "empty":
                return
            if turn == "idle":
                self._say("idle")
                self._rest()

    def _rest(self) -> None:
        """Wait until the next turn of an idle worker is due, or until all runs have ended or `stop` is set."""
        with suppress(Busy):
            until = time.monotonic() + self._settings.rescue_every
            while (left := until - time.monotonic()) > 0:
                if self._stop.wait(min(left, GLANCE)) or not self._ledger.pending():
                    return

    def run_once(self, now: float) -> Turn:
        """Take one turn: rescue, claim a pack or several, execute them, settle them.

        Return "worked", "idle" (nothing to claim now, but others are running or delayed) or "empty" (nothing is left).
        A turn that found the store busy is an idle one.
        """
        try:
            turn = self._turn(now)
        except Busy as error:
            self._tell_busy(error)
            return "idle"
        self._busy_told = False
        return turn

    def _turn(self, now: float) -> Turn:
        self._rescuer.rescue(self._ledger, now)
        try:
            claims = self._claim(now)
        except Damaged as error:
            if error.run_id is None:
                raise
            self._ledger.quarantine(error.run_id, str(error), now)
            self._say("quarantined", run=error.run_id, error=str(error))
            return "worked"
        if claims:
            self._work(claims, now)
            return "worked"
        if not 0 <= now - self._beat_at < self._settings.beat:
            self._ledger.beat(self.id, [], now, self._settings.lease, False)
            self._beat_at = now
        if not self._ledger.pending():
            return "empty"
        if all(worker.id != self.id for worker in self._ledger.workers()):
            raise StoreError(MARKED_AS_ENDED)  # it would be idle until all others have finished
        return "idle"

    def _claim(self, now: float) -> list[Claim]:
        """Claim a pack, and further packs if there is room."""
        fair = self._workers_wanting_runs(now)
        claims = self._ledger.claim(self.id, now, self._settings, lambda shape: self._room.most(shape, []), fair)
        if claims and claims[0].strikes < self._settings.alone_from and self._room.has_room(claims):
            # The runs that are claimed already must be executed; if the store fails, their commits will show it.
            with suppress(StoreError):
                self._claim_further_packs(claims, now, fair)
        return claims

    def _claim_further_packs(self, claims: list[Claim], now: float, fair: int) -> None:
        """Add the runs of further packs to the claims, up to this worker's share of the shapes that are due."""
        due = self._ledger.due_shapes(now, self._settings, MOST_SHAPES)
        others = [shape for shape in due if shape != claims[0].shape]
        share = -(-(1 + len(others)) // fair)
        for shape in others:
            if packs_of(claims) == share or not self._room.has_room(claims):
                return
            most = self._room.most(shape, claims)
            if most == 0:
                return
            # No runs come if other workers have taken them meanwhile.
            claims += self._ledger.claim(self.id, now, self._settings, _always(most), fair, shape)

    def _workers_wanting_runs(self, now: float) -> int:
        """Return how many workers, this one included, may want runs now: those that hold none, and those still to come.

        Of workers that start together, the first is ready before the others, and must leave some runs for them. One
        that has ended already counts as still to come: the packs of the others are smaller than they could be.
        """
        live = live_workers(self._ledger, now, self._settings.lease)
        empty_handed = sum(worker.running == 0 for worker in live)
        to_come = self._peers - sum(self._sibling(worker) for worker in live)
        return max(1, empty_handed + max(0, to_come))

    def _work(self, claims: list[Claim], now: float) -> None:
        runs = [
            {
                "run": claim.run_id,
                "label": claim.label,
                "attempt": claim.attempt,
                "step": claim.step,
                "total": claim.total,
            }
            for claim in claims
        ]
        self._say("claimed", runs=runs)
        holds = Holds(claims, now, self._settings.lease)
        session = Session(self._ledger, claims, holds, self._clock, self._stop.is_set, self._say)
        heartbeat = Heartbeat(
            self._ledger, self.id, holds, self._settings, self._clock, self._rescuer, self._say, self._abandon
        )
        failure: Failure | None = None
        try:
            with heartbeat:
                self._execute(session)
        except PackFailed as failed:
            failure = Failure(failed.error, failed.run_ids)
        except BaseException as error:
            failure = Failure(error, frozenset(claim.run_id for claim in claims))
        for run_id, reason in holds.newly_lost():
            self._say("lease_lost", run=run_id, reason=reason)
        if failure is not None and isinstance(failure.error, OutOfMemory):
            concerned = [claim for claim in claims if claim.run_id in failure.run_ids]
            if (less := self._room.take_less(claims, concerned)) is not None:
                self._say("out_of_memory", **vars(less), error=str(failure.error))
        self._settle(session, holds, failure)

    def _settle(self, session: Session, holds: Holds, failure: Failure | None) -> None:
        """Let go of every run that is not finished, in the way that the module's table says.

        If the store refuses this for one run, that run is left to rescue, the others are settled all the same, and the
        error is raised at the end.
        """
        refused: StoreError | None = None
        for claim in session.claims:
            try:
                self._let_go_when_free(claim, session, holds, failure)
            except StoreError as error:
                refused = error
        if failure is not None and failure.ends_the_worker:
            raise failure.error
        if refused is not None:
            raise refused

    def _let_go_when_free(self, claim: Claim, session: Session, holds: Holds, failure: Failure | None) -> None:
        """Do `_let_go`, trying again while the store is busy and the lease lasts."""
        while True:
            try:
                return self._let_go(claim, session, holds, failure)
            except Busy:
                if not holds.held(claim.run_id, self._clock()):
                    raise

    def _let_go(self, claim: Claim, session: Session, holds: Holds, failure: Failure | None) -> None:
        standing = holds.standing(claim.run_id)
        if standing == "finished":
            return
        if standing == "lost" or (failure is not None and not failure.concerns(claim)):
            # A lost run may be lost only to our belief, as when the clock was set; then it is still ours to give back.
            self._release(claim)
        elif failure is not None and isinstance(failure.error, OutOfMemory):
            if len(session.claims) > 1:
                self._release(claim)
            else:
                self._fail(claim, str(failure.error))
        elif failure is not None and isinstance(failure.error, FitsLater):
            self._memory_waits[claim.run_id] += 1
            if self._memory_waits[claim.run_id] <= MOST_MEMORY_WAITS:
                self._postpone(claim, str(failure.error))
            else:
                self._fail(claim, str(failure.error))
        elif failure is not None and isinstance(failure.error, NeverFits | Damaged):
            self._fail(claim, str(failure.error), replace(self._settings, strike_limit=1))
        elif failure is not None:
            self._fail(claim, "".join(traceback.format_exception(failure.error)))
        elif self._stop.is_set() or session.saved(claim.run_id):
            self._release(claim)
        else:
            self._fail(claim, NOTHING_DONE)

    def _release(self, claim: Claim) -> None:
        with suppress(LeaseLost):
            self._ledger.release(claim, self._clock())
            self._say("released", run=claim.run_id)

    def _postpone(self, claim: Claim, reason: str) -> None:
        with suppress(LeaseLost):
            self._ledger.postpone(claim, reason, self._clock(), MEMORY_WAIT)
            self._say("postponed", run=claim.run_id, error=reason, seconds=MEMORY_WAIT)

    def _fail(self, claim: Claim, error: str, settings: Settings | None = None) -> None:
        try:
            status = self._ledger.fail(claim, error, self._clock(), settings or self._settings)
            self._say("failed", run=claim.run_id, error=error, status=status)
        except LeaseLost as lost:
            self._say("lease_lost", run=claim.run_id, reason=str(lost))

    def _say(self, name: str, **fields: Any) -> None:
        self._events(event(name, self._clock(), self.id, **fields))


def _always(most: int) -> MaxPack:
    """Return a limit that is the same for all shapes."""
    return lambda shape: most
