"""The thread beside the update loop that keeps its leases, reports its progress and looks after dead workers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from jobs.beside import Beside
from jobs.config import Settings
from jobs.events import Say
from jobs.holds import TAKEN, Holds
from jobs.ledger import Ledger
from jobs.rescue import Rescuer
from store import Busy, StoreError


class Heartbeat(Beside):
    """Inside `with`, a thread with a connection of its own (`ledger.another`) beats for the runs in `holds`.

    A beat extends the leases only while the update loop moves: a loop that hangs loses its runs, although its process
    is alive. When no run is left to it and the loop still does not return, `abandon` is called, after `stuck` seconds.
    A beat that fails is tried again until the leases end; a thread that fails gives up all its runs.
    """

    def __init__(
        self,
        ledger: Ledger,
        worker: str,
        holds: Holds,
        settings: Settings,
        clock: Callable[[], float],
        rescuer: Rescuer,
        say: Say,
        abandon: Callable[[], None],
    ) -> None:
        super().__init__("heartbeat")
        self._ledger = ledger
        self._worker = worker
        self._holds = holds
        self._settings = settings
        self._clock = clock
        self._rescuer = rescuer
        self._say = say
        self._abandon = abandon
        self._told: dict[str, int] = {claim.run_id: step for claim, step in holds.open()}
        self._beat_at = clock()
        self._idle_since: float | None = None  # since when the update loop has had nothing left to do
        self._pause = min(settings.rescue_every, settings.beat)  # seconds between turns

    def _run(self) -> None:
        try:
            while not self._over.wait(self._pause):
                with suppress(Busy):  # another program has locked the store, perhaps for less than the leases last
                    self._take_turns()
        except BaseException as error:
            for claim, _ in self._holds.open():
                self._holds.lose(claim.run_id, f"the heartbeat failed: {error}")
            raise

    def _take_turns(self) -> None:
        """Take turns until the session is over. Raise Busy if the store is locked when it is opened."""
        # It would be no use to wait longer than a beat for a lock: better to fail and look at the clock again.
        with self._ledger.another(timeout=self._settings.beat) as ledger:
            while not self._over.is_set():
                self.turn(ledger, self._clock())
                self._over.wait(self._pause)

    def turn(self, ledger: Ledger, now: float) -> None:
        """Do one round: beat if it is due, rescue, leave if the loop is stuck, report what moved and what was lost."""
        # A store that is busy now may be free at the next turn. Meanwhile the leases run out, and `held` notices it.
        with suppress(StoreError):
            if not 0 <= now - self._beat_at < self._settings.beat:  # below 0: the clock was set back
                self.beat(ledger, now)
            self._rescuer.rescue(ledger, now)
        self._leave_if_stuck(now)
        self._tell()

    def beat(self, ledger: Ledger, now: float) -> None:
        """Extend the leases if the loop moves, and find out which runs are lost."""
        beating = self._holds.open()
        moving = now - self._holds.moved_at(now) < self._settings.stall
        still = ledger.beat(self._worker, beating, now, self._settings.lease, moving)
        self._beat_at = now
        if moving:
            self._holds.extend(still, now + self._settings.lease)
        for claim, _ in beating:
            if claim.run_id not in still:
                self._holds.lose_unless_committing(claim.run_id, TAKEN)

    def _tell(self) -> None:
        steps = {claim.run_id: step for claim, step in self._holds.open()}
        moved = {run_id: step for run_id, step in steps.items() if step != self._told[run_id]}
        self._told |= moved
        if moved:
            self._say("progress", steps=moved)
        for run_id, reason in self._holds.newly_lost():
            self._say("lease_lost", run=run_id, reason=reason)

    def _leave_if_stuck(self, now: float) -> None:
        if self._holds.any_held(now):
            self._idle_since = None
        elif self._idle_since is None or now < self._idle_since:  # the clock was set back
            self._idle_since = now
        elif now - self._idle_since > self._settings.stuck:
            self._abandon()
