"""The ledger's clock, seen from another machine.

Leases begin and end on one clock, that of the ledger's machine. Clocks of other machines may differ by minutes, which
would end leases early or never. So a worker counts from the time that the ledger tells with each of its answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PROMPT = 1.0  # seconds within which an answer must have come, for its time to be taken


class LedgerClock:
    """Seconds since 1970 on the ledger's clock, and on this machine's own until the ledger has answered.

    Each method may be called from any thread. steady, own: the two clocks of this machine, one that is never set, and
    one that people read.
    """

    def __init__(self, steady: Callable[[], float] = time.monotonic, own: Callable[[], float] = time.time) -> None:
        self._steady = steady
        self._lock = threading.Lock()
        self._offset = own() - steady()
        self._heard = False

    def __call__(self) -> float:
        with self._lock:
            return self._steady() + self._offset

    def steady(self) -> float:
        """Return a moment, for `hear`."""
        return self._steady()

    def hear(self, at: float, asked: float) -> None:
        """Take note of an answer that has just come. at: the ledger's time in it. asked: the moment of the question.

        An answer that took long says little about the time: this process, or the ledger's, may have been stopped.
        """
        now = self._steady()
        took = now - asked
        with self._lock:
            if took < PROMPT or not self._heard:
                self._offset = at + took / 2 - now
                self._heard = took < PROMPT
