import threading

import pytest

from jobs.config import Settings
from jobs.heartbeat import Heartbeat
from jobs.holds import Holds
from store import Busy, Store, queue
from tests.jobs.toy import add_runs, run_record
from tests.jobs.waiting import until


class Beating:
    """A heartbeat whose turns are taken by hand, for one claimed run."""

    def __init__(self, bench, ledger):
        self.bench = bench
        self.ledger = ledger
        self.claims = bench.ghost()
        self.holds = Holds(self.claims, bench.now, 60.0)
        self.heartbeat = Heartbeat(
            ledger,
            "ghost",
            self.holds,
            Settings(),
            lambda: bench.now,
            bench.rescuer(),
            bench.say,
            bench.abandoned.set,
        )

    def turns(self, seconds):
        """A turn every second for that long."""
        for _ in range(seconds):
            self.bench.now += 1.0
            self.heartbeat.turn(self.ledger, self.bench.now)

    def held(self):
        return self.holds.held("one", self.bench.now)


@pytest.fixture
def beating(bench):
    add_runs(bench.workspace, run_record("one"))
    with bench.ledger() as ledger:
        yield Beating(bench, ledger)


def test_a_beat_extends_the_lease_and_stamps_progress(beating, bench):
    beating.turns(5)
    beating.holds.advance("one", 7, bench.now)
    beating.turns(5)
    row = bench.run("one")
    assert (row.lease_until, row.step, row.progress_at) == (1070.0, 7, 1010.0)
    beating.turns(9)
    assert bench.run("one").lease_until == 1070.0
    beating.turns(600)
    assert beating.held()
    assert bench.run("one").lease_until > bench.now
    assert bench.run("one").progress_at == 1010.0


def test_progress_is_told_only_when_there_is_some(beating, bench):
    beating.turns(2)
    beating.holds.advance("one", 7, bench.now)
    beating.turns(2)
    assert [event for event in bench.said if event["event"] == "progress"] == [
        {"event": "progress", "steps": {"one": 7}}
    ]


def test_a_hanging_loop_loses_its_run_and_then_its_process(beating, bench):
    beating.turns(899)
    assert beating.held()
    beating.turns(50)  # the last beat that found it moving was after 890 seconds
    assert beating.held()
    beating.turns(1)
    assert not beating.held()
    assert bench.run("one").status == "running"
    beating.turns(1)
    assert bench.run("one").status == "queued"
    assert sorted(bench.names()) == ["lease_lost", "rescued"]
    assert not bench.abandoned.is_set()
    beating.turns(70)
    assert bench.abandoned.is_set()


def test_a_loop_that_moves_is_never_abandoned(beating, bench):
    for step in range(200):
        beating.turns(10)
        beating.holds.advance("one", step, bench.now)
    assert beating.held()
    assert not bench.abandoned.is_set()


def test_a_beat_that_fails_until_the_lease_ends_loses_the_run(beating, bench, monkeypatch):
    def busy(*args):
        raise Busy("locked")

    monkeypatch.setattr(queue, "beat", busy)
    beating.turns(59)
    assert beating.held()
    beating.turns(1)
    assert not beating.held()
    assert bench.names() == ["lease_lost"]


def test_a_beat_that_fails_for_a_while_is_made_up_for(beating, bench, monkeypatch):
    with monkeypatch.context() as patched:

        def busy(*args):
            raise Busy("locked")

        patched.setattr(queue, "beat", busy)
        beating.turns(50)
    beating.turns(1)
    assert bench.run("one").lease_until == bench.now + 60.0


def test_a_cancelled_run_is_noticed_at_the_next_beat(beating, bench):
    with Store.open(bench.workspace) as store:
        queue.cancel(store, ["one"], bench.now)
    beating.turns(10)
    assert not beating.held()
    assert bench.names() == ["lease_lost"]


def test_a_beat_during_the_finishing_commit_is_no_loss(beating, bench):
    with beating.holds.committing("one"):
        # The commit's transaction is through, and the loop has not come to say so.
        beating.ledger.release(beating.claims[0], bench.now)
        beating.turns(10)
        beating.holds.finish("one")
    assert beating.holds.standing("one") == "finished"
    assert bench.names() == []


def test_a_clock_set_back_does_not_stop_the_beats(beating, bench):
    bench.now -= 3600.0
    beating.turns(1)
    assert bench.run("one").lease_until == bench.now + 60.0


def test_the_thread_ends_with_the_session(beating):
    with beating.heartbeat:
        assert "heartbeat" in [thread.name for thread in threading.enumerate()]
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_heartbeat_that_breaks_gives_up_its_runs(bench, beating):
    (bench.workspace / "rnnctl.db").rename(bench.workspace / "gone.db")
    with beating.heartbeat:
        beating.heartbeat._thread.join(10)
    assert not beating.held()
    [(run, reason)] = beating.holds.newly_lost()
    assert run == "one"
    assert "no workspace" in reason


def test_a_heartbeat_waits_for_a_store_that_is_locked_when_it_opens_it(bench, beating, monkeypatch):
    opened = []
    another = type(beating.ledger).another

    class Locked:
        def __enter__(self):
            raise Busy("locked")

        def __exit__(self, *_):
            raise AssertionError("never entered")

    def locked_at_first(ledger, timeout):
        opened.append(timeout)
        return Locked() if len(opened) < 3 else another(ledger, timeout)

    monkeypatch.setattr(type(beating.ledger), "another", locked_at_first)
    monkeypatch.setattr(beating.heartbeat, "_pause", 0.01)
    bench.now += 10.0
    with beating.heartbeat:
        until(lambda: bench.run("one").lease_until == bench.now + 60.0, "a beat")
    assert beating.held()
    assert len(opened) == 3


def test_a_loop_that_hangs_is_noticed_although_the_clock_was_set_back(beating, bench):
    beating.turns(5)
    bench.now -= 3600.0
    beating.turns(901 + 60)
    assert not beating.held()
    beating.turns(70)
    assert bench.abandoned.is_set()


def test_no_lease_lasts_longer_in_memory_after_the_clock_was_set_back(beating, bench):
    bench.now -= 3600.0
    assert beating.held()
    bench.now += 60.0
    assert not beating.held()


def test_a_stuck_loop_is_abandoned_although_the_clock_was_set_back(beating, bench):
    beating.holds.lose("one", "a test")
    beating.turns(10)
    bench.now -= 3600.0
    beating.turns(70)
    assert bench.abandoned.is_set()
