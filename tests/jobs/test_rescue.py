from store import Store
from tests.jobs.toy import add_runs, assert_finished_once, run_record


def test_a_dead_workers_run_is_rescued_at_once(lab):
    run = run_record("one")
    add_runs(lab.workspace, run)
    lab.dead()
    with lab.worker() as worker:
        assert worker.run_once(lab.now) == "worked"
    assert [(event["run"], event["from"]) for event in lab.heard("rescued")] == [("one", "ghost")]
    assert [attempt.ended_as for attempt in lab.attempts("one")] == ["crashed", "done"]
    assert_finished_once(lab.workspace, run)


def test_a_worker_of_an_earlier_boot_is_dead(lab):
    add_runs(lab.workspace, run_record("one"))
    lab.ghost(boot_id="before")
    with lab.worker() as worker:
        assert worker.run_once(lab.now) == "worked"
    assert [(event["run"], event["from"]) for event in lab.heard("rescued")] == [("one", "ghost")]


def test_reboots_are_no_fault_of_the_runs(lab):
    add_runs(lab.workspace, run_record("one"))
    with Store.open(lab.workspace) as store:
        for boot in range(5):
            lab.now += 100.0  # past the lease as well
            lab.ghost(f"ghost {boot}", boot_id=f"boot {boot}")
            lab.rescuer().rescue(store, lab.now + 99.0)
    assert (lab.run("one").status, lab.run("one").strikes) == ("queued", 0)
    assert [attempt.ended_as for attempt in lab.attempts("one")] == ["released"] * 5
    assert lab.names() == ["rescued"] * 5


def test_a_worker_on_another_host_has_its_lease(lab):
    add_runs(lab.workspace, run_record("one"))
    lab.ghost(host="elsewhere", pid_started=0.0)
    with lab.worker() as worker:
        assert worker.run_once(lab.now + 60.0) == "idle"
        assert worker.run_once(lab.now + 60.1) == "worked"
    assert [attempt.ended_as for attempt in lab.attempts("one")] == ["lost", "done"]


def test_a_live_worker_keeps_its_run_until_the_lease_ends(lab):
    add_runs(lab.workspace, run_record("one"))
    lab.ghost()
    with lab.worker() as worker:
        assert worker.run_once(lab.now + 60.0) == "idle"
        assert worker.run_once(lab.now + 60.1) == "worked"


def test_two_rescuers_make_one_strike(lab):
    add_runs(lab.workspace, run_record("one"))
    lab.dead()
    with Store.open(lab.workspace) as store, Store.open(lab.workspace) as other_store:
        one, two = lab.rescuer(), lab.rescuer()
        one.rescue(store, lab.now)
        two.rescue(other_store, lab.now)
    assert lab.names() == ["rescued"]
    assert lab.run("one").strikes == 1


def test_a_run_whose_workers_keep_dying_is_quarantined(lab):
    add_runs(lab.workspace, run_record("killer"))
    with Store.open(lab.workspace) as store:
        for life in range(3):
            lab.now += 100.0
            assert [claim.attempt for claim in lab.dead(f"ghost {life}")] == [life + 1]
            lab.rescuer().rescue(store, lab.now)
    assert lab.names() == ["rescued", "rescued", "quarantined"]
    assert lab.said[-1]["from"] == "ghost 2"
    assert lab.run("killer").status == "quarantined"


def test_after_a_sleep_others_get_a_beats_time(lab):
    add_runs(lab.workspace, run_record("one"))
    lab.ghost()
    with lab.worker() as worker:
        assert worker.run_once(lab.now) == "idle"
        lab.now += 3600.0  # the lid was closed
        assert worker.run_once(lab.now) == "idle"
        assert worker.run_once(lab.now + 9.0) == "idle"
        assert worker.run_once(lab.now + 10.0) == "worked"


def test_a_rescuer_that_is_always_late_rescues_all_the_same(lab):
    add_runs(lab.workspace, run_record("one"))
    rescuer = lab.rescuer()
    with Store.open(lab.workspace) as store:
        rescuer.rescue(store, lab.now)
        lab.dead()
        rescuer.rescue(store, lab.now + 100.0)
        assert lab.names() == []
        rescuer.rescue(store, lab.now + 200.0)
    assert lab.names() == ["rescued"]
