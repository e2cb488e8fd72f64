"""A worker whose packs do not fit into memory."""

from jobs.config import MEMORY_WAIT, MOST_MEMORY_WAITS
from jobs.session import FitsLater, OutOfMemory
from tests.jobs import toy
from tests.jobs.toy import add_runs, assert_finished_once, run_record, write_nothing


def room_for(most, executed):
    """An execute for which up to `most` runs fit into memory. executed: is given the size of every pack."""

    def execute(session):
        executed.append(len(session.claims))
        if len(session.claims) > most:
            raise OutOfMemory("a run needs 3 GiB, and 1 GiB is free")
        toy.execute(session)

    return execute


def test_packs_that_do_not_fit_into_memory_are_halved_without_a_strike(bench):
    runs, executed = [run_record(f"r{i}") for i in range(9)], []
    add_runs(bench.workspace, *runs)
    with bench.worker(room_for(2, executed), packs=9) as worker:
        worker.run()
    assert executed == [9, 4, 2, 2, 2, 2, 1]
    assert_finished_once(bench.workspace, *runs)
    assert all(bench.run(run.run_id).strikes == 0 for run in runs)
    assert [attempt.ended_as for attempt in bench.attempts("r0")] == ["released", "released", "done"]
    halved = [(event["unit"], event["size"], event["most"]) for event in bench.heard("out_of_memory")]
    assert halved == [("runs", 9, 4), ("runs", 4, 2)]
    assert bench.heard("out_of_memory")[0]["error"] == "a run needs 3 GiB, and 1 GiB is free"
    assert bench.heard("failed") == []


def test_packs_of_other_shapes_stay_as_large_as_they_were(bench):
    runs, executed = [run_record(f"{shape}{i}", shape) for shape in "ab" for i in range(3)], []
    add_runs(bench.workspace, *runs)

    def execute(session):
        executed.append((session.claims[0].shape, len(session.claims)))
        if executed == [("a", 3)]:
            raise OutOfMemory("no room")
        toy.execute(session)

    with bench.worker(execute, packs=3) as worker:
        worker.run()
    assert executed == [("a", 3), ("a", 1), ("a", 1), ("a", 1), ("b", 3)]
    assert_finished_once(bench.workspace, *runs)


def test_a_run_that_does_not_fit_alone_fails_in_one_line_and_the_others_go_on(bench):
    good, executed = run_record("good", "b"), []
    add_runs(bench.workspace, run_record("big"), good)

    def execute(session):
        room_for(0 if session.claims[0].run_id == "big" else 1, executed)(session)

    with bench.worker(execute) as worker:
        bench.finish(worker)
    assert (bench.run("big").status, bench.run("big").error) == ("failed", "a run needs 3 GiB, and 1 GiB is free")
    assert [event["status"] for event in bench.heard("failed")] == ["queued", "queued", "failed"]
    assert bench.heard("out_of_memory") == []
    assert_finished_once(bench.workspace, good)


def test_a_run_that_does_not_fit_now_waits_without_a_strike(bench):
    add_runs(bench.workspace, run_record("big"), run_record("good", "b"))
    short = [True]

    def execute(session):
        if session.claims[0].run_id == "big" and short:
            short.pop()
            raise FitsLater("a run needs 3 GiB, and 1 GiB is available")
        room_for(1, [])(session)

    with bench.worker(execute) as worker:
        worker.run_once(bench.now)
        run = bench.run("big")
        assert (run.status, run.strikes, run.not_before) == ("queued", 0, bench.now + MEMORY_WAIT)
        assert run.error == "a run needs 3 GiB, and 1 GiB is available"
        (postponed,) = bench.heard("postponed")
        assert (postponed["run"], postponed["error"]) == ("big", run.error)
        bench.finish(worker)
    assert_finished_once(bench.workspace, run_record("big"), run_record("good", "b"))


def test_a_run_that_never_fits_into_what_is_free_fails_in_the_end(bench):
    add_runs(bench.workspace, run_record("big"))

    def execute(session):
        raise FitsLater("a run needs 30 GiB, and 20 GiB is available")

    with bench.worker(execute) as worker:
        while worker.run_once(bench.now) != "empty":
            bench.now += MEMORY_WAIT
            assert bench.now < 100 * MEMORY_WAIT
    assert (bench.run("big").status, bench.run("big").strikes) == ("failed", 3)
    assert len(bench.heard("postponed")) == MOST_MEMORY_WAITS
    assert bench.run("big").error == "a run needs 30 GiB, and 20 GiB is available"


def test_what_was_finished_before_memory_ran_out_stays_finished(bench):
    def execute(session):
        session.commit("one", 20, write_nothing, [], {}, "solved")
        raise OutOfMemory("no room")

    add_runs(bench.workspace, run_record("one"), run_record("two"))
    with bench.worker(execute, packs=2) as worker:
        worker.run_once(bench.now)
    assert (bench.run("one").outcome, bench.run("two").status) == ("solved", "queued")
    assert [event["run"] for event in bench.heard("released")] == ["two"]
