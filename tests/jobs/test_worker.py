"""A worker takes its share of the runs, and works until nothing is left or it is told to stop."""

import pytest

from store import StoreError
from tests.jobs import toy
from tests.jobs.toy import add_runs, assert_finished_once, run_record


def test_a_worker_works_until_nothing_is_left(bench):
    runs = [run_record("one"), run_record("two")]
    add_runs(bench.workspace, *runs)
    with bench.worker() as worker:
        assert [worker.run_once(bench.now) for _ in range(3)] == ["worked", "worked", "empty"]
    assert_finished_once(bench.workspace, *runs)
    assert bench.names()[0] == "worker_started"
    assert (bench.said[-1]["event"], bench.said[-1]["reason"]) == ("worker_ended", "empty")
    assert bench.names().count("finished") == 2


def test_runs_of_one_shape_are_one_pack(bench):
    runs = [run_record(name, shape) for name, shape in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a"))]
    add_runs(bench.workspace, *runs)
    with bench.worker(packs=2) as worker:
        worker.run()
    packs = [[run["run"] for run in event["runs"]] for event in bench.heard("claimed")]
    assert packs == [["a1", "a2"], ["b1"], ["a3"]]
    assert_finished_once(bench.workspace, *runs)


def test_a_worker_leaves_those_that_have_no_runs_their_share(bench):
    add_runs(bench.workspace, *[run_record(f"r{i}") for i in range(7)])
    bench.ghost()  # alive and busy: it wants no more than its r0
    with bench.worker(packs=64) as worker, bench.worker():
        worker.run_once(bench.now)
    assert len(bench.heard("claimed")[0]["runs"]) == 3


def test_a_worker_waits_while_others_work(bench):
    add_runs(bench.workspace, run_record("one"))
    bench.ghost()
    with bench.worker() as worker:
        assert worker.run_once(bench.now) == "idle"
    assert bench.run("one").status == "running"


def test_a_worker_that_was_marked_as_ended_takes_no_run_and_ends(bench):
    def work():
        with bench.worker() as worker, bench.ledger() as pool:
            pool.release_from([worker.id], bench.now)  # a pool does this just before it kills its workers
            worker.run()

    add_runs(bench.workspace, run_record("one"))
    with pytest.raises(StoreError, match="marked this worker as ended"):
        work()
    assert (bench.run("one").status, bench.run("one").attempt) == ("queued", 0)
    assert (bench.said[-1]["event"], bench.said[-1]["reason"]) == ("worker_ended", "error")


def test_a_drained_run_is_released_and_ends_the_same(bench):
    def drain_soon(session):
        bench.stop.set()
        toy.execute(session)

    run = run_record("one")
    add_runs(bench.workspace, run)
    with bench.worker(drain_soon) as worker:
        worker.run()
    assert (bench.run("one").status, bench.run("one").step, bench.run("one").strikes) == ("queued", 1, 0)
    assert bench.names()[-2:] == ["released", "worker_ended"]
    assert bench.said[-1]["reason"] == "drained"

    bench.stop.clear()
    with bench.worker() as worker:
        worker.run()
    assert [attempt.ended_as for attempt in bench.attempts("one")] == ["released", "done"]
    assert [event["step"] for event in bench.heard("resumed")] == [1]
    assert_finished_once(bench.workspace, run)


def test_workers_that_start_together_share_the_queue_although_one_comes_first(bench):
    add_runs(bench.workspace, *(run_record(f"run{n}") for n in range(5)))

    def take_the_rest(session):
        with bench.worker(packs=8, peers=2) as second:
            second.run_once(bench.now)
        toy.execute(session)

    with bench.worker(take_the_rest, packs=8, peers=2) as first:
        first.run_once(bench.now)
    assert [len(event["runs"]) for event in bench.heard("claimed")] == [3, 2]
