"""Writers that wait get their turn, also beside others that write without a pause."""

import threading
import time

from store import Store

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
