"""The state machine of store/queue.py, arrow by arrow, and the rules of claiming."""

import random
from dataclasses import replace

import pytest

from store import Conflict, LeaseLost, marks, packs, queries, queue, workers
from store.wanted import Wanted
from tests.store.laboratory import LEASE


def now_backoff(strikes: int) -> float:
    return 0.0


# --- claiming -------------------------------------------------------------------------------------


def test_a_claim_opens_an_attempt_with_a_lease(lab, held):
    job = lab.job(held.run_id)
    assert (job["status"], job["attempt"], job["worker"]) == ("running", 1, "w")
    assert job["lease_until"] == 10.0 + LEASE
    attempt = lab.attempt(held.run_id, 1)
    assert (attempt["worker"], attempt["started"], attempt["ended"]) == ("w", 10.0, None)
    assert (held.spec, held.label, held.total, held.step) == ({"shape": "s", "seed": 0}, "S0", 1000, 0)


def test_jobs_are_claimed_in_the_order_of_registration(lab):
    lab.register("a", *lab.runs(1, shape="t"), *lab.runs(1, start=1), *lab.runs(1))
    lab.start("w")
    claimed = [lab.claim("w")[0].run_id for _ in range(3)]
    assert claimed == ["r1-t00000", "r1-s00001", "r1-s00000"]
    assert lab.claim("w") == []


def test_a_pack_holds_runs_of_one_shape_and_no_more_than_fit(lab):
    lab.register("a", *lab.runs(2), *lab.runs(2, shape="t"), *lab.runs(3, start=2))
    lab.start("w")
    assert [claim.run_id for claim in lab.claim("w", pack=4)] == [f"r1-s0000{i}" for i in range(4)]
    assert [claim.run_id for claim in lab.claim("w", pack=4)] == ["r1-t00000", "r1-t00001"]
    assert [claim.run_id for claim in lab.claim("w", pack=4)] == ["r1-s00004"]


@pytest.mark.parametrize(("queued", "pack", "fair", "taken"), [(7, 8, 2, 4), (7, 3, 2, 3), (1, 8, 4, 1)])
def test_a_pack_leaves_the_other_workers_their_share(lab, queued, pack, fair, taken):
    lab.register("a", *lab.runs(queued))
    lab.start("w")
    assert len(lab.claim("w", pack=pack, fair=fair)) == taken


def test_a_job_with_a_strike_is_claimed_alone_and_the_others_of_its_pack_go_on(lab):
    lab.register("a", *lab.runs(3))
    lab.start("w")
    first, *_ = lab.claim("w", pack=2)
    queue.fail(lab.store, first, "traceback", 11.0, 3, now_backoff)
    assert [claim.run_id for claim in lab.claim("w", now=11.0, pack=3)] == [first.run_id]
    assert [claim.run_id for claim in lab.claim("w", now=11.0, pack=3)] == ["r1-s00002"]


def test_a_pack_stays_together_until_one_more_strike_could_end_a_job(lab):
    lab.register("a", *lab.runs(2))
    lab.start("w")
    for strikes, together in ((0, 2), (1, 2), (2, 1)):
        claims = lab.claim("w", now=20.0, pack=2, alone_from=2)
        assert len(claims) == together, strikes
        for claim in claims:
            queue.fail(lab.store, claim, "traceback", 20.0, 3, now_backoff)


def test_a_job_that_is_put_off_is_not_due_until_then(lab, held):
    queue.fail(lab.store, held, "traceback", 10.0, 3, lambda strikes: 5.0 * strikes)
    assert lab.claim("w", now=14.9) == []
    assert [claim.attempt for claim in lab.claim("w", now=15.0)] == [2]


def test_a_worker_must_be_known_before_it_claims(lab):
    lab.register("a", *lab.runs(1))
    with pytest.raises(Conflict):
        lab.claim("stranger")
    assert lab.status("r1-s00000") == "queued"


# --- arrows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["solved", "budget", "early_stop", "diverged"])
def test_a_commit_with_an_outcome_finishes_the_run(lab, held, outcome):
    lab.commit(held, 100, outcome=outcome, now=30.0)
    job, attempt = lab.job(held.run_id), lab.attempt(held.run_id, 1)
    assert (job["status"], job["outcome"], job["worker"], job["lease_until"]) == ("done", outcome, None, None)
    assert (attempt["ended_as"], attempt["ended"], attempt["end_step"]) == ("done", 30.0, 100)
    assert lab.claim("w") == []


def test_a_release_is_no_strike_and_the_next_attempt_goes_on_from_the_checkpoint(lab, held):
    lab.commit(held, 100)
    queue.beat(lab.store, "w", [(held, 130)], 25.0, LEASE, extend=True)
    queue.release(lab.store, held, 30.0)
    job, attempt = lab.job(held.run_id), lab.attempt(held.run_id, 1)
    assert (job["status"], job["strikes"], job["step"]) == ("queued", 0, 100)
    assert (attempt["ended_as"], attempt["end_step"]) == ("released", 130)
    (again,) = lab.claim("w", now=30.0)
    assert (again.attempt, again.step) == (2, 100)


def test_releasing_from_workers_takes_all_they_hold_without_a_strike(lab):
    lab.register("a", *lab.runs(4))
    for worker in "uvw":
        lab.start(worker)
    queue.fail(lab.store, lab.claim("u")[0], "traceback", 11.0, 3, now_backoff)
    mine = [*lab.claim("u", now=11.0), *lab.claim("v", now=11.0, pack=2)]
    (theirs,) = lab.claim("w", now=11.0)
    actual = queue.release_from(lab.store, ["u", "v", "unknown"], 12.0)
    assert [(held.run_id, held.attempt, held.worker) for held in actual] == [
        (claim.run_id, claim.attempt, claim.worker) for claim in mine
    ]
    assert [(lab.status(claim.run_id), lab.job(claim.run_id)["strikes"]) for claim in mine] == [
        ("queued", 1),  # of before
        ("queued", 0),
        ("queued", 0),
    ]
    assert {lab.attempt(claim.run_id, claim.attempt)["ended_as"] for claim in mine} == {"released"}
    assert lab.status(theirs.run_id) == "running"
    assert [worker.id for worker in workers.current(lab.store)] == ["w"]
    assert queue.release_from(lab.store, ["u", "v"], 13.0) == []


@pytest.mark.parametrize("how", ["released", "rescued", "ended"])
def test_a_worker_that_has_ended_claims_nothing(lab, how):
    lab.register("a", *lab.runs(2))
    lab.start("w")
    lab.start("v")
    lab.claim("w")
    if how == "released":
        queue.release_from(lab.store, ["w"], 20.0)
    elif how == "rescued":
        lab.rescue(20.0, "w")
    else:
        workers.end(lab.store, "w", 20.0)
    before = lab.everything()
    assert lab.claim("w", now=30.0, pack=2) == []
    assert lab.everything() == before
    assert lab.claim("v", now=30.0, pack=2, alone_from=3) != []


def test_jobs_are_pending_while_they_are_queued_or_running(lab):
    assert queue.pending(lab.store) is False
    lab.register("a", *lab.runs(1))
    assert queue.pending(lab.store) is True
    lab.start("w")
    (claim,) = lab.claim("w")
    assert queue.pending(lab.store) is True
    lab.commit(claim, 10, outcome="solved")
    assert queue.pending(lab.store) is False


def test_exceptions_up_to_the_limit_fail_the_run_and_keep_the_traceback(lab, held):
    statuses = []
    for n in range(1, 4):
        statuses.append(queue.fail(lab.store, held, f"traceback {n}", 20.0, 3, now_backoff))
        if n < 3:
            (held,) = lab.claim("w", now=20.0)
    assert statuses == ["queued", "queued", "failed"]
    assert lab.job(held.run_id)["error"] == "traceback 3"
    assert [a.error for a in queries.attempts(lab.store, held.run_id)] == [f"traceback {n}" for n in (1, 2, 3)]
    assert lab.claim("w", now=1e9) == []


def test_crashes_up_to_the_limit_quarantine_the_run(lab):
    lab.register("a", *lab.runs(1))
    for n in range(1, 4):
        lab.start(f"w{n}")
        lab.claim(f"w{n}", now=10.0 * n)
        (rescued,) = lab.rescue(10.0 * n, f"w{n}")
        assert (rescued.ended_as, rescued.strikes, rescued.attempt) == ("crashed", n, n)
    assert rescued.status == lab.status("r1-s00000") == "quarantined"
    assert lab.claim("w3", now=1e9) == []


def test_a_checkpoint_beyond_the_start_takes_strikes_back_and_one_at_the_start_does_not(lab, held):
    lab.commit(held, 100)
    queue.fail(lab.store, held, "traceback", 20.0, 3, now_backoff)
    (held,) = lab.claim("w", now=20.0)
    lab.commit(held, 100)
    assert lab.job(held.run_id)["strikes"] == 1
    lab.commit(held, 101)
    assert lab.job(held.run_id)["strikes"] == 0


def test_only_lapsed_leases_and_dead_workers_are_rescued(lab):
    lab.register("a", *lab.runs(3))
    for worker in ("alive", "dead", "silent"):
        lab.start(worker)
    alive, dead, silent = (lab.claim(worker)[0] for worker in ("alive", "dead", "silent"))
    queue.beat(lab.store, "alive", [(alive, 1)], 60.0, LEASE, extend=True)
    assert [(r.run_id, r.ended_as) for r in lab.rescue(60.0, "dead")] == [(dead.run_id, "crashed")]
    assert [(r.run_id, r.ended_as) for r in lab.rescue(71.0)] == [(silent.run_id, "lost")]
    assert lab.status(alive.run_id) == "running"
    assert [worker.id for worker in workers.current(lab.store)] == ["alive", "silent"]


def test_cancelling_ends_queued_and_running_runs_and_leaves_finished_ones(lab):
    lab.register("a", *lab.runs(3))
    lab.start("w")
    done, running = lab.claim("w")[0], lab.claim("w")[0]
    lab.commit(done, 10, outcome="solved")
    ids = [run.run_id for run in lab.runs(3)]
    assert sorted(queue.cancel(lab.store, ids, 30.0)) == [running.run_id, "r1-s00002"]
    assert [lab.status(run_id) for run_id in ids] == ["done", "cancelled", "cancelled"]
    assert lab.attempt(running.run_id, 1)["ended_as"] == "cancelled"
    assert lab.claim("w") == []


def test_retrying_forgives_strikes_and_leaves_what_was_cancelled_unless_it_is_named(lab):
    lab.register("a", *lab.runs(3))
    lab.start("w")
    failed, crashed = lab.claim("w", pack=2)
    queue.fail(lab.store, failed, "traceback", 11.0, 1, lambda strikes: 1e9)
    lab.rescue(11.0, "w", limit=1)
    queue.cancel(lab.store, ["r1-s00002"], 12.0)
    assert sorted(queue.retry(lab.store)) == [failed.run_id, crashed.run_id]
    job = lab.job(failed.run_id)
    assert (job["status"], job["strikes"], job["not_before"], job["error"]) == ("queued", 0, 0.0, None)
    assert queue.retry(lab.store, ["r1-s00002"]) == ["r1-s00002"]
    assert queries.counts(lab.store)["queued"] == 3


def test_retrying_leaves_queued_running_and_finished_runs_alone(lab):
    lab.register("a", *lab.runs(3))
    lab.start("w")
    lab.commit(lab.claim("w")[0], 10, outcome="solved")
    lab.claim("w")
    before = lab.everything()
    assert queue.retry(lab.store, [run.run_id for run in lab.runs(3)]) == []
    assert lab.everything() == before


# --- heartbeat ------------------------------------------------------------------------------------


def test_a_beat_extends_the_lease_and_stamps_progress_only_where_there_is_some(lab):
    lab.register("a", *lab.runs(2))
    lab.start("w")
    first, second = lab.claim("w", pack=2)
    held = queue.beat(lab.store, "w", [(first, 5), (second, 0)], 20.0, LEASE, extend=True)
    assert held == {first.run_id, second.run_id}
    jobs = [lab.job(claim.run_id) for claim in (first, second)]
    assert [(job["lease_until"], job["step"], job["progress_at"]) for job in jobs] == [
        (80.0, 5, 20.0),
        (80.0, 0, 10.0),
    ]
    assert workers.current(lab.store)[0].beat_at == 20.0


def test_a_beat_without_progress_can_let_the_lease_run_out(lab, held):
    assert queue.beat(lab.store, "w", [(held, 0)], 69.0, LEASE, extend=False) == {held.run_id}
    assert [rescued.ended_as for rescued in lab.rescue(70.5)] == ["lost"]


def test_a_beat_says_which_runs_were_lost_and_keeps_the_others(lab):
    lab.register("a", *lab.runs(2))
    lab.start("w")
    first, second = lab.claim("w", pack=2)
    queue.cancel(lab.store, [first.run_id], 15.0)
    assert queue.beat(lab.store, "w", [(first, 5), (second, 5)], 20.0, LEASE, extend=True) == {second.run_id}


# --- where the bits come from ---------------------------------------------------------------------


def test_an_attempt_is_exact_if_its_checkpoint_comes_from_an_environment_with_the_same_bits(lab):
    lab.register("a", *lab.runs(1))
    lab.start("w", {"bits": {"torch": "1"}, "commit": "x"})
    lab.start("same", {"bits": {"torch": "1"}, "commit": "y"})
    lab.start("other", {"bits": {"torch": "2"}, "commit": "x"})
    exact = []
    for worker, step in (("w", 10), ("same", 20), ("other", None), ("other", 30), ("other", 40)):
        (claim,) = lab.claim(worker)
        exact.append(claim.exact)
        if step:
            lab.commit(claim, step)
        queue.release(lab.store, claim, 20.0)
    assert exact == [True, True, False, False, True]
    assert [attempt.exact for attempt in queries.attempts(lab.store, claim.run_id)] == exact
    assert not queries.runs_of(lab.store)[0].exact


# --- all of it, in any order ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_a_run_has_one_open_attempt_exactly_while_it_runs(lab, seed):
    chance = random.Random(seed)
    ids = [run.run_id for run in lab.runs(6)]
    lab.register("a", *(replace(run, shape=chance.choice("st")) for run in lab.runs(6)))
    for worker in "uvw":
        lab.start(worker)
    claims, steps = [], dict.fromkeys(ids, 0)
    for now in range(10, 260):
        action = chance.choice(
            ["claim", "claim", "commit", "done", "release", "fail", "rescue", "kill", "cancel", "retry"]
        )
        try:
            if action == "claim":
                claims += lab.claim(chance.choice("uvw"), now, pack=2)
            elif action == "rescue":
                lab.rescue(now, *chance.sample("uvw", chance.randint(0, 1)))
            elif action == "kill":
                queue.release_from(lab.store, chance.sample("uvw", 1), now)
            elif action == "cancel":
                queue.cancel(lab.store, [chance.choice(ids)], now)
            elif action == "retry":
                queue.retry(lab.store, chance.sample(ids, 3))
            elif claims:
                claim = chance.choice(claims)  # a current one or one that was lost long ago
                if action == "release":
                    queue.release(lab.store, claim, now)
                elif action == "fail":
                    queue.fail(lab.store, claim, "traceback", now, 3, now_backoff)
                else:
                    outcome = "budget" if action == "done" and chance.random() < 0.2 else None
                    lab.commit(claim, steps[claim.run_id] + 1, outcome=outcome, now=now)
                    steps[claim.run_id] += 1
        except LeaseLost:
            pass
        open_attempts = lab.store.rows("SELECT run_id, attempt, worker FROM attempts WHERE ended IS NULL")
        running = lab.store.rows("SELECT run_id, attempt, worker FROM jobs WHERE status = 'running'")
        assert sorted(map(tuple, open_attempts)) == sorted(map(tuple, running))
    numbers = lab.store.rows("SELECT count(*), max(attempt) FROM attempts GROUP BY run_id")
    assert all(count == highest for count, highest in numbers)
    assert lab.everything()[1].keys() == {
        str(lab.folder / row["path"]) for row in lab.store.rows("SELECT path FROM checkpoints WHERE status = 'live'")
    }


def test_only_wanted_runs_are_taken_counted_and_waited_for(lab):
    lab.register("a", *lab.runs(2))
    lab.register("b", *lab.runs(3, start=1))  # shares a run with a
    lab.register("c", *lab.runs(1, shape="t"))
    lab.start("w")
    only_b = Wanted(studies=("b",))
    a_run = Wanted(studies=("c",), runs=("r1-s00003",))
    assert [queries.queued(lab.store, wanted).runs for wanted in (Wanted(), only_b, a_run)] == [5, 3, 2]
    assert queries.queued(lab.store, only_b, besides=["r1-s00000", "r1-s00001"]) == (2, 2000, 0)
    assert packs.due_shapes(lab.store, packs.Terms(10.0, 2, wanted=only_b), 9) == ["s"]
    assert packs.due_shapes(lab.store, packs.Terms(10.0, 2, wanted=a_run), 9) == ["s", "t"]
    taken = queue.claim(lab.store, "w", 10.0, 60.0, lambda shape: 9, 1, 2, wanted=only_b)
    assert [claim.run_id for claim in taken] == ["r1-s00001", "r1-s00002", "r1-s00003"]
    assert queue.pending(lab.store, only_b)  # a running run may come back
    for claim in taken:
        lab.commit(claim, 1000, outcome="budget")
    assert not queue.pending(lab.store, only_b)
    assert queue.pending(lab.store, a_run)
    counts = queries.counts(lab.store, wanted=a_run)
    assert (counts["queued"], counts["done"], sum(counts.values())) == (1, 1, 2)
    assert queue.claim(lab.store, "w", 10.0, 60.0, lambda shape: 9, 1, 2, wanted=only_b) == []
    assert [claim.run_id for claim in lab.claim("w", pack=9)] == ["r1-s00000"]  # others still see it


def test_a_wanted_study_means_the_runs_that_it_shows(lab):
    lab.register("a", *lab.runs(2))
    lab.register("a", *lab.runs(1))
    lab.start("w")
    wanted = Wanted(studies=("a",))
    assert queries.queued(lab.store, wanted).runs == 1
    marks.archive(lab.store, "a", 5.0)
    assert not queue.pending(lab.store, wanted)
