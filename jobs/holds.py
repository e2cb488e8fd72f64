"""What a worker believes it holds, in memory, shared by its update loop and its heartbeat.

A run goes held -> finished or held -> lost, once, and never back. This only lets the loop stop early and tells the
heartbeat what to extend; whether something may be written is decided in the database, by the fence, and nowhere else.

Every time is on the worker's clock, in seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from store.queue import Claim

TAKEN = "it was rescued or cancelled"  # the reason for a loss that the store reported

Standing = Literal["held", "lost", "finished"]


class Holds:
    """The runs of one session. Each method may be called from either thread."""

    def __init__(self, claims: Sequence[Claim], now: float, lease: float) -> None:
        self._lock = threading.Lock()
        self._claims = {claim.run_id: claim for claim in claims}
        self._steps = {claim.run_id: claim.step for claim in claims}
        self._lease = lease
        self._lease_until = dict.fromkeys(self._claims, now + lease)
        self._lost: set[str] = set()
        self._untold: list[tuple[str, str]] = []
        self._finished: set[str] = set()
        self._committing: str | None = None
        self._moved_at = now

    def held(self, run_id: str, now: float) -> bool:
        """Return whether the run is still to be worked on. A lease that ended without being extended is lost."""
        with self._lock:
            if not self._open(run_id):
                return False
            # After the clock was set back, no lease lasts longer than a whole one.
            self._lease_until[run_id] = min(self._lease_until[run_id], now + self._lease)
            if now >= self._lease_until[run_id]:
                self._lose(run_id, "the lease ended before a heartbeat came through")
                return False
            return True

    def any_held(self, now: float) -> bool:
        """Return whether any run is still to be worked on."""
        return any(self.held(run_id, now) for run_id in self._claims)

    def advance(self, run_id: str, step: int, now: float) -> None:
        """Record that the update loop is at this step of the run."""
        with self._lock:
            if step != self._steps[run_id]:
                self._steps[run_id] = step
                self._moved_at = now

    def moved_at(self, now: float) -> float:
        """Return when the update loop last moved; it moves all runs of a session, so they move or hang together.

        This is not later than `now`, even if the clock was set back.
        """
        with self._lock:
            self._moved_at = min(self._moved_at, now)
            return self._moved_at

    def open(self) -> list[tuple[Claim, int]]:
        """Return the runs that are neither lost nor finished, with the steps they are at."""
        with self._lock:
            return [(claim, self._steps[run_id]) for run_id, claim in self._claims.items() if self._open(run_id)]

    def extend(self, run_ids: set[str], until: float) -> None:
        """Record that a heartbeat extended these leases."""
        with self._lock:
            self._lease_until |= dict.fromkeys(run_ids, until)

    def lose(self, run_id: str, reason: str) -> None:
        """Record that the run belongs to another worker, or soon will. Do nothing if it is finished or lost already."""
        with self._lock:
            if self._open(run_id):
                self._lose(run_id, reason)

    def lose_unless_committing(self, run_id: str, reason: str) -> None:
        """Do `lose`, unless the update loop is committing the run: then the commit alone decides.

        The commit that finishes a run also ends its lease, which to the heartbeat looks like a loss.
        """
        with self._lock:
            if self._open(run_id) and run_id != self._committing:
                self._lose(run_id, reason)

    def finish(self, run_id: str) -> None:
        """Record that the run is finished."""
        with self._lock:
            self._finished.add(run_id)

    @contextmanager
    def committing(self, run_id: str) -> Iterator[None]:
        """Inside `with`, the update loop is writing the run's row."""
        with self._lock:
            self._committing = run_id
        try:
            yield
        finally:
            with self._lock:
                self._committing = None

    def standing(self, run_id: str) -> Standing:
        """Return how the run stands."""
        with self._lock:
            if run_id in self._finished:
                return "finished"
            return "lost" if run_id in self._lost else "held"

    def newly_lost(self) -> list[tuple[str, str]]:
        """Return the runs lost since the last call, each with the reason."""
        with self._lock:
            untold, self._untold = self._untold, []
            return untold

    def _lose(self, run_id: str, reason: str) -> None:
        self._lost.add(run_id)
        self._untold.append((run_id, reason))

    def _open(self, run_id: str) -> bool:
        return run_id not in self._lost and run_id not in self._finished
