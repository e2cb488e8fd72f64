"""What every ledger promises, asked of the store's, of a cluster's, and of the one in memory that tests rely on."""

import importlib
import os
import pkgutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

import jobs
from jobs import identity
from jobs.config import LONGEST_WAIT, Settings
from jobs.store_ledger import StoreLedger
from rnnctl.cluster.clock import LedgerClock
from rnnctl.cluster.ledger import ClusterLedger
from rnnctl.cluster.service import Service
from store import Conflict, LeaseLost, Store, queries, queue
from store.workers import WorkerRecord
from tests.checks import CheckRow
from tests.cluster.transports import Pickling
from tests.jobs.memory_ledger import MemoryLedger
from tests.jobs.toy import add_runs, run_record

SETTINGS = Settings(backoff=5.0)


class OfStore:
    """A workspace, and what its user does and sees."""

    def __init__(self, folder, *records):
        self.folder = folder
        add_runs(folder, *records)

    def ledger(self):
        return StoreLedger(self.folder)

    def register(self, name, now=0.0):
        with StoreLedger(self.folder) as ledger:
            register(ledger, name, now)

    def close(self):
        pass

    def cancel(self, run_id):
        with Store.open(self.folder) as store:
            queue.cancel(store, [run_id], 0.0)

    def damage_newest(self, run_id):
        newest = max((self.folder / "checkpoints" / run_id).iterdir(), key=lambda path: path.name.split("step-")[1])
        newest.write_bytes(b"x" * newest.stat().st_size)

    def job(self, run_id):
        with Store.open(self.folder, readonly=True) as store:
            [row] = queries.runs_of(store, run_ids=[run_id])
            ends = [attempt.ended_as for attempt in queries.attempts(store, run_id)]
        return row.status, row.strikes, row.step, [end for end in ends if end]


class OfCluster(OfStore):
    """The same for a worker on another machine. Workers are registered as those of other trainings are."""

    def __init__(self, folder, *records):
        super().__init__(folder, *records)
        self.service = Service(folder, rescue_every=0.0)

    def ledger(self):
        return ClusterLedger(Pickling(self.service), LedgerClock())

    def close(self):
        self.service.close()


class OfMemory:
    """The same for a ledger in memory."""

    def __init__(self, folder, *records):
        self.ledger_in_memory = MemoryLedger(folder, *records)

    def ledger(self):
        return self.ledger_in_memory.another(1.0)

    def register(self, name, now=0.0):
        register(self.ledger_in_memory, name, now)

    def close(self):
        pass

    def cancel(self, run_id):
        self.ledger_in_memory.cancel(run_id)

    def damage_newest(self, run_id):
        job = self.ledger_in_memory.jobs[run_id]
        job.contents[job.checkpointed] = None

    def job(self, run_id):
        job = self.ledger_in_memory.jobs[run_id]
        return job.status, job.strikes, job.step, job.ended_as


@pytest.fixture(params=[OfStore, OfCluster, OfMemory])
def opened(request, tmp_path):
    """Opens a ledger of these runs, in which worker `w` is registered; returns it with its user's side."""
    stack = []

    def open_ledger(*records):
        user = request.param(tmp_path, *records)
        ledger = user.ledger().__enter__()
        stack.append((ledger, user))
        user.register("w")
        return ledger, user

    yield open_ledger
    for ledger, user in stack:
        ledger.__exit__(None, None, None)
        user.close()


def register(ledger, name, now=0.0):
    me = identity.here()
    ledger.start(WorkerRecord(name, me.host, me.boot_id, me.pid, me.pid_started, "cpu"), {"test": 1}, now)


def claim(ledger, now=0.0, worker="w", most=1, fair=1, shape=None):
    return ledger.claim(worker, now, SETTINGS, lambda shape: most, fair, shape)


def save(ledger, claim, step, rows=(), outcome=None):
    history = [CheckRow(row, {}) for row in rows]
    ledger.commit(claim, step, lambda file: file.write(b"state %d" % step), history, {"at": step}, 1.0, outcome)


def test_a_claim_takes_runs_of_one_shape_in_order_and_leaves_others_their_share(opened):
    shapes = {"a1": "a", "b1": "b", "a2": "a", "a3": "a", "a4": "a"}
    ledger, _ = opened(*(run_record(name, shape) for name, shape in shapes.items()))
    packs = [claim(ledger, most=8, fair=2), claim(ledger, most=8), claim(ledger, most=1), claim(ledger, most=8)]
    assert [[held.run_id for held in pack] for pack in packs] == [["a1", "a2"], ["b1"], ["a3"], ["a4"]]
    assert claim(ledger) == []
    first = packs[0][0]
    assert (first.attempt, first.worker, first.shape, first.label, first.total) == (1, "w", "a", "a1", 20)
    assert first.spec == run_record("a1", "a").spec


def test_a_claim_of_a_shape_takes_no_other_runs(opened):
    shapes = {"a1": "a", "b1": "b", "a2": "a", "b2": "b", "b3": "b"}
    ledger, _ = opened(*(run_record(name, shape) for name, shape in shapes.items()))
    packs = [claim(ledger, most=8, fair=2, shape="b"), claim(ledger, shape="c"), claim(ledger, most=0, shape="a")]
    assert [[held.run_id for held in pack] for pack in packs] == [["b1", "b2"], [], []]


def test_shapes_that_are_due_come_in_the_order_of_claims(opened):
    shapes = {"c1": "c", "b1": "b", "c2": "c", "a1": "a", "d1": "d"}
    ledger, _ = opened(*(run_record(name, shape) for name, shape in shapes.items()))
    assert ledger.due_shapes(0.0, SETTINGS, 8) == ["c", "b", "a", "d"]
    assert ledger.due_shapes(0.0, SETTINGS, 2) == ["c", "b"]
    [held] = claim(ledger)
    assert ledger.due_shapes(0.0, SETTINGS, 8) == ["b", "c", "a", "d"]
    claim(ledger, shape="a")
    assert ledger.due_shapes(0.0, SETTINGS, 8) == ["b", "c", "d"]
    ledger.release(held, 0.0)
    assert ledger.due_shapes(0.0, SETTINGS, 8) == ["c", "b", "d"]


def test_a_run_that_one_more_strike_would_end_is_added_to_nothing(opened):
    ledger, _ = opened(run_record("one", "a"))
    strikes = []
    for now in (0.0, 100.0):
        [held] = claim(ledger, now=now, shape="a")
        strikes.append(held.strikes)
        ledger.fail(held, "error", now, SETTINGS)
    assert ledger.due_shapes(200.0, SETTINGS, 8) == []
    assert claim(ledger, now=200.0, shape="a") == []
    strikes += [held.strikes for held in claim(ledger, now=200.0)]
    assert strikes == [0, 1, 2]


def test_shapes_of_runs_that_wait_are_not_due(opened):
    ledger, _ = opened(run_record("one", "a"))
    for _ in range(2):
        ledger.fail(claim(ledger)[0], "error", 0.0, Settings(strike_limit=9, backoff=5.0))
    assert ledger.due_shapes(9.9, Settings(strike_limit=9), 8) == []
    assert ledger.due_shapes(10.0, Settings(strike_limit=9), 8) == ["a"]


def test_pending_until_all_runs_have_ended(opened):
    ledger, _ = opened(run_record("one"))
    assert ledger.pending()
    [held] = claim(ledger)
    assert ledger.pending()
    save(ledger, held, 20, outcome="budget")
    assert not ledger.pending()


def test_a_run_resumes_from_its_newest_checkpoint(opened):
    ledger, user = opened(run_record("one"))
    [held] = claim(ledger)
    beginning = ledger.resume(held, 0.0)
    assert (beginning.step, beginning.checkpoint, beginning.passed_over) == (0, None, [])
    for step in (5, 10, 15):
        save(ledger, held, step, [step])
    ledger.release(held, 1.0)
    assert user.job("one") == ("queued", 0, 15, ["released"])
    [again] = claim(ledger)
    assert (again.attempt, again.step) == (2, 15)
    point = ledger.resume(again, 2.0)
    assert (point.step, Path(point.checkpoint).read_bytes()) == (15, b"state 15")


def test_a_damaged_checkpoint_is_passed_over_and_its_history_taken_back(opened):
    ledger, user = opened(run_record("one"))
    [held] = claim(ledger)
    for step in (5, 10):
        save(ledger, held, step, [step])
    user.damage_newest("one")
    point = ledger.resume(held, 1.0)
    assert (point.step, Path(point.checkpoint).read_bytes()) == (5, b"state 5")
    assert [passed.checkpoint.step for passed in point.passed_over] == [10]
    save(ledger, held, 10, [10])  # no conflict


def test_history_written_twice_is_a_conflict_and_changes_nothing(opened):
    ledger, user = opened(run_record("one"))
    [held] = claim(ledger)
    save(ledger, held, 5, [5])
    with pytest.raises(Conflict):
        save(ledger, held, 6, [5])
    assert user.job("one")[2] == 5


def test_nothing_is_written_for_a_run_that_is_no_longer_held(opened):
    ledger, user = opened(run_record("one"))
    [held] = claim(ledger)
    user.cancel("one")
    before = user.job("one")
    for write in (
        lambda: ledger.resume(held, 1.0),
        lambda: save(ledger, held, 5, [5]),
        lambda: ledger.release(held, 1.0),
        lambda: ledger.fail(held, "error", 1.0, SETTINGS),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert ledger.beat("w", [(held, 5)], 1.0, 60.0, True) == set()
    assert user.job("one") == before == ("cancelled", 0, 0, ["cancelled"])


def test_a_beat_extends_leases_only_where_it_is_told_to(opened):
    ledger, user = opened(run_record("one"))
    [held] = claim(ledger)
    assert ledger.beat("w", [(held, 3)], 30.0, 60.0, True) == {"one"}
    assert ledger.rescue([], 90.0, SETTINGS) == []
    assert ledger.beat("w", [(held, 4)], 90.0, 60.0, False) == {"one"}
    assert [(run.run_id, run.ended_as, run.status) for run in ledger.rescue([], 90.1, SETTINGS)] == [
        ("one", "lost", "queued")
    ]
    assert user.job("one") == ("queued", 1, 0, ["lost"])


def test_strikes_wait_then_end_a_run_and_progress_forgives_them(opened):
    ledger, user = opened(run_record("one"))
    for _ in range(2):
        [held] = claim(ledger)
        assert ledger.fail(held, "error", 0.0, SETTINGS) == "queued"
    assert claim(ledger, now=9.9) == []
    [held] = claim(ledger, now=10.0)
    save(ledger, held, 5)
    assert user.job("one")[1] == 0
    for status in ("queued", "queued", "failed"):
        assert ledger.fail(held, "error", 10.0, SETTINGS) == status
        held = next(iter(claim(ledger, now=1000.0)), None)
    assert user.job("one") == ("failed", 3, 5, ["failed"] * 5)


def test_a_run_that_one_more_strike_would_end_is_claimed_alone(opened):
    ledger, _ = opened(run_record("bad"), run_record("good"))
    for _ in range(2):
        held = claim(ledger, most=8)
        assert len(held) == 2
        ledger.fail(held[0], "error", 0.0, SETTINGS)
        ledger.release(held[1], 0.0)
    assert [held.run_id for held in claim(ledger, now=1000.0, most=8)] == ["bad"]


def test_runs_of_dead_workers_are_taken_back(opened):
    ledger, user = opened(run_record("one"), run_record("two"))
    user.register("other", 1.0)
    claim(ledger)
    claim(ledger, worker="other")
    assert [(row.id, row.running, row.pid) for row in ledger.workers()] == [
        ("w", 1, os.getpid()),
        ("other", 1, os.getpid()),
    ]
    [rescued] = ledger.rescue(["other"], 1.0, SETTINGS)
    assert (rescued.run_id, rescued.worker, rescued.ended_as) == ("two", "other", "crashed")
    [released] = ledger.release_from(["w"], 1.0)
    assert (released.run_id, released.worker) == ("one", "w")
    assert ledger.workers() == []
    assert user.job("one") == ("queued", 0, 0, ["released"])
    assert user.job("two") == ("queued", 1, 0, ["crashed"])


def test_a_run_begins_where_another_one_of_its_trajectory_is(opened):
    records = [replace(run_record(name), trajectory=name[0]) for name in ("a1", "a2", "b1")]
    ledger, user = opened(*records)
    first, heir, other = claim(ledger, most=3)
    save(ledger, first, 5, [5])
    save(ledger, first, 10, [10], outcome="budget")
    assert ledger.relatives(other, "b") == []
    relatives = ledger.relatives(heir, "a")
    assert [(each.run_id, each.source.step, each.history.steps.tolist()) for each in relatives] == [
        ("a1", 10, [5, 10]),
        ("a1", 5, [5, 10]),
    ]
    assert relatives[0].checkpoint.read_bytes() == b"state 10"
    assert relatives[0].spec == records[0].spec

    def extend():
        return ledger.extend(heir, relatives[0], 10, 9, lambda file: file.write(b"mine"), {"at": 10}, 2.0)

    assert extend()
    assert user.job("a2") == ("running", 0, 10, [])
    ledger.release(heir, 3.0)
    (again,) = claim(ledger)
    assert (again.run_id, again.step) == ("a2", 10)
    assert ledger.resume(again, 4.0).checkpoint.read_bytes() == b"mine"
    save(ledger, again, 15, [10, 15], outcome="budget")  # the history has what the other had up to 9
    with pytest.raises(LeaseLost):
        extend()


def test_a_worker_that_was_marked_as_ended_claims_nothing(opened):
    ledger, user = opened(run_record("one"))
    user.register("other")
    claim(ledger)
    ledger.release_from(["w"], 1.0)
    assert claim(ledger) == []
    assert user.job("one") == ("queued", 0, 0, ["released"])
    assert [held.run_id for held in claim(ledger, worker="other")] == ["one"]


def test_a_worker_that_ended_is_no_longer_listed(opened):
    ledger, _ = opened()
    assert [row.id for row in ledger.workers()] == ["w"]
    ledger.end("w", 1.0)
    assert ledger.workers() == []


def test_another_ledger_sees_the_same_store(opened):
    ledger, _ = opened(run_record("one"))
    [held] = claim(ledger)
    with ledger.another(timeout=1.0) as other:
        assert other.beat("w", [(held, 1)], 1.0, 60.0, True) == {"one"}


def test_nothing_in_jobs_but_the_ledger_reaches_the_store():
    reaching = set()
    for info in pkgutil.iter_modules(jobs.__path__):
        for value in vars(importlib.import_module(f"jobs.{info.name}")).values():
            if value is Store or (isinstance(value, ModuleType) and value.__name__.split(".")[0] == "store"):
                reaching.add(info.name)
    assert reaching == {"store_ledger"}


def test_a_wait_longer_than_any_comes_from_a_clock_that_was_set_back(opened):
    ledger, _ = opened(run_record("one", "a"))
    settings = Settings(strike_limit=4, backoff=5.0)
    for _ in range(2):
        ledger.fail(claim(ledger, now=0.0)[0], "error", 0.0, settings)  # to wait until 10
    # Its own settings would never make it wait for more than 20; those of another worker may.
    for now, due in ((9.0, False), (10.0 - LONGEST_WAIT, False), (9.9 - LONGEST_WAIT, True), (-3600.0, True)):
        assert ledger.due_shapes(now, settings, 8) == (["a"] if due else [])
    assert ledger.claim("w", -5.0, settings, lambda shape: 1, 1, "a") == []
    assert [held.run_id for held in ledger.claim("w", -3600.0, settings, lambda shape: 1, 1)] == ["one"]


def test_a_run_that_is_postponed_waits_without_a_strike_and_says_why(opened):
    ledger, user = opened(run_record("one"))
    [held] = claim(ledger, now=0.0)
    ledger.postpone(held, "no room", 5.0, 20.0)
    assert user.job("one") == ("queued", 0, 0, ["released"])
    assert claim(ledger, now=24.0) == []
    [again] = claim(ledger, now=25.0)
    with pytest.raises(LeaseLost):
        ledger.postpone(held, "no room", 26.0, 20.0)
    ledger.release(again, 26.0)


@pytest.mark.parametrize("back", [3600.0, 3.2e8])
def test_leases_last_no_longer_after_the_clock_was_set_back(opened, back):
    ledger, user = opened(run_record("one"), run_record("two"))
    [silent] = claim(ledger, now=0.0)
    [beating] = claim(ledger, now=0.0)
    ledger.beat("w", [(silent, 1), (beating, 1)], 30.0, 60.0, True)
    assert ledger.rescue([], 30.0 - back, SETTINGS) == []
    assert ledger.workers()[0].beat_at == 30.0 - back
    assert ledger.rescue([], 90.0 - back, SETTINGS) == []
    ledger.beat("w", [(beating, 2)], 90.0 - back, 60.0, True)
    assert [(run.run_id, run.ended_as) for run in ledger.rescue([], 90.1 - back, SETTINGS)] == [("one", "lost")]
    assert user.job("two")[0] == "running"


def test_a_lease_that_began_after_the_clock_was_set_back_is_whole(opened):
    ledger, _ = opened(run_record("one"))
    ledger.beat("w", [], 3600.0, 60.0, True)
    claim(ledger, now=0.0)
    assert ledger.rescue([], 1.0, SETTINGS) == []
    assert [run.ended_as for run in ledger.rescue([], 61.0, SETTINGS)] == ["lost"]


def test_clocks_that_differ_a_little_change_no_lease(opened):
    ledger, _ = opened(run_record("one"))
    [held] = claim(ledger, now=50.0)
    ledger.beat("w", [(held, 1)], 50.0, 60.0, True)
    assert ledger.rescue([], 0.0, SETTINGS) == []
    assert ledger.workers()[0].beat_at == 50.0
    assert ledger.rescue([], 109.0, SETTINGS) == []
