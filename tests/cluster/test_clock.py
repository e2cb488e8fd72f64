"""The ledger's clock, seen from a machine whose own clock is wrong."""

from __future__ import annotations

from rnnctl.cluster.clock import LedgerClock


class Machine:
    """A machine whose clock differs from the ledger's, and a steady one."""

    def __init__(self, own: float) -> None:
        self.steady, self.own = 100.0, own
        self.clock = LedgerClock(lambda: self.steady, lambda: self.own)

    def answered(self, at: float, took: float) -> None:
        """An answer comes that was given halfway."""
        asked = self.clock.steady()
        self.steady += took
        self.clock.hear(at, asked)


def test_it_is_the_machines_own_until_the_ledger_has_answered() -> None:
    assert Machine(own=5000.0).clock() == 5000.0


def test_afterwards_it_is_the_ledgers() -> None:
    machine = Machine(own=5000.0)
    machine.answered(at=9000.0, took=0.5)
    assert machine.clock() == 9000.25
    machine.steady += 10.0
    machine.own = 0.0  # somebody sets the clock
    assert machine.clock() == 9010.25


def test_an_answer_that_took_long_says_little() -> None:
    machine = Machine(own=5000.0)
    machine.answered(at=9000.0, took=0.0)
    machine.answered(at=9001.0, took=100.0)  # the process was stopped meanwhile
    assert machine.clock() == 9100.0


def test_a_first_answer_that_took_long_is_better_than_none_until_another_comes() -> None:
    machine = Machine(own=5000.0)
    machine.answered(at=9000.0, took=10.0)
    assert machine.clock() == 9005.0
    machine.answered(at=9011.0, took=0.0)
    assert machine.clock() == 9011.0


def test_it_follows_the_ledgers_clock_when_that_is_set() -> None:
    machine = Machine(own=5000.0)
    machine.answered(at=9000.0, took=0.0)
    machine.answered(at=8000.0, took=0.0)
    assert machine.clock() == 8000.0
