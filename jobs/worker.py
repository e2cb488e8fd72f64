"""A worker: claims packs of runs, has them executed, and settles what becomes of them.

The policy of the queue stands here; its states, and the fence behind every change of them, in store/queue.py:

    execute commits a run with an outcome      the run is done
    it returns because the worker drains       unfinished runs are released, without a strike
    it returns early, but after a commit       likewise: it may want another pack
    it returns early, without any commit       a strike: else the run would be claimed again for ever
    it raises                                  a strike for every unfinished run of the pack, with the traceback
    it raises OutOfMemory, with several runs   all runs are released, without a strike; this worker's next packs of that
                                               shape are half as large
    it raises OutOfMemory, with one run        a strike, with its one line
    it raises because the store fails          all runs are released, and the worker ends with that error
    the process dies, or a lease ends          a strike, by whoever rescues the run
    its pool kills it, or its machine reboots  all runs are released, by the pool or by whoever rescues them

A worker that was marked as ended (its pool is about to kill it) gets no runs any more, and ends with an error.

A busy store (locked by another program for longer than the timeout) does not end a worker: it waits and goes on.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Literal

from jobs import identity
from jobs.config import Settings
from jobs.events import Emit, event
from jobs.heartbeat import Heartbeat
from jobs.holds import Holds
from jobs.ledger import Ledger, MaxPack
from jobs.rescue import Rescuer, live_workers
from jobs.session import OutOfMemory, Session
from store import Busy, Conflict, LeaseLost, StoreError
from store.queue import Claim
from store.workers import WorkerRecord

NOTHING_DONE = "execute returned although the worker was not draining, without a commit for this run"
MARKED_AS_ENDED = "another process has marked this worker as ended, so that it gets no more runs; start a new worker"

Execute = Callable[[Session], None]
Turn = Literal["worked", "idle", "empty"]


class Worker:
    """One process's worker. Use it in `with`, in one thread, and call `run`, or `run_once` with a time of your own.

    ledger       the store, not yet connected
    execute      trains the runs of a Session until each is committed with an outcome, or the session drains
    max_pack     shape -> how many runs of that shape fit into one pack
    environment  what the store keeps about where this runs (`store.workers.start`), a JSON object
    events       is called with every event, from two threads
    stop         once set, the worker drains
    abandon      is called, from the heartbeat's thread, when `execute` hangs after losing all its runs; it should end
                 the process, since nothing else can end a thread that hangs
    peers        how many workers are started together, this one included

    Raises StoreError when the store cannot be used.
    """

    def __init__(
        self,
        ledger: Ledger,
        execute: Execute,
        settings: Settings,
        *,
        max_pack: MaxPack,
        environment: Mapping[str, Any],
        device: str,
        events: Emit,
        stop: threading.Event,
        abandon: Callable[[], None],
        peers: int = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.id = uuid.uuid4().hex
        self._ledger = ledger
        self._execute = execute
        self._settings = settings
        self._max_pack = max_pack
        self._environment = environment
        self._device = device
        self._events = events
        self._stop = stop
        self._abandon = abandon
        self._peers = peers
        self._clock = clock
        self._rescuer = Rescuer(settings, self._say)
        self._fitting: dict[str, int] = {}  # shape -> how many runs of it may fit into memory, where more did not
        self._beat_at = 0.0
        self._busy_told = False
        self._connection = ExitStack()

    def __enter__(self) -> Worker:
        try:
            with ExitStack() as stack:
                stack.enter_context(self._ledger)
                self._register()
                self._connection = stack.pop_all()
        except StoreError as error:
            self._say("worker_ended", reason="error", error=str(error))
            raise
        return self

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
                self._stop.wait(self._settings.rescue_every)

    def run_once(self, now: float) -> Turn:
        """Take one turn: rescue, claim a pack, execute it, settle it.

        Return "worked", "idle" (nothing to claim now, but others are running or delayed) or "empty" (nothing is left).
        A turn that found the store busy is an idle one.
        """
        try:
            turn = self._turn(now)
        except Busy as error:
            if not self._busy_told:
                self._say("store_busy", error=str(error))
            self._busy_told = True
            return "idle"
        self._busy_told = False
        return turn

    def _turn(self, now: float) -> Turn:
        self._rescuer.rescue(self._ledger, now)
        claims = self._ledger.claim(self.id, now, self._settings, self._most, self._workers_wanting_runs(now))
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

    def _most(self, shape: str) -> int:
        """Return how many runs of a shape may be in a pack."""
        most = self._max_pack(shape)
        return min(most, self._fitting.get(shape, most))

    def _workers_wanting_runs(self, now: float) -> int:
        """Return how many workers, this one included, may want runs now: those that hold none, and those still to come.

        Of workers that start together, the first is ready before the others, and must leave some runs for them. One
        that has ended already counts as still to come: the packs of the others are smaller than they could be.
        """
        live = live_workers(self._ledger, now, self._settings.lease)
        empty_handed = sum(worker.running == 0 for worker in live)
        to_come = self._peers - sum(identity.sibling(worker) for worker in live)
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
        failure: BaseException | None = None
        try:
            with heartbeat:
                self._execute(session)
        except BaseException as error:
            failure = error
        for run_id, reason in holds.newly_lost():
            self._say("lease_lost", run=run_id, reason=reason)
        if isinstance(failure, OutOfMemory) and len(claims) > 1:
            self._fitting[claims[0].shape] = most = len(claims) // 2
            self._say("out_of_memory", size=len(claims), most=most, error=str(failure))
        self._settle(session, holds, failure)

    def _settle(self, session: Session, holds: Holds, failure: BaseException | None) -> None:
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
        if failure is not None and _is_not_the_runs_fault(failure):
            raise failure
        if refused is not None:
            raise refused

    def _let_go_when_free(self, claim: Claim, session: Session, holds: Holds, failure: BaseException | None) -> None:
        """Do `_let_go`, trying again while the store is busy and the lease lasts."""
        while True:
            try:
                return self._let_go(claim, session, holds, failure)
            except Busy:
                if not holds.held(claim.run_id, self._clock()):
                    raise

    def _let_go(self, claim: Claim, session: Session, holds: Holds, failure: BaseException | None) -> None:
        standing = holds.standing(claim.run_id)
        if standing == "finished":
            return
        if standing == "lost" or (failure is not None and _is_not_the_runs_fault(failure)):
            # A lost run may be lost only to our belief, as when the clock was set; then it is still ours to give back.
            self._release(claim)
        elif isinstance(failure, OutOfMemory):
            if len(session.claims) > 1:
                self._release(claim)
            else:
                self._fail(claim, str(failure))
        elif failure is not None:
            self._fail(claim, "".join(traceback.format_exception(failure)))
        elif self._stop.is_set() or session.saved(claim.run_id):
            self._release(claim)
        else:
            self._fail(claim, NOTHING_DONE)

    def _release(self, claim: Claim) -> None:
        with suppress(LeaseLost):
            self._ledger.release(claim, self._clock())
            self._say("released", run=claim.run_id)

    def _fail(self, claim: Claim, error: str) -> None:
        try:
            status = self._ledger.fail(claim, error, self._clock(), self._settings)
            self._say("failed", run=claim.run_id, error=error, status=status)
        except LeaseLost as lost:
            self._say("lease_lost", run=claim.run_id, reason=str(lost))

    def _say(self, name: str, **fields: Any) -> None:
        self._events(event(name, self._clock(), self.id, **fields))


def _is_not_the_runs_fault(failure: BaseException) -> bool:
    """Return whether the store or the user ended `execute`, rather than an error in what it executed.

    A Conflict means that history was written twice, which is an error of what was executed. SystemExit counts as such
    an error too: whatever raises it would raise it again in the next worker.
    """
    if isinstance(failure, Conflict):
        return False
    return isinstance(failure, StoreError | KeyboardInterrupt)
