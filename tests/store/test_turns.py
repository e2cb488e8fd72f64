"""Writers that wait get their turn, also beside others that write without a pause.

Time is virtual: it goes on only while all threads sleep, so that nothing depends on how fast they are.
"""

from __future__ import annotations

import threading

import pytest

from store import Busy, Store, turns, waiting

TURNS = 100
COMMIT = 0.003  # seconds of a transaction, as long as a commit takes on a disk
PATIENCE = 60.0  # seconds that end a test that hangs


class VirtualTime:
    """Time for a number of threads, of which one runs while the others sleep: the one that wakes next is the next."""

    def __init__(self, threads: int) -> None:
        self._now = 0.0
        self._running = threads
        self._wakes: dict[int, float] = {}  # thread -> when it goes on
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        me = threading.get_ident()
        with self._changed:
            self._wakes[me] = self._now + seconds
            self._pause()
            self._changed.wait_for(lambda: self._running == 1 and me not in self._wakes, PATIENCE)

    def leave(self) -> None:
        """Take the calling thread out: it sleeps no more."""
        with self._changed:
            self._pause()

    def _pause(self) -> None:
        """One thread less runs; if it was the last one, time goes on to where the next one wakes."""
        self._running -= 1
        if not self._running and self._wakes:
            first = min(self._wakes, key=self._wakes.__getitem__)
            self._now = self._wakes.pop(first)
            self._running = 1
            self._changed.notify_all()


def test_two_that_write_without_a_pause_take_turns(lab, monkeypatch):
    clock = VirtualTime(2)
    monkeypatch.setattr(turns, "time", clock)
    taken = [0, 0]

    def write(number: int) -> None:
        with Store.open(lab.folder) as store:
            clock.sleep(0.0)  # so that one runs at a time
            while sum(taken) < TURNS:
                with store.transaction():
                    clock.sleep(COMMIT)
                taken[number] += 1
        clock.leave()

    threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    # By the busy handler of SQLite, one of them has nearly all turns.
    assert min(taken) >= TURNS / 10, taken


@pytest.mark.parametrize(("waited", "most"), [(True, turns.SHARE), (False, turns.MOST)])
def test_whoever_has_held_the_lock_for_its_share_leaves_it_free_for_longer_than_others_sleep(
    lab, monkeypatch, waited, most
):
    clock, pauses = VirtualTime(1), []
    monkeypatch.setattr(turns, "time", clock)
    with Store.open(lab.folder) as store:
        clock.sleep(10.0)
        if waited:
            store._turns._waited_at = clock.monotonic()
        for _ in range(100):
            before = clock.monotonic()
            with store.transaction():
                pauses.append(clock.monotonic() - before)
                clock.sleep(COMMIT)
    first = next(number for number, pause in enumerate(pauses) if pause)
    assert (first - 1) * COMMIT <= most < first * COMMIT
    assert pauses[first] == pytest.approx(turns.LET_IN)
    assert max(turns.LOOK_EVERY) < turns.LET_IN


def test_reads_wait_as_long_as_before_a_transaction(lab):
    with lab.store.transaction():
        pass
    assert lab.store.value("PRAGMA busy_timeout") == 30_000


@pytest.mark.parametrize("use", [lambda store: store.value("SELECT count(*) FROM jobs"), lambda store: write(store)])
def test_a_wait_for_a_lock_is_told_once(lab, monkeypatch, use):
    monkeypatch.setattr(waiting, "QUIET", 0.02)
    told = []
    waiting.tell_waits(told.append)
    try:
        with Store.open(lab.folder, timeout=0.1) as store:
            lab.store._connection.execute("BEGIN EXCLUSIVE")
            for _ in range(2):
                with pytest.raises(Busy):
                    use(store)
            lab.store._connection.execute("ROLLBACK")
            use(store)
    finally:
        waiting.tell_waits(None)
    assert told == [f"{lab.store.workspace.database} is locked by another process; waiting for it, up to 0 s"]


def test_a_lock_that_is_released_while_it_is_waited_for_costs_nothing_else(lab, monkeypatch):
    monkeypatch.setattr(waiting, "QUIET", 0.02)
    waiting.tell_waits(lambda line: lab.store._connection.execute("ROLLBACK"))
    try:
        with Store.open(lab.folder) as store:
            lab.store._connection.execute("BEGIN EXCLUSIVE")
            assert store.value("SELECT count(*) FROM jobs") == 0
    finally:
        waiting.tell_waits(None)


def write(store):
    with store.transaction():
        pass
