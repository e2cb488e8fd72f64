import os
import sqlite3
from contextlib import closing

import pytest

from jobs import identity
from store import Busy, DiskFull, Store, commits, queue
from tests.jobs import toy
from tests.jobs.toy import add_runs, assert_finished_once, run_record


def write_nothing(file):
    file.write(b"nothing")


def test_a_worker_works_until_nothing_is_left(lab):
    runs = [run_record("one"), run_record("two")]
    add_runs(lab.workspace, *runs)
    with lab.worker() as worker:
        assert [worker.run_once(lab.now) for _ in range(3)] == ["worked", "worked", "empty"]
    assert_finished_once(lab.workspace, *runs)
    assert lab.names()[0] == "worker_started"
    assert (lab.said[-1]["event"], lab.said[-1]["reason"]) == ("worker_ended", "empty")
    assert lab.names().count("finished") == 2


def test_runs_of_one_shape_are_one_pack(lab):
    runs = [run_record(name, shape) for name, shape in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a"))]
    add_runs(lab.workspace, *runs)
    with lab.worker(packs=2) as worker:
        worker.run()
    packs = [[run["run"] for run in event["runs"]] for event in lab.heard("claimed")]
    assert packs == [["a1", "a2"], ["b1"], ["a3"]]
    assert_finished_once(lab.workspace, *runs)


def test_a_worker_leaves_those_that_have_no_runs_their_share(lab):
    add_runs(lab.workspace, *[run_record(f"r{i}") for i in range(7)])
    lab.ghost()  # alive and busy: it wants no more than its r0
    with lab.worker(packs=64) as worker, lab.worker():
        worker.run_once(lab.now)
    assert len(lab.heard("claimed")[0]["runs"]) == 3


def test_a_worker_waits_while_others_work(lab):
    add_runs(lab.workspace, run_record("one"))
    lab.ghost()
    with lab.worker() as worker:
        assert worker.run_once(lab.now) == "idle"
    assert lab.run("one").status == "running"


def test_a_drained_run_is_released_and_ends_the_same(lab):
    def drain_soon(session):
        lab.stop.set()
        toy.execute(session)

    run = run_record("one")
    add_runs(lab.workspace, run)
    with lab.worker(drain_soon) as worker:
        worker.run()
    assert (lab.run("one").status, lab.run("one").step, lab.run("one").strikes) == ("queued", 1, 0)
    assert lab.names()[-2:] == ["released", "worker_ended"]
    assert lab.said[-1]["reason"] == "drained"

    lab.stop.clear()
    with lab.worker() as worker:
        worker.run()
    assert [attempt.ended_as for attempt in lab.attempts("one")] == ["released", "done"]
    assert [event["step"] for event in lab.heard("resumed")] == [1]
    assert_finished_once(lab.workspace, run)


def test_a_run_that_raises_is_tried_again_and_then_failed_with_its_traceback(lab):
    bad, good = run_record("bad", trouble="raise"), run_record("good")
    add_runs(lab.workspace, bad, good)
    with lab.worker(packs=2) as worker:
        lab.finish(worker)
    assert lab.run("bad").status == "failed"
    assert [attempt.ended_as for attempt in lab.attempts("bad")] == ["failed"] * 3
    for text in ("Traceback", "in trouble", "ArithmeticError: this run never works"):
        assert text in lab.run("bad").error
    # Two failures were of the whole pack; when one more could end a run, each was tried alone.
    assert [len(event["runs"]) for event in lab.heard("claimed")] == [2, 2, 1, 1]
    assert_finished_once(lab.workspace, good)


def test_retries_wait_longer_each_time(lab):
    add_runs(lab.workspace, run_record("bad", trouble="raise"))
    with lab.worker(backoff=5.0) as worker:
        assert worker.run_once(lab.now) == "worked"
        assert worker.run_once(lab.now) == "worked"
        assert worker.run_once(lab.now + 9.9) == "idle"
        assert worker.run_once(lab.now + 10.0) == "worked"
        assert worker.run_once(lab.now + 10.0) == "empty"


@pytest.mark.parametrize("commits", [True, False])
def test_returning_early_is_a_strike_unless_something_was_committed(lab, commits):
    def stop_early(session):
        if commits:
            session.commit("one", 1, write_nothing, [], {})

    add_runs(lab.workspace, run_record("one"))
    with lab.worker(stop_early) as worker:
        worker.run_once(lab.now)
    assert lab.run("one").status == "queued"
    assert lab.run("one").strikes == (0 if commits else 1)
    assert lab.names()[-2] == ("released" if commits else "failed")


def test_an_exit_from_within_is_a_failure(lab):
    def leave(session):
        raise SystemExit(0)

    add_runs(lab.workspace, run_record("one"))
    with lab.worker(leave, strike_limit=1) as worker:
        worker.run()
    assert lab.run("one").status == "failed"
    assert "SystemExit" in lab.run("one").error


def test_a_history_written_twice_is_a_failure_of_the_run(lab):
    def repeat(session):
        for _ in range(2):
            session.commit("one", 5, write_nothing, [toy.Row(5, {})], {})

    add_runs(lab.workspace, run_record("one"))
    with lab.worker(repeat, strike_limit=1) as worker:
        worker.run()
    assert lab.run("one").status == "failed"
    assert "Conflict" in lab.run("one").error


def test_a_failing_store_releases_the_runs_and_ends_the_worker(lab):
    def fill_the_disk(session):
        raise DiskFull("no room left")

    add_runs(lab.workspace, run_record("one"))
    with pytest.raises(DiskFull), lab.worker(fill_the_disk) as worker:
        lab.finish(worker)
    assert (lab.run("one").status, lab.run("one").strikes) == ("queued", 0)
    assert lab.said[-1]["error"] == "no room left"


def test_a_ctrl_c_releases_the_runs(lab):
    def interrupted(session):
        raise KeyboardInterrupt

    add_runs(lab.workspace, run_record("one"))
    with pytest.raises(KeyboardInterrupt), lab.worker(interrupted) as worker:
        worker.run()
    assert (lab.run("one").status, lab.run("one").strikes) == ("queued", 0)
    assert lab.said[-1]["reason"] == "drained"


def overtaken_by(other_worker, lab):
    """Lets the lease end, and another worker rescue and finish everything."""
    lab.now += 61.0
    with other_worker as other:
        other.run()


def test_a_lost_lease_writes_nothing(lab):
    answers = {}

    def slow(session):
        session.commit("one", 5, write_nothing, [], {"by": "slow"})
        overtaken_by(lab.worker(lambda fast: fast.commit("one", 20, write_nothing, [], {"by": "fast"}, "solved")), lab)
        answers["commit"] = session.commit("one", 6, write_nothing, [toy.Row(6, {})], {"by": "slow"})
        answers["held"] = session.held("one")

    add_runs(lab.workspace, run_record("one"))
    with lab.worker(slow) as worker:
        worker.run()
    assert answers == {"commit": False, "held": False}
    assert (lab.run("one").outcome, lab.run("one").summary) == ("solved", {"by": "fast"})
    assert [attempt.ended_as for attempt in lab.attempts("one")] == ["lost", "done"]
    assert len(lab.files("one")) == 2  # of step 5 and step 20
    assert lab.names().count("lease_lost") == 1
    assert "released" not in lab.names()


def test_the_fence_holds_where_the_clock_hides_the_loss(lab):
    def slow(session):
        overtaken_by(lab.worker(lambda fast: fast.commit("one", 20, write_nothing, [], {"by": "fast"}, "solved")), lab)
        lab.now -= 61.0  # so that the lease looks good to the one who lost it
        assert session.held("one")
        assert not session.commit("one", 6, write_nothing, [], {"by": "slow"}, "budget")

    add_runs(lab.workspace, run_record("one"))
    with lab.worker(slow) as worker:
        worker.run()
    assert (lab.run("one").outcome, lab.run("one").summary) == ("solved", {"by": "fast"})
    assert len(lab.files("one")) == 1


def test_a_file_swept_away_by_the_new_owner_is_a_lost_lease_and_no_error(lab):
    def slow(session):
        def write(file):
            file.write(b"half")
            overtaken_by(lab.worker(), lab)
            lab.now -= 61.0

        assert not session.commit("one", 1, write, [], {})

    run = run_record("one")
    add_runs(lab.workspace, run)
    with lab.worker(slow) as worker:
        worker.run()
    assert lab.names().count("lease_lost") == 1
    assert "failed" not in lab.names()
    assert_finished_once(lab.workspace, run)


def test_resuming_a_lost_run_touches_nothing(lab):
    def slow(session):
        def overtake(fast):
            fast.commit("one", 5, write_nothing, [], {})
            (lab.workspace / "checkpoints" / "one" / "being-written.ckpt.tmp").touch()
            lab.now -= 61.0
            assert session.resume("one") is None
            assert not session.held("one")
            assert fast.held("one")
            assert len(lab.files("one")) == 2
            fast.commit("one", 20, write_nothing, [], {}, "solved")

        overtaken_by(lab.worker(overtake), lab)

    add_runs(lab.workspace, run_record("one"))
    with lab.worker(slow) as worker:
        lab.finish(worker)
    assert lab.run("one").outcome == "solved"


def test_a_cancelled_run_is_dropped_and_its_pack_goes_on(lab):
    def cancelled(session):
        with Store.open(lab.workspace) as store:
            queue.cancel(store, ["one"], lab.now)
        toy.execute(session)

    other = run_record("two")
    add_runs(lab.workspace, run_record("one"), other)
    with lab.worker(cancelled, packs=2) as worker:
        worker.run()
    assert lab.run("one").status == "cancelled"
    assert [event["run"] for event in lab.heard("lease_lost")] == ["one"]
    assert_finished_once(lab.workspace, other)


def test_a_run_lost_only_by_the_clock_is_given_back(lab):
    def slow(session):
        lab.now += 61.0
        assert not session.held("one")

    add_runs(lab.workspace, run_record("one"))
    with lab.worker(slow) as worker:
        worker.run_once(lab.now)
    assert (lab.run("one").status, lab.run("one").strikes) == ("queued", 0)


def damage_flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [damage_flip, damage_truncate, lambda path: path.unlink()])
@pytest.mark.parametrize(("how_many", "resumed"), [(1, [10]), (2, [])])
def test_an_unsound_checkpoint_is_passed_over_and_the_end_is_the_same(lab, damage, how_many, resumed):
    run = run_record("one", trouble="raise", at=16)
    add_runs(lab.workspace, run)
    with lab.worker() as worker:
        worker.run_once(lab.now)
    assert lab.run("one").step == 15
    for path in lab.files("one")[-how_many:]:
        damage(path)

    def without_trouble(session):
        session.claims[0].spec["trouble"] = None
        toy.execute(session)

    with lab.worker(without_trouble) as worker:
        lab.finish(worker)
    assert len(lab.heard("checkpoint_unsound")) == how_many
    assert [event["step"] for event in lab.heard("resumed")] == resumed
    assert_finished_once(lab.workspace, run)


def test_what_killed_attempts_left_is_swept_away(lab):
    add_runs(lab.workspace, run_record("one"))
    folder = lab.workspace / "checkpoints" / "one"
    folder.mkdir(parents=True)
    lab.dead()  # whose attempt is the first
    for name in ("attempt-0001-step-000000005-half.ckpt.tmp", "attempt-0001-step-000000005-uncommitted.ckpt"):
        (folder / name).touch()
    with lab.worker() as worker:
        lab.finish(worker)
    assert len(lab.files("one")) == 2
    assert all(path.stat().st_size for path in lab.files("one"))


def test_a_busy_store_is_tried_again(lab, monkeypatch):
    real, tries = commits.commit, []

    def busy_twice(*args):
        tries.append(args)
        if len(tries) <= 2:
            raise Busy("locked")
        real(*args)

    monkeypatch.setattr(commits, "commit", busy_twice)
    run = run_record("one")
    add_runs(lab.workspace, run)
    with lab.worker() as worker:
        lab.finish(worker)
    assert_finished_once(lab.workspace, run)
    assert [attempt.ended_as for attempt in lab.attempts("one")] == ["done"]


def test_a_store_that_stays_busy_past_the_lease_loses_the_run(lab, monkeypatch):
    def busy(*args):
        lab.now += 25.0
        raise Busy("locked")

    monkeypatch.setattr(commits, "commit", busy)
    add_runs(lab.workspace, run_record("one"))
    with lab.worker() as worker:
        worker.run_once(lab.now)
    assert lab.files("one") == []
    assert [event["run"] for event in lab.heard("lease_lost")] == ["one"]


def test_workers_that_start_together_share_the_queue_although_one_comes_first(lab):
    add_runs(lab.workspace, *(run_record(f"run{n}") for n in range(5)))

    def take_the_rest(session):
        with lab.worker(packs=8, peers=2) as second:
            second.run_once(lab.now)
        toy.execute(session)

    with lab.worker(take_the_rest, packs=8, peers=2) as first:
        first.run_once(lab.now)
    assert [len(event["runs"]) for event in lab.heard("claimed")] == [3, 2]


def test_busy_workers_of_other_pools_are_no_reason_to_take_what_ones_own_peers_want(lab):
    add_runs(lab.workspace, *(run_record(f"run{n}") for n in range(5)))
    parent = os.getppid()  # lives, and is no sibling
    lab.ghost(pid=parent, pid_started=identity.started(parent))
    with lab.worker(packs=8, peers=2) as worker:
        worker.run_once(lab.now)
    assert len(lab.heard("claimed")[0]["runs"]) == 2  # of 4


def test_a_store_that_is_locked_makes_an_idle_turn_and_is_told_once(lab, monkeypatch):
    real = Store.open.__func__
    monkeypatch.setattr(Store, "open", classmethod(lambda cls, path, **kw: real(cls, path, **{**kw, "timeout": 0.01})))
    run = run_record("one")
    add_runs(lab.workspace, run)
    with lab.worker() as worker:
        for _ in range(2):
            with closing(sqlite3.connect(lab.workspace / "rnnctl.db", isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                assert [worker.run_once(lab.now) for _ in range(3)] == ["idle"] * 3
            worker.run_once(lab.now)
    assert [event["error"].endswith("then try again") for event in lab.heard("store_busy")] == [True] * 2
    assert lab.said[-1]["reason"] == "empty"
    assert_finished_once(lab.workspace, run)


def refusing(monkeypatch, name, error, times):
    """Lets a function of the queue fail so many times."""
    real, left = getattr(queue, name), [error] * times

    def refuse(*args):
        if left:
            raise left.pop()
        return real(*args)

    monkeypatch.setattr(queue, name, refuse)


def test_a_failure_is_kept_although_the_store_is_busy_just_then(lab, monkeypatch):
    refusing(monkeypatch, "fail", Busy("locked"), 2)
    add_runs(lab.workspace, run_record("bad", trouble="raise"), run_record("good"))
    with lab.worker(packs=2) as worker:
        assert worker.run_once(lab.now) == "worked"
    for name in ("bad", "good"):
        assert [attempt.ended_as for attempt in lab.attempts(name)] == ["failed"]
        assert "ArithmeticError: this run never works" in lab.run(name).error


def test_what_the_store_refuses_for_one_run_does_not_keep_the_others_from_being_settled(lab, monkeypatch):
    refusing(monkeypatch, "fail", DiskFull("no room left"), 1)
    add_runs(lab.workspace, run_record("bad", trouble="raise"), run_record("good"))
    with pytest.raises(DiskFull), lab.worker(packs=2) as worker:
        worker.run_once(lab.now)
    assert lab.run("bad").status == "running"  # left to rescue
    assert "ArithmeticError: this run never works" in lab.run("good").error
    assert (lab.said[-1]["event"], lab.said[-1]["error"]) == ("worker_ended", "no room left")


def test_a_store_that_is_busy_while_a_pack_is_executed_ends_no_worker(lab):
    tried = []

    def busy_once(session):
        tried.append(session)
        if len(tried) == 1:
            raise Busy("locked")
        toy.execute(session)

    run = run_record("one")
    add_runs(lab.workspace, run)
    with lab.worker(busy_once) as worker:
        assert worker.run_once(lab.now) == "idle"
        worker.run()
    assert [attempt.ended_as for attempt in lab.attempts("one")] == ["released", "done"]
    assert lab.names().count("store_busy") == 1
    assert_finished_once(lab.workspace, run)
