"""Whose turn it is to write: how connections wait for the write lock.

SQLite's own busy handler sleeps longer the longer it has waited, up to 100 ms, and between two transactions of one
process the lock is free for an instant only. So whoever writes without a pause goes on: of 16 such processes, some
waited until the others had finished. Here everybody who waits looks equally often, at random moments, and whoever has
held the lock for a while leaves it free for long enough to be seen by all.
"""

from __future__ import annotations

import random
import sqlite3
import time

from store.waiting import Waiting, is_busy, set_patience

# All times are seconds.
LOOK_EVERY = (0.001, 0.004)  # between two looks at the lock, drawn anew each time
LET_IN = 0.005  # how long the lock is left free for others: longer than between two looks
AT_ONCE = 0.01  # a turn that begins so soon after the last one may keep others from having theirs
SHARE = 0.005  # how long the lock may be held, in turns at once, where others were waiting
MOST = 0.1  # and where nobody is known to wait
REMEMBERED = 1.0  # how long others are taken to wait after this connection had to


class Turns:
    """Begins and ends the transactions of one connection."""

    def __init__(self, connection: sqlite3.Connection, waiting: Waiting) -> None:
        self._connection = connection
        self._waiting = waiting
        self._waited_at = -REMEMBERED
        self._began_at: float | None = None  # None outside of turns
        self._ended_at = 0.0
        self._held = 0.0  # in turns at once, since others were last let in
        self._random = random.Random()

    def begin(self) -> None:
        """Take the write lock with BEGIN IMMEDIATE.

        Raise sqlite3.OperationalError (SQLITE_BUSY) if it is not free within the timeout.
        """
        self._let_others_in(time.monotonic())
        set_patience(self._connection, 0.0)
        try:
            self._take_turn()
        finally:
            # Reads, and the end of a commit that waits for readers, still wait in SQLite.
            set_patience(self._connection, self._waiting.quiet)
        self._began_at = time.monotonic()

    def end(self) -> None:
        """Record that the transaction is over, if it began."""
        if self._began_at is not None:
            self._ended_at = time.monotonic()
            self._held += self._ended_at - self._began_at
            self._began_at = None

    def _let_others_in(self, now: float) -> None:
        """Pause if the lock was held for long enough, in turns at once."""
        at_once = now - self._ended_at < AT_ONCE
        if at_once and self._held > (SHARE if now - self._waited_at < REMEMBERED else MOST):
            time.sleep(LET_IN)
            at_once = False
        if not at_once:
            self._held = 0.0

    def _take_turn(self) -> None:
        began_at = time.monotonic()
        tell_at, give_up_at = began_at + self._waiting.quiet, began_at + self._waiting.timeout
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                self._waited_at = time.monotonic()
                if not is_busy(error) or self._waited_at >= give_up_at:
                    raise
                if self._waited_at >= tell_at:
                    self._waiting.tell()
            time.sleep(self._random.uniform(*LOOK_EVERY))
