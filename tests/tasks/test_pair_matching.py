"""Pair matching against its definition, and its floor against counts."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from rnnctl.study.run import RunSpec
from rnnctl.tasks.pair_matching import PairMatching
from tests.tasks.chance import is_uniform


def task(blank=0, symbols=6, pairs=2, direction="forward", blanks="before"):
    return PairMatching(blank, blank, symbols, pairs, direction, blanks)


@pytest.mark.parametrize("blank", [0, 1, 5])
@pytest.mark.parametrize("blanks", ["before", "after"])
@pytest.mark.parametrize("direction", ["forward", "either"])
def test_the_answer_is_the_partner_of_the_query(direction, blanks, blank):
    batch = task(blank, 9, 3, direction, blanks).draw(np.random.default_rng(1), 400)
    assert batch.inputs.shape == (7 + blank, 400, 10)
    seconds = 0
    for column, target in zip(batch.inputs.transpose(1, 0, 2), batch.targets, strict=True):
        shown = [int(row.argmax()) for row in column[:6]]
        assert (column[:6].sum(1) == 1).all()
        assert not column[:6, 9].any()
        assert len(set(shown)) == 6
        (query,) = np.flatnonzero(column[:, 9])
        assert query == (len(column) - 1 if blanks == "before" else 6)
        assert column.sum() == 8
        place = shown.index(int(column[query, :9].argmax()))
        assert target == shown[place ^ 1]
        seconds += place % 2
    assert (seconds > 0) == (direction == "either")


def test_the_setting_of_the_seed_is_there():
    """Ten steps: two pairs, the query at step 4, five blank steps, the answer at the last."""
    section = {"name": "pair_matching", "min_length": 5, "max_length": 5, "direction": "either", "blanks": "after"}
    one = RunSpec.model_validate({"task": section}).task.make()
    batch = one.draw(np.random.default_rng(2), 5)
    assert batch.inputs.shape == (10, 5, 21)
    assert batch.inputs[4, :, 20].all()
    assert not batch.inputs[5:].any()


@pytest.mark.parametrize(("blanks", "blank", "guesses"), [("before", 3, 5), ("after", 0, 5), ("after", 3, 6)])
def test_the_floor_is_a_guess_among_the_symbols_that_can_be_the_answer(blanks, blank, guesses):
    one = task(blank, blanks=blanks, direction="either")
    batch = one.draw(np.random.default_rng(3), 60_000)
    floor = one.baseline([batch])
    assert floor.loss == pytest.approx(math.log(guesses))
    assert floor.error == pytest.approx(1 - 1 / guesses)
    seen = [tuple(row) for row in batch.inputs[-1].tolist()]
    pairs = Counter(zip(seen, batch.targets.tolist(), strict=True))
    assert len(pairs) == len(set(seen)) * guesses
    assert is_uniform(pairs, list(pairs))


@pytest.mark.parametrize(("direction", "candidates"), [("forward", 2), ("either", 3)])
def test_the_plateau_is_what_knowing_the_symbols_leaves(direction, candidates):
    one = task(direction=direction)
    ((loss, _),) = one.plateaus
    assert loss == pytest.approx(math.log(candidates))
    batch = one.draw(np.random.default_rng(4), 40_000)
    # Sorted by nothing but what they are: the set of symbols that can be the answer, without their order.
    places = Counter()
    for column, target in zip(batch.inputs.transpose(1, 0, 2), batch.targets, strict=True):
        shown = [int(row.argmax()) for row in column[:4]]
        query = int(column[-1, :6].argmax())
        others = sorted(s for s in (shown[1::2] if direction == "forward" else shown) if s != query)
        places[others.index(int(target))] += 1
    assert is_uniform(places, range(candidates))


def test_floors_of_several_lengths_are_weighted_by_sequences():
    one = PairMatching(0, 3, 6, 2, "forward", "after")
    rng = np.random.default_rng(5)
    batches = [one.draw(rng, 1, length=5), one.draw(rng, 3, length=7)]
    assert one.baseline(batches).loss == pytest.approx((math.log(5) + 3 * math.log(6)) / 4)
    assert one.max_steps == 8
    assert {one.draw(rng, 1).length for _ in range(100)} == {5, 6, 7}


def test_one_pair_has_no_plateau_and_equal_generators_draw_equal_batches():
    assert task(pairs=1).plateaus == ()
    one, two = (task().draw(np.random.default_rng(6), 8) for _ in range(2))
    assert np.array_equal(one.inputs, two.inputs)
    assert np.array_equal(one.targets, two.targets)


def test_too_many_pairs_for_the_symbols_are_refused():
    with pytest.raises(ValueError, match="4 pairs take 8 different symbols, and symbols is 7"):
        RunSpec.model_validate({"task": {"name": "pair_matching", "pairs": 4, "symbols": 7}})
