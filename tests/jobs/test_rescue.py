from jobs.rescue import live_workers
from tests.jobs.toy import add_runs, assert_finished_once, run_record


def test_a_dead_workers_run_is_rescued_at_once(bench):
    run = run_record("one")
    add_runs(bench.workspace, run)
    bench.dead()
    with bench.worker() as worker:
        assert worker.run_once(bench.now) == "worked"
    assert [(event["run"], event["from"]) for event in bench.heard("rescued")] == [("one", "ghost")]
    assert [attempt.ended_as for attempt in bench.attempts("one")] == ["crashed", "done"]
    assert_finished_once(bench.workspace, run)


def test_a_worker_of_an_earlier_boot_is_dead(bench):
    add_runs(bench.workspace, run_record("one"))
    bench.ghost(boot_id="before")
    with bench.worker() as worker:
        assert worker.run_once(bench.now) == "worked"
    assert [(event["run"], event["from"]) for event in bench.heard("rescued")] == [("one", "ghost")]


def test_reboots_are_no_fault_of_the_runs(bench):
    add_runs(bench.workspace, run_record("one"))
    with bench.ledger() as ledger:
        for boot in range(5):
            bench.now += 100.0  # past the lease as well
            bench.ghost(f"ghost {boot}", boot_id=f"boot {boot}")
            bench.rescuer().rescue(ledger, bench.now + 99.0)
    assert (bench.run("one").status, bench.run("one").strikes) == ("queued", 0)
    assert [attempt.ended_as for attempt in bench.attempts("one")] == ["released"] * 5
    assert bench.names() == ["rescued"] * 5


def test_a_worker_on_another_host_has_its_lease(bench):
    add_runs(bench.workspace, run_record("one"))
    bench.ghost(host="elsewhere", pid_started=0.0)
    with bench.worker() as worker:
        assert worker.run_once(bench.now + 60.0) == "idle"
        assert worker.run_once(bench.now + 60.1) == "worked"
    assert [attempt.ended_as for attempt in bench.attempts("one")] == ["lost", "done"]


def test_a_live_worker_keeps_its_run_until_the_lease_ends(bench):
    add_runs(bench.workspace, run_record("one"))
    bench.ghost()
    with bench.worker() as worker:
        assert worker.run_once(bench.now + 60.0) == "idle"
        assert worker.run_once(bench.now + 60.1) == "worked"


def test_two_rescuers_make_one_strike(bench):
    add_runs(bench.workspace, run_record("one"))
    bench.dead()
    with bench.ledger() as ledger, bench.ledger() as other_ledger:
        one, two = bench.rescuer(), bench.rescuer()
        one.rescue(ledger, bench.now)
        two.rescue(other_ledger, bench.now)
    assert bench.names() == ["rescued"]
    assert bench.run("one").strikes == 1


def test_a_run_whose_workers_keep_dying_is_quarantined(bench):
    add_runs(bench.workspace, run_record("killer"))
    with bench.ledger() as ledger:
        for life in range(3):
            bench.now += 100.0
            assert [claim.attempt for claim in bench.dead(f"ghost {life}")] == [life + 1]
            bench.rescuer().rescue(ledger, bench.now)
    assert bench.names() == ["rescued", "rescued", "quarantined"]
    assert bench.said[-1]["from"] == "ghost 2"
    assert bench.run("killer").status == "quarantined"


def test_where_looking_costs_much_it_is_done_less_often(bench, monkeypatch):
    add_runs(bench.workspace, run_record("one"))
    rescuer = bench.rescuer()
    with bench.ledger() as ledger:
        monkeypatch.setattr(ledger, "look_every", 5.0, raising=False)
        rescuer.rescue(ledger, bench.now)
        bench.dead()
        for seconds in (1.0, 2.0, 3.0, 4.0):
            rescuer.rescue(ledger, bench.now + seconds)
        assert bench.names() == []
        rescuer.rescue(ledger, bench.now + 5.0)
    assert bench.names() == ["rescued"]


def test_after_a_sleep_others_get_a_beats_time(bench):
    add_runs(bench.workspace, run_record("one"))
    bench.ghost()
    with bench.worker() as worker:
        assert worker.run_once(bench.now) == "idle"
        bench.now += 3600.0  # the lid was closed
        assert worker.run_once(bench.now) == "idle"
        assert worker.run_once(bench.now + 9.0) == "idle"
        assert worker.run_once(bench.now + 10.0) == "worked"


def test_a_rescuer_that_is_always_late_rescues_all_the_same(bench):
    add_runs(bench.workspace, run_record("one"))
    rescuer = bench.rescuer()
    with bench.ledger() as ledger:
        rescuer.rescue(ledger, bench.now)
        bench.dead()
        rescuer.rescue(ledger, bench.now + 100.0)
        assert bench.names() == []
        rescuer.rescue(ledger, bench.now + 200.0)
    assert bench.names() == ["rescued"]


def test_a_clock_set_back_after_a_sleep_does_not_put_off_rescues(bench):
    add_runs(bench.workspace, run_record("one"))
    rescuer = bench.rescuer()
    with bench.ledger() as ledger:
        rescuer.rescue(ledger, bench.now)
        bench.now += 3600.0
        rescuer.rescue(ledger, bench.now)
        bench.now -= 3600.0
        bench.dead()
        rescuer.rescue(ledger, bench.now)
        assert bench.names() == []
        rescuer.rescue(ledger, bench.now + 10.0)
    assert bench.names() == ["rescued"]


def test_a_beat_from_before_the_clock_was_set_back_is_no_sign_of_life(bench):
    add_runs(bench.workspace, run_record("one"))
    bench.ghost(host="elsewhere")
    with bench.ledger() as ledger:
        for back, live in ((0.0, 1), (50.0, 1), (3600.0, 0)):
            assert len(live_workers(ledger, bench.now - back, 60.0)) == live
