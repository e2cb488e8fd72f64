import os
import sqlite3
from contextlib import closing

import pytest

from jobs import identity
from jobs.session import OutOfMemory
from store import Busy, DiskFull, Store, StoreError, commits, queue
from tests.checks import CheckRow
from tests.jobs import toy
from tests.jobs.toy import add_runs, assert_finished_once, run_record


def write_nothing(file):
    file.write(b"nothing")


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


def test_a_run_that_raises_is_tried_again_and_then_failed_with_its_traceback(bench):
    bad, good = run_record("bad", trouble="raise"), run_record("good")
    add_runs(bench.workspace, bad, good)
    with bench.worker(packs=2) as worker:
        bench.finish(worker)
    assert bench.run("bad").status == "failed"
    assert [attempt.ended_as for attempt in bench.attempts("bad")] == ["failed"] * 3
    for text in ("Traceback", "in trouble", "ArithmeticError: this run never works"):
        assert text in bench.run("bad").error
    # Two failures were of the whole pack; when one more could end a run, each was tried alone.
    assert [len(event["runs"]) for event in bench.heard("claimed")] == [2, 2, 1, 1]
    assert_finished_once(bench.workspace, good)


def test_retries_wait_longer_each_time(bench):
    add_runs(bench.workspace, run_record("bad", trouble="raise"))
    with bench.worker(backoff=5.0) as worker:
        assert worker.run_once(bench.now) == "worked"
        assert worker.run_once(bench.now) == "worked"
        assert worker.run_once(bench.now + 9.9) == "idle"
        assert worker.run_once(bench.now + 10.0) == "worked"
        assert worker.run_once(bench.now + 10.0) == "empty"


@pytest.mark.parametrize("commits", [True, False])
def test_returning_early_is_a_strike_unless_something_was_committed(bench, commits):
    def stop_early(session):
        if commits:
            session.commit("one", 1, write_nothing, [], {})

    add_runs(bench.workspace, run_record("one"))
    with bench.worker(stop_early) as worker:
        worker.run_once(bench.now)
    assert bench.run("one").status == "queued"
    assert bench.run("one").strikes == (0 if commits else 1)
    assert bench.names()[-2] == ("released" if commits else "failed")


def test_an_exit_from_within_is_a_failure(bench):
    def leave(session):
        raise SystemExit(0)

    add_runs(bench.workspace, run_record("one"))
    with bench.worker(leave, strike_limit=1) as worker:
        worker.run()
    assert bench.run("one").status == "failed"
    assert "SystemExit" in bench.run("one").error


def test_a_history_written_twice_is_a_failure_of_the_run(bench):
    def repeat(session):
        for _ in range(2):
            session.commit("one", 5, write_nothing, [CheckRow(5, {})], {})

    add_runs(bench.workspace, run_record("one"))
    with bench.worker(repeat, strike_limit=1) as worker:
        worker.run()
    assert bench.run("one").status == "failed"
    assert "Conflict" in bench.run("one").error


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


def test_what_was_finished_before_memory_ran_out_stays_finished(bench):
    def execute(session):
        session.commit("one", 20, write_nothing, [], {}, "solved")
        raise OutOfMemory("no room")

    add_runs(bench.workspace, run_record("one"), run_record("two"))
    with bench.worker(execute, packs=2) as worker:
        worker.run_once(bench.now)
    assert (bench.run("one").outcome, bench.run("two").status) == ("solved", "queued")
    assert [event["run"] for event in bench.heard("released")] == ["two"]


def test_a_failing_store_releases_the_runs_and_ends_the_worker(bench):
    def fill_the_disk(session):
        raise DiskFull("no room left")

    add_runs(bench.workspace, run_record("one"))
    with pytest.raises(DiskFull), bench.worker(fill_the_disk) as worker:
        bench.finish(worker)
    assert (bench.run("one").status, bench.run("one").strikes) == ("queued", 0)
    assert bench.said[-1]["error"] == "no room left"


def test_a_ctrl_c_releases_the_runs(bench):
    def interrupted(session):
        raise KeyboardInterrupt

    add_runs(bench.workspace, run_record("one"))
    with pytest.raises(KeyboardInterrupt), bench.worker(interrupted) as worker:
        worker.run()
    assert (bench.run("one").status, bench.run("one").strikes) == ("queued", 0)
    assert bench.said[-1]["reason"] == "drained"


def overtaken_by(other_worker, bench):
    """Let the lease end, and another worker rescue and finish everything."""
    bench.now += 61.0
    with other_worker as other:
        other.run()


def test_a_lost_lease_writes_nothing(bench):
    answers = {}

    def slow(session):
        session.commit("one", 5, write_nothing, [], {"by": "slow"})
        overtaken_by(
            bench.worker(lambda fast: fast.commit("one", 20, write_nothing, [], {"by": "fast"}, "solved")), bench
        )
        answers["commit"] = session.commit("one", 6, write_nothing, [CheckRow(6, {})], {"by": "slow"})
        answers["held"] = session.held("one")

    add_runs(bench.workspace, run_record("one"))
    with bench.worker(slow) as worker:
        worker.run()
    assert answers == {"commit": False, "held": False}
    assert (bench.run("one").outcome, bench.run("one").summary) == ("solved", {"by": "fast"})
    assert [attempt.ended_as for attempt in bench.attempts("one")] == ["lost", "done"]
    assert len(bench.files("one")) == 2  # of step 5 and step 20
    assert bench.names().count("lease_lost") == 1
    assert "released" not in bench.names()


def test_the_fence_holds_where_the_clock_hides_the_loss(bench):
    def slow(session):
        overtaken_by(
            bench.worker(lambda fast: fast.commit("one", 20, write_nothing, [], {"by": "fast"}, "solved")), bench
        )
        bench.now -= 61.0  # so that the lease looks good to the one who lost it
        assert session.held("one")
        assert not session.commit("one", 6, write_nothing, [], {"by": "slow"}, "budget")

    add_runs(bench.workspace, run_record("one"))
    with bench.worker(slow) as worker:
        worker.run()
    assert (bench.run("one").outcome, bench.run("one").summary) == ("solved", {"by": "fast"})
    assert len(bench.files("one")) == 1


def test_a_file_swept_away_by_the_new_owner_is_a_lost_lease_and_no_error(bench):
    def slow(session):
        def write(file):
            file.write(b"half")
            overtaken_by(bench.worker(), bench)
            bench.now -= 61.0

        assert not session.commit("one", 1, write, [], {})

    run = run_record("one")
    add_runs(bench.workspace, run)
    with bench.worker(slow) as worker:
        worker.run()
    assert bench.names().count("lease_lost") == 1
    assert "failed" not in bench.names()
    assert_finished_once(bench.workspace, run)


def test_resuming_a_lost_run_touches_nothing(bench):
    def slow(session):
        def overtake(fast):
            fast.commit("one", 5, write_nothing, [], {})
            (bench.workspace / "checkpoints" / "one" / "being-written.ckpt.tmp").touch()
            bench.now -= 61.0
            assert session.resume("one") is None
            assert not session.held("one")
            assert fast.held("one")
            assert len(bench.files("one")) == 2
            fast.commit("one", 20, write_nothing, [], {}, "solved")

        overtaken_by(bench.worker(overtake), bench)

    add_runs(bench.workspace, run_record("one"))
    with bench.worker(slow) as worker:
        bench.finish(worker)
    assert bench.run("one").outcome == "solved"


def test_a_cancelled_run_is_dropped_and_its_pack_goes_on(bench):
    def cancelled(session):
        with Store.open(bench.workspace) as store:
            queue.cancel(store, ["one"], bench.now)
        toy.execute(session)

    other = run_record("two")
    add_runs(bench.workspace, run_record("one"), other)
    with bench.worker(cancelled, packs=2) as worker:
        worker.run()
    assert bench.run("one").status == "cancelled"
    assert [event["run"] for event in bench.heard("lease_lost")] == ["one"]
    assert_finished_once(bench.workspace, other)


def test_a_run_lost_only_by_the_clock_is_given_back(bench):
    def slow(session):
        bench.now += 61.0
        assert not session.held("one")

    add_runs(bench.workspace, run_record("one"))
    with bench.worker(slow) as worker:
        worker.run_once(bench.now)
    assert (bench.run("one").status, bench.run("one").strikes) == ("queued", 0)


def damage_flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [damage_flip, damage_truncate, lambda path: path.unlink()])
@pytest.mark.parametrize(("how_many", "resumed"), [(1, [10]), (2, [])])
def test_an_unsound_checkpoint_is_passed_over_and_the_end_is_the_same(bench, damage, how_many, resumed):
    run = run_record("one", trouble="raise", at=16)
    add_runs(bench.workspace, run)
    with bench.worker() as worker:
        worker.run_once(bench.now)
    assert bench.run("one").step == 15
    for path in bench.files("one")[-how_many:]:
        damage(path)

    def without_trouble(session):
        session.claims[0].spec["trouble"] = None
        toy.execute(session)

    with bench.worker(without_trouble) as worker:
        bench.finish(worker)
    assert len(bench.heard("checkpoint_unsound")) == how_many
    assert [event["step"] for event in bench.heard("resumed")] == resumed
    assert_finished_once(bench.workspace, run)


def test_what_killed_attempts_left_is_swept_away(bench):
    add_runs(bench.workspace, run_record("one"))
    folder = bench.workspace / "checkpoints" / "one"
    folder.mkdir(parents=True)
    bench.dead()  # whose attempt is the first
    unfinished, finished = "attempt-0001-step-000000005-5f3a09bc.ckpt", "attempt-0001-step-000000005-0d4e7f21.ckpt"
    for name in (f"{unfinished}.uncommitted", f"{unfinished}.0a1b2c3d.tmp", f"{finished}.uncommitted", finished):
        (folder / name).touch()
    with bench.worker() as worker:
        bench.finish(worker)
    assert len(bench.files("one")) == 2
    assert all(path.stat().st_size for path in bench.files("one"))


def test_a_busy_store_is_tried_again(bench, monkeypatch):
    real, tries = commits.commit, []

    def busy_twice(*args):
        tries.append(args)
        if len(tries) <= 2:
            raise Busy("locked")
        real(*args)

    monkeypatch.setattr(commits, "commit", busy_twice)
    run = run_record("one")
    add_runs(bench.workspace, run)
    with bench.worker() as worker:
        bench.finish(worker)
    assert_finished_once(bench.workspace, run)
    assert [attempt.ended_as for attempt in bench.attempts("one")] == ["done"]


def test_a_store_that_stays_busy_past_the_lease_loses_the_run(bench, monkeypatch):
    def busy(*args):
        bench.now += 25.0
        raise Busy("locked")

    monkeypatch.setattr(commits, "commit", busy)
    add_runs(bench.workspace, run_record("one"))
    with bench.worker() as worker:
        worker.run_once(bench.now)
    assert bench.files("one") == []
    assert [event["run"] for event in bench.heard("lease_lost")] == ["one"]


def test_workers_that_start_together_share_the_queue_although_one_comes_first(bench):
    add_runs(bench.workspace, *(run_record(f"run{n}") for n in range(5)))

    def take_the_rest(session):
        with bench.worker(packs=8, peers=2) as second:
            second.run_once(bench.now)
        toy.execute(session)

    with bench.worker(take_the_rest, packs=8, peers=2) as first:
        first.run_once(bench.now)
    assert [len(event["runs"]) for event in bench.heard("claimed")] == [3, 2]


def test_busy_workers_of_other_pools_are_no_reason_to_take_what_ones_own_peers_want(bench):
    add_runs(bench.workspace, *(run_record(f"run{n}") for n in range(5)))
    parent = os.getppid()  # lives, and is no sibling
    bench.ghost(pid=parent, pid_started=identity.started(parent))
    with bench.worker(packs=8, peers=2) as worker:
        worker.run_once(bench.now)
    assert len(bench.heard("claimed")[0]["runs"]) == 2  # of 4


def test_a_store_that_is_locked_makes_an_idle_turn_and_is_told_once(bench, monkeypatch):
    real = Store.open.__func__
    monkeypatch.setattr(Store, "open", classmethod(lambda cls, path, **kw: real(cls, path, **{**kw, "timeout": 0.01})))
    run = run_record("one")
    add_runs(bench.workspace, run)
    with bench.worker() as worker:
        for _ in range(2):
            with closing(sqlite3.connect(bench.workspace / "rnnctl.db", isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                assert [worker.run_once(bench.now) for _ in range(3)] == ["idle"] * 3
            worker.run_once(bench.now)
    assert [event["error"].endswith("then try again") for event in bench.heard("store_busy")] == [True] * 2
    assert bench.said[-1]["reason"] == "empty"
    assert_finished_once(bench.workspace, run)


def refusing(monkeypatch, name, error, times):
    """Let a function of the queue fail that many times."""
    real, left = getattr(queue, name), [error] * times

    def refuse(*args):
        if left:
            raise left.pop()
        return real(*args)

    monkeypatch.setattr(queue, name, refuse)


def test_a_failure_is_kept_although_the_store_is_busy_just_then(bench, monkeypatch):
    refusing(monkeypatch, "fail", Busy("locked"), 2)
    add_runs(bench.workspace, run_record("bad", trouble="raise"), run_record("good"))
    with bench.worker(packs=2) as worker:
        assert worker.run_once(bench.now) == "worked"
    for name in ("bad", "good"):
        assert [attempt.ended_as for attempt in bench.attempts(name)] == ["failed"]
        assert "ArithmeticError: this run never works" in bench.run(name).error


def test_what_the_store_refuses_for_one_run_does_not_keep_the_others_from_being_settled(bench, monkeypatch):
    refusing(monkeypatch, "fail", DiskFull("no room left"), 1)
    add_runs(bench.workspace, run_record("bad", trouble="raise"), run_record("good"))
    with pytest.raises(DiskFull), bench.worker(packs=2) as worker:
        worker.run_once(bench.now)
    assert bench.run("bad").status == "running"  # left to rescue
    assert "ArithmeticError: this run never works" in bench.run("good").error
    assert (bench.said[-1]["event"], bench.said[-1]["error"]) == ("worker_ended", "no room left")


def test_a_store_that_is_busy_while_a_pack_is_executed_ends_no_worker(bench):
    tried = []

    def busy_once(session):
        tried.append(session)
        if len(tried) == 1:
            raise Busy("locked")
        toy.execute(session)

    run = run_record("one")
    add_runs(bench.workspace, run)
    with bench.worker(busy_once) as worker:
        assert worker.run_once(bench.now) == "idle"
        worker.run()
    assert [attempt.ended_as for attempt in bench.attempts("one")] == ["released", "done"]
    assert bench.names().count("store_busy") == 1
    assert_finished_once(bench.workspace, run)
