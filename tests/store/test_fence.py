"""Who has lost a run writes nothing to it: no row, no file, whatever the way it was lost."""

import pytest

from store import LeaseLost, checkpoints, commits, queue
from store.checkpoints import Resumption
from tests.checks import CheckRow


def rescued(lab, claim):
    lab.rescue(1000.0)


def rescued_and_taken_by_another(lab, claim):
    lab.rescue(1000.0)
    lab.claim("other", now=1000.0)


def rescued_and_taken_again_by_the_same(lab, claim):
    lab.rescue(1000.0)
    lab.claim("w", now=1000.0)


def taken_and_finished_by_another(lab, claim):
    lab.rescue(1000.0)
    (theirs,) = lab.claim("other", now=1000.0)
    lab.commit(theirs, 200, [CheckRow(200, {"nll": 0.1})], outcome="solved")


def cancelled(lab, claim):
    queue.cancel(lab.store, [claim.run_id], 1000.0)


def released(lab, claim):
    queue.release(lab.store, claim, 1000.0)


def released_from_its_worker(lab, claim):
    queue.release_from(lab.store, ["w"], 1000.0)


def commit(lab, claim):
    lab.commit(claim, 150, [CheckRow(150, {"nll": 9.0})], now=1001.0)


def finish(lab, claim):
    lab.commit(claim, 150, [CheckRow(150, {"nll": 9.0})], outcome="diverged", now=1001.0)


def release(lab, claim):
    queue.release(lab.store, claim, 1001.0)


def fail(lab, claim):
    queue.fail(lab.store, claim, "traceback", 1001.0, 3, lambda strikes: 0.0)


def rewind(lab, claim):
    commits.rewind(lab.store, claim, Resumption(None, []))


LOSSES = [
    rescued,
    rescued_and_taken_by_another,
    rescued_and_taken_again_by_the_same,
    taken_and_finished_by_another,
    cancelled,
    released,
    released_from_its_worker,
]


@pytest.fixture
def stale(lab, request):
    """A claim that was good for one commit and was then lost."""
    lab.register("a", *lab.runs(1))
    lab.start("w")
    lab.start("other")
    (claim,) = lab.claim("w")
    lab.commit(claim, 100, [CheckRow(100, {"nll": 1.0})])
    request.param(lab, claim)
    return claim


@pytest.mark.parametrize("write", [commit, finish, release, fail, rewind])
@pytest.mark.parametrize("stale", LOSSES, indirect=True)
def test_a_lost_lease_writes_nothing(lab, stale, write):
    before = lab.everything()
    with pytest.raises(LeaseLost, match="run r1-s00000 is no longer held by attempt 1"):
        write(lab, stale)
    assert lab.everything() == before


@pytest.mark.parametrize("stale", LOSSES, indirect=True)
def test_a_beat_for_a_lost_run_changes_nothing_but_the_workers_own_stamp(lab, stale):
    before = lab.job(stale.run_id)
    assert queue.beat(lab.store, "w", [(stale, 170)], 1001.0, 60.0, extend=True) == set()
    assert lab.job(stale.run_id) == before


def test_a_lapsed_lease_that_nobody_took_yet_is_still_held(lab):
    lab.register("a", *lab.runs(1))
    lab.start("w")
    (claim,) = lab.claim("w")
    lab.commit(claim, 100, now=5000.0)
    assert queue.beat(lab.store, "w", [(claim, 100)], 5001.0, 60.0, extend=True) == {claim.run_id}
    assert lab.rescue(5002.0) == []
    assert checkpoints.newest_sound(lab.store, claim.run_id).checkpoint.step == 100
