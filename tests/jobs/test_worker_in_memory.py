"""A worker driven turn by turn with a ledger in memory: it knows nothing of its store but the ledger."""

import json
import threading
from dataclasses import replace

import pytest

from store import Busy, DiskFull
from tests.jobs import toy
from tests.jobs.toy import mixed, run_record
from tests.jobs.waiting import until


def test_turns_work_until_nothing_is_left(bench, ledger_of):
    ledger = ledger_of(run_record("one"), run_record("two"))
    with bench.worker() as worker:
        assert [row.id for row in ledger.workers()] == [worker.id]
        assert [worker.run_once(bench.now) for _ in range(3)] == ["worked", "worked", "empty"]
    assert {job.status for job in ledger.jobs.values()} == {"done"}
    job = ledger.jobs["one"]
    value = job.record.spec["seed"]
    for _ in range(20):
        value = mixed(value, job.record.spec["seed"])
    assert json.loads(job.contents[20]) == {"step": 20, "value": value}
    assert job.steps == [5, 10, 15, 20]
    assert ledger.workers() == []
    assert ledger.connections == 0


def test_a_run_that_raises_waits_longer_each_time_and_is_given_up(bench, ledger_of):
    ledger = ledger_of(run_record("bad", trouble="raise"))
    with bench.worker(backoff=5.0) as worker:
        turns = [(after, worker.run_once(bench.now + after)) for after in (0.0, 0.0, 9.9, 10.0, 11.0)]
    assert [turn for _, turn in turns] == ["worked", "worked", "idle", "worked", "empty"]
    assert ledger.jobs["bad"].status == "failed"
    assert [event["status"] for event in bench.heard("failed")] == ["queued", "queued", "failed"]


def test_a_run_goes_on_from_the_newest_sound_checkpoint(bench, ledger_of):
    ledger = ledger_of(run_record("one", trouble="raise", at=16))
    with bench.worker() as worker:
        worker.run_once(bench.now)
        job = ledger.jobs["one"]
        job.contents[15] = None
        job.record.spec["trouble"] = None
        worker.run_once(bench.now)
    assert [event["path"] for event in bench.heard("checkpoint_unsound")] == ["one-15"]
    assert [event["step"] for event in bench.heard("resumed")] == [10]
    assert (job.status, job.steps) == ("done", [5, 10, 15, 20])


def test_a_cancelled_run_is_dropped_and_its_pack_goes_on(bench, ledger_of):
    ledger = ledger_of(run_record("one"), run_record("two"))

    def cancelled(session):
        ledger.cancel("one")
        toy.execute(session)

    with bench.worker(cancelled, packs=2) as worker:
        worker.run_once(bench.now)
    assert [job.status for job in ledger.jobs.values()] == ["cancelled", "done"]
    assert [event["run"] for event in bench.heard("lease_lost")] == ["one"]


def test_a_dead_workers_run_is_taken_over(bench, ledger_of):
    ledger = ledger_of(run_record("one"))
    bench.dead()
    with bench.worker() as worker:
        assert worker.run_once(bench.now) == "worked"
    assert ledger.jobs["one"].ended_as == ["crashed", "done"]


def test_an_idle_worker_leaves_soon_after_the_last_run_of_others_has_ended(bench, ledger_of):
    ledger = ledger_of(run_record("one"))
    bench.ghost()
    with bench.worker(rescue_every=3600.0) as worker:
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        until(lambda: "idle" in bench.names())
        ledger.cancel("one")
        thread.join(10.0)
        assert not thread.is_alive()
    assert bench.said[-1]["reason"] == "empty"


def test_a_busy_ledger_makes_an_idle_turn_and_is_told_once(bench, ledger_of):
    ledger = ledger_of(run_record("one"))
    with bench.worker() as worker:
        ledger.refusals = [Busy("locked")] * 2
        assert [worker.run_once(bench.now) for _ in range(3)] == ["idle", "idle", "worked"]
    assert bench.names().count("store_busy") == 1


def test_a_commit_is_tried_again_while_the_ledger_is_busy(bench, ledger_of):
    ledger = ledger_of(run_record("one"))

    def save(session):
        ledger.refusals = [Busy("locked")] * 3
        assert session.commit("one", 20, lambda file: file.write(b"x"), [], {}, "solved")

    with bench.worker(save) as worker:
        worker.run_once(bench.now)
    assert ledger.jobs["one"].ended_as == ["done"]


def test_a_run_begins_where_another_one_ended_also_if_the_ledger_is_busy(bench, ledger_of):
    ledger = ledger_of(*(replace(run_record(name), trajectory="t") for name in ("one", "two")))
    kept = []

    def go_on(session):
        (claim,) = session.claims
        if claim.run_id == "one":
            toy.execute(session)
            return
        assert session.resume("two") is None
        newest, *_ = session.relatives("two", "t")
        ledger.refusals = [Busy("locked")] * 3
        kept.append(session.extend("two", newest.checkpoint, 20, 19, lambda file: file.write(b"x"), {"at": 20}))
        ledger.cancel("two")
        kept.append(session.extend("two", newest.checkpoint, 20, 19, lambda file: file.write(b"x"), {"at": 20}))
        kept.append(session.relatives("two", "t"))

    with bench.worker(go_on) as worker:
        worker.run_once(bench.now)
        worker.run_once(bench.now)
    assert kept == [True, False, []]
    (event,) = bench.heard("extended")
    assert (event["run"], event["step"], event["parent"], event["parent_name"]) == ("two", 20, "one", "one")
    assert ledger.jobs["two"].steps == [5, 10, 15]


def test_a_full_disk_releases_the_runs_and_ends_the_worker(bench, ledger_of):
    ledger = ledger_of(run_record("one"))

    def fill_the_disk(session):
        raise DiskFull("no room left")

    with pytest.raises(DiskFull), bench.worker(fill_the_disk) as worker:
        worker.run_once(bench.now)
    assert (ledger.jobs["one"].status, ledger.jobs["one"].strikes) == ("queued", 0)
    assert bench.said[-1]["error"] == "no room left"
    assert ledger.connections == 0


def test_a_worker_waits_to_register_while_the_ledger_is_busy_and_says_so_once(bench, ledger_of):
    ledger = ledger_of(run_record("one"))
    ledger.refusals = [Busy("locked")] * 3
    with bench.worker(rescue_every=0.01) as worker:
        assert bench.names() == ["store_busy", "worker_started"]
        assert worker.run_once(bench.now) == "worked"
    assert ledger.jobs["one"].ended_as == ["done"]
    assert ledger.connections == 0


def test_a_worker_that_is_told_to_stop_while_it_waits_to_register_leaves(bench, ledger_of):
    ledger = ledger_of(run_record("one"))
    ledger.refusals = [Busy("locked")] * 3
    bench.stop.set()
    with pytest.raises(Busy), bench.worker():
        pass
    assert [(event["event"], event["reason"], event["error"]) for event in bench.said] == [
        ("worker_ended", "drained", None)
    ]
    assert ledger.connections == 0
