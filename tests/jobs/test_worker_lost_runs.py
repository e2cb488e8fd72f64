"""Runs that a worker loses while it trains them: nothing is written any more."""

from store import Store, queue
from tests.checks import CheckRow
from tests.jobs import toy
from tests.jobs.toy import add_runs, assert_finished_once, run_record, write_nothing


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
