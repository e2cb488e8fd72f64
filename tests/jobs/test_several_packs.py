"""A worker that executes several packs in one session."""

import pytest

from jobs.session import NeverFits, OutOfMemory, PackFailed
from store import Busy, DiskFull
from tests.jobs import toy
from tests.jobs.toy import run_record


def up_to(packs):
    """Whether there is room for another pack, where there is for so many."""
    return lambda claims: len({claim.shape for claim in claims}) < packs


def records(**shapes):
    """Runs a0, a1, ... of shape a and so on: for each shape, how many."""
    return [run_record(f"{shape}{i}", shape) for shape, count in shapes.items() for i in range(count)]


def claimed(bench):
    return [[run["run"] for run in event["runs"]] for event in bench.heard("claimed")]


def fails(run_ids, error):
    """An execute that trains nothing and says that these runs failed."""

    def execute(session):
        raise PackFailed(error, run_ids) from error

    return execute


def statuses(ledger):
    return {run_id: (job.status, job.strikes) for run_id, job in ledger.jobs.items()}


def test_a_worker_without_a_rule_takes_one_pack(bench, ledger_of):
    ledger_of(*records(a=2, b=2))
    with bench.worker(packs=8) as worker:
        worker.run_once(bench.now)
    assert claimed(bench) == [["a0", "a1"]]


def test_packs_of_other_shapes_are_added_while_there_is_room(bench, ledger_of):
    ledger = ledger_of(*records(a=3, b=1, c=4, d=1))
    asked = []

    def more(claims):
        asked.append(len(claims))
        return up_to(3)(claims)

    with bench.worker(packs=2, more=more) as worker:
        worker.run()
    assert claimed(bench) == [["a0", "a1", "b0", "c0", "c1"], ["a2", "c2", "c3", "d0"]]
    assert asked[:4] == [2, 2, 3, 5]
    assert statuses(ledger) == dict.fromkeys(ledger.jobs, ("done", 0))


def test_the_limit_of_a_pack_knows_the_runs_before_it(bench, ledger_of):
    ledger_of(*records(a=2, b=4, c=4))
    with bench.worker(more=up_to(3)) as worker:
        worker._room._max_pack = lambda shape, claims: 5 - len(claims)
        worker.run_once(bench.now)
        worker.run_once(bench.now)
    assert claimed(bench) == [["a0", "a1", "b0", "b1", "b2"], ["b3", "c0", "c1", "c2", "c3"]]


def test_no_pack_is_added_where_none_of_its_runs_fits(bench, ledger_of):
    ledger_of(*records(a=1, b=1))
    with bench.worker(more=up_to(3)) as worker:
        worker._room._max_pack = lambda shape, claims: 0 if claims else 1
        worker.run_once(bench.now)
    assert claimed(bench) == [["a0"]]


@pytest.mark.parametrize(("peers", "share"), [(1, 5), (2, 3), (3, 2), (5, 1), (9, 1)])
def test_a_worker_leaves_the_others_their_share_of_the_shapes(bench, ledger_of, peers, share):
    ledger_of(*records(a=1, b=1, c=1, d=1, e=1))
    with bench.worker(packs=8, peers=peers, more=up_to(64)) as worker:
        worker.run_once(bench.now)
    assert [len(pack) for pack in claimed(bench)] == [share]


def test_shapes_that_another_worker_has_just_taken_are_passed_over(bench, ledger_of):
    ledger = ledger_of(*records(a=1, b=1, c=1, d=1))
    due_shapes = ledger.due_shapes

    def overtaken(now, settings, most):
        due = due_shapes(now, settings, most)
        ledger.claim("ghost", now, settings, lambda shape: 1, 1, "c")
        return due

    bench.ghost("ghost")  # takes a0
    ledger.due_shapes = overtaken
    with bench.worker(more=up_to(64)) as worker:
        worker.run_once(bench.now)
    assert claimed(bench) == [["b0", "d0"]]


def test_a_run_that_one_more_strike_would_end_is_executed_alone(bench, ledger_of):
    ledger = ledger_of(*records(a=2, b=1, c=1))
    for run_id in ("a0", "b0"):
        ledger.jobs[run_id].strikes = 2
    with bench.worker(packs=8, more=up_to(64)) as worker:
        worker.run()
    assert claimed(bench) == [["a0"], ["a1", "c0"], ["b0"]]


@pytest.mark.parametrize("error", [Busy("locked"), DiskFull("no room left")])
def test_a_store_that_fails_between_two_packs_leaves_no_run_behind(bench, ledger_of, error):
    ledger = ledger_of(*records(a=1, b=1))

    def more(claims):
        ledger.refusals.append(error)
        return True

    with bench.worker(more=more) as worker:
        assert worker.run_once(bench.now) == "worked"
    assert statuses(ledger) == {"a0": ("done", 0), "b0": ("queued", 0)}


def test_a_failure_of_one_pack_strikes_its_runs_only(bench, ledger_of):
    ledger = ledger_of(*records(a=2, b=1, c=1))

    def execute(session):
        session.commit("a1", 20, lambda file: file.write(b"x"), [], {}, "solved")
        session.commit("c0", 5, lambda file: file.write(b"x"), [], {})
        try:
            raise ArithmeticError("a never works")
        except ArithmeticError as error:
            raise PackFailed(error, ["a0", "a1"]) from error

    with bench.worker(execute, packs=8, more=up_to(3)) as worker:
        worker.run_once(bench.now)
    assert statuses(ledger) == {"a0": ("queued", 1), "a1": ("done", 0), "b0": ("queued", 0), "c0": ("queued", 0)}
    assert ledger.jobs["a0"].error.startswith("Traceback")
    assert ledger.jobs["a0"].error.endswith("ArithmeticError: a never works\n")
    assert "PackFailed" not in ledger.jobs["a0"].error
    assert [event["run"] for event in bench.heard("released")] == ["b0", "c0"]
    assert ledger.jobs["c0"].step == 5


def test_a_pack_that_fails_again_and_again_does_not_keep_the_others_from_ending(bench, ledger_of):
    bad = run_record("bad", "a", trouble="raise")
    ledger = ledger_of(bad, *records(b=2, c=1))

    def execute(session):
        if any(claim.run_id == "bad" for claim in session.claims):
            raise PackFailed(ArithmeticError("never"), ["bad"])
        toy.execute(session)

    with bench.worker(execute, packs=8, more=up_to(3)) as worker:
        bench.finish(worker)
    assert statuses(ledger) == {"bad": ("failed", 3)} | dict.fromkeys(("b0", "b1", "c0"), ("done", 0))


def test_a_store_that_fails_in_one_pack_strikes_nobody(bench, ledger_of):
    ledger = ledger_of(*records(a=1, b=1))
    with pytest.raises(DiskFull), bench.worker(fails(["a0"], DiskFull("no room left")), more=up_to(2)) as worker:
        worker.run_once(bench.now)
    assert statuses(ledger) == {"a0": ("queued", 0), "b0": ("queued", 0)}


def test_out_of_memory_halves_the_packs_of_one_shape_only(bench, ledger_of):
    ledger = ledger_of(*records(a=3, b=4, c=4))
    with bench.worker(fails(["b0", "b1", "b2", "b3"], OutOfMemory("no room")), packs=8, more=up_to(3)) as worker:
        worker.run_once(bench.now)
        assert set(statuses(ledger).values()) == {("queued", 0)}
        worker._execute = toy.execute
        worker.run_once(bench.now)
    assert claimed(bench)[1] == ["a0", "a1", "a2", "b0", "b1", "c0", "c1", "c2", "c3"]
    [event] = bench.heard("out_of_memory")
    assert (event["unit"], event["size"], event["most"], event["error"]) == ("runs", 4, 2, "no room")


def test_out_of_memory_with_packs_of_one_run_halves_the_number_of_packs(bench, ledger_of):
    ledger = ledger_of(*records(a=1, b=1, c=1, d=1, e=1))
    with bench.worker(fails(["c0"], OutOfMemory("no room")), packs=8, more=up_to(64)) as worker:
        worker.run_once(bench.now)
        worker._execute = fails(["a0"], OutOfMemory("no room"))
        worker.run_once(bench.now)
        assert set(statuses(ledger).values()) == {("queued", 0)}
        worker.run_once(bench.now)
    assert [len(pack) for pack in claimed(bench)] == [5, 2, 1]
    halved = [(event["unit"], event["size"], event["most"]) for event in bench.heard("out_of_memory")]
    assert halved == [("packs", 5, 2), ("packs", 2, 1)]
    assert statuses(ledger)["a0"] == ("queued", 1)  # alone it does not fit either
    assert ledger.jobs["a0"].error == "no room"


def test_runs_that_never_fit_fail_at_once_and_the_others_go_on(bench, ledger_of):
    ledger = ledger_of(*records(a=2, b=1))
    with bench.worker(fails(["a0", "a1"], NeverFits("too large")), packs=8, more=up_to(3)) as worker:
        worker.run_once(bench.now)
        assert statuses(ledger) == {"a0": ("failed", 1), "a1": ("failed", 1), "b0": ("queued", 0)}
        worker._execute = toy.execute
        assert [worker.run_once(bench.now) for _ in range(2)] == ["worked", "empty"]
    assert ledger.jobs["a0"].error == "too large"
    assert ledger.jobs["b0"].status == "done"
    assert bench.heard("out_of_memory") == []


def test_a_drain_releases_the_runs_of_all_packs(bench, ledger_of):
    ledger = ledger_of(*records(a=2, b=1, c=1))

    def drain_soon(session):
        bench.stop.set()
        toy.execute(session)

    with bench.worker(drain_soon, packs=8, more=up_to(3)) as worker:
        worker.run()
    assert statuses(ledger) == dict.fromkeys(ledger.jobs, ("queued", 0))
    assert {job.step for job in ledger.jobs.values()} == {1}
