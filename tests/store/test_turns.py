"""Writers that wait get their turn, also beside others that write without a pause."""

import threading
import time

import pytest

from store import Busy, Store, waiting

TURNS = 100


def test_two_that_write_without_a_pause_take_turns(lab):
    turns = [0, 0]
    together = threading.Barrier(2)

    def write(number):
        with Store.open(lab.folder) as store:
            together.wait()
            while sum(turns) < TURNS:
                with store.transaction():
                    time.sleep(0.003)  # as long as a commit takes on a disk
                turns[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # By the busy handler of SQLite, one of them has nearly all turns.
    assert min(turns) >= TURNS / 10, turns


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
