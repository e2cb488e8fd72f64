"""Runs of a higher priority are claimed first."""

import random

import pytest

from store import marks, packs, priorities, queries, queue
from store.priorities import WaitingRuns
from store.wanted import ALL, Wanted


def claimed(lab, pack=1, fair=1):
    """Return the runs of all claims that can be made, in order."""
    order = []
    while pack_of_runs := lab.claim("w", pack=pack, fair=fair):
        order.append([claim.run_id.removeprefix("r1-") for claim in pack_of_runs])
    return order


@pytest.fixture
def two(lab):
    """Studies a and b with two runs each, s and t by shape, and a worker."""
    lab.register("a", *lab.runs(2))
    lab.register("b", *lab.runs(2, shape="t"))
    lab.start("w")
    return lab


def test_runs_of_a_higher_priority_are_claimed_first_and_those_of_a_lower_one_last(two):
    assert priorities.give(two.store, Wanted(studies=("b",)), 5, 1.0) == 2
    assert priorities.give(two.store, Wanted(runs=("r1-s00000",)), -1, 1.0) == 1
    assert claimed(two) == [["t00000"], ["t00001"], ["s00001"], ["s00000"]]


def test_the_order_of_registration_decides_among_equal_priorities_and_0_takes_a_priority_away(two):
    priorities.give(two.store, ALL, 5, 1.0)
    priorities.give(two.store, Wanted(studies=("b",)), 7, 2.0)
    priorities.give(two.store, ALL, 0, 3.0)
    assert priorities.levels(two.store) == [0]
    assert claimed(two) == [["s00000"], ["s00001"], ["t00000"], ["t00001"]]


def test_a_pack_begins_with_the_first_priority_and_takes_others_of_its_shape(lab):
    lab.register("a", *lab.runs(1, shape="t"), *lab.runs(5))
    lab.start("w")
    priorities.give(lab.store, Wanted(runs=("r1-s00004",)), 2, 1.0)
    priorities.give(lab.store, Wanted(runs=("r1-s00003",)), 1, 1.0)
    assert claimed(lab, pack=3) == [["s00004", "s00003", "s00000"], ["t00000"], ["s00001", "s00002"]]


def test_workers_share_the_runs_of_all_priorities(lab):
    lab.register("a", *lab.runs(4))
    lab.start("w")
    priorities.give(lab.store, Wanted(runs=("r1-s00003",)), 2, 1.0)
    assert claimed(lab, pack=8, fair=2) == [["s00003", "s00000"], ["s00001"], ["s00002"]]


def test_shapes_come_in_the_order_of_their_first_runs(two):
    terms = packs.Terms(10.0, 1)
    assert packs.due_shapes(two.store, terms, 8) == ["s", "t"]
    priorities.give(two.store, Wanted(runs=("r1-t00001",)), 5, 1.0)
    assert packs.due_shapes(two.store, terms, 8) == ["t", "s"]
    assert packs.due_shapes(two.store, terms, 1) == ["t"]


def test_a_priority_stays_when_a_run_is_handed_back_and_done_runs_get_none(two):
    priorities.give(two.store, Wanted(runs=("r1-t00001",)), 5, 1.0)
    (claim,) = two.claim("w")
    queue.release(two.store, claim, 11.0)
    (claim,) = two.claim("w")
    assert (claim.run_id, claim.attempt) == ("r1-t00001", 2)
    two.commit(claim, 20, outcome="budget")
    assert priorities.give(two.store, ALL, 9, 12.0) == 3
    assert priorities.of_run(two.store, "r1-t00001") == 5


def test_runs_that_no_study_shows_keep_their_priority(two):
    marks.archive(two.store, "b", 1.0)
    assert priorities.give(two.store, ALL, 5, 2.0) == 2
    assert priorities.of_run(two.store, "r1-t00000") == 0


def test_what_waits_is_listed_in_the_order_of_claims(two):
    assert priorities.waiting(two.store) == []
    priorities.give(two.store, Wanted(runs=("r1-t00001",)), 5, 1.0)
    assert priorities.waiting(two.store) == [WaitingRuns(5, "b", 1), WaitingRuns(0, "a", 2), WaitingRuns(0, "b", 1)]
    two.claim("w")
    assert priorities.waiting(two.store) == []


def test_any_priorities_give_the_order_of_a_sorted_list(lab):
    drawn = random.Random(3)
    lab.register("a", *lab.runs(40))
    lab.start("w")
    ids = [row.run_id for row in queries.runs_of(lab.store)]
    given = {run_id: drawn.choice([-2, -1, 0, 0, 1, 1, 3]) for run_id in ids}
    for run_id, priority in given.items():
        priorities.give(lab.store, Wanted(runs=(run_id,)), priority, 1.0)
    expected = sorted(ids, key=lambda run_id: -given[run_id])
    assert [f"r1-{run_id}" for (run_id,) in claimed(lab)] == expected
