"""Object tracking against its definition: sequences read step by step, and floors against what is possible."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from rnnctl.tasks.object_tracking import ObjectTracking
from tests.tasks.chance import is_uniform


def task(moves=6, objects=3, grid=5, answer="position", starts="shown", tolerance=0.1):
    return ObjectTracking(moves, moves, objects, grid, answer, tolerance, starts)


def read(column_TV, objects, grid):
    """The objects and cells that the steps of a sequence name; the cell of the last step is not read."""
    named = column_TV[:, :objects].argmax(1).tolist()
    cells = [tuple(round(float(x) * grid) for x in row) for row in column_TV[:, objects:]]
    return named, cells


@pytest.mark.parametrize("starts", ["shown", "hidden"])
@pytest.mark.parametrize("answer", ["position", "cell"])
def test_the_answer_is_where_the_object_was_seen_last(starts, answer):
    one = task(moves=7, objects=3, grid=4, answer=answer, starts=starts)
    batch = one.draw(np.random.default_rng(1), 300)
    steps = 7 + 1 + (3 if starts == "shown" else 0)
    assert batch.inputs.shape == (steps, 300, 5)
    assert batch.inputs.dtype == np.float32
    assert (batch.inputs[:, :, :3].sum(2) == 1).all()
    assert not batch.inputs[-1, :, 3:].any()
    unknown = 0
    for b, target in enumerate(batch.targets):
        named, cells = read(batch.inputs[:, b], 3, 4)
        if starts == "shown":
            assert sorted(named[:3]) == [0, 1, 2]
        at = {}
        for which, (x, y) in zip(named[:-1], cells[:-1], strict=True):
            assert 0 <= x < 4
            assert 0 <= y < 4
            if which in at:
                assert abs(x - at[which][0]) + abs(y - at[which][1]) <= 1
            at[which] = x, y
        if named[-1] not in at:
            unknown += 1
            continue
        x, y = at[named[-1]]
        expected = (x / 4, y / 4) if answer == "position" else x * 4 + y
        assert np.allclose(target, expected)
    assert (unknown > 0) == (starts == "hidden")


def test_moves_are_uniform_and_stop_at_the_border():
    batch = task(moves=1, objects=1, grid=3, answer="cell").draw(np.random.default_rng(2), 30_000)
    counts = Counter()
    for b in range(30_000):
        _, (before, after, _) = read(batch.inputs[:, b], 1, 3)
        counts[before, after] += 1
    ways = Counter()
    for x, y in itertools.product(range(3), repeat=2):
        for dx, dy in ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 0)):
            ways[(x, y), (min(max(x + dx, 0), 2), min(max(y + dy, 0), 2))] += 1
    assert set(counts) == set(ways)
    for pair, number in ways.items():
        share = number / 45
        assert abs(counts[pair] - 30_000 * share) < 6 * math.sqrt(30_000 * share)


def test_the_cell_of_the_answer_is_uniform_whatever_the_object():
    batch = task(moves=9, grid=4, answer="cell").draw(np.random.default_rng(3), 60_000)
    asked = batch.inputs[-1, :, :3].argmax(1)
    assert is_uniform(
        Counter(zip(asked.tolist(), batch.targets.tolist(), strict=True)), itertools.product(range(3), range(16))
    )


def test_the_floor_is_that_of_the_best_constant_and_chance_is_counted():
    one = task(grid=5)
    batch = one.draw(np.random.default_rng(4), 20_000)
    floor = one.baseline([batch])
    assert floor.loss == pytest.approx(one.variance, rel=0.03)
    assert one.variance == pytest.approx(np.var(np.arange(5) / 5))
    targets = batch.targets.astype(np.float64)
    constants = itertools.product(np.linspace(0, 0.8, 17), repeat=2)
    assert min(float(((targets - c) ** 2).mean()) for c in constants) == pytest.approx(floor.loss, abs=1e-3)
    middle = (np.round(targets * 5) == 2).all(1)
    assert floor.error == pytest.approx(1 - middle.mean())
    cells = task(grid=5, answer="cell")
    assert cells.baseline([cells.draw(np.random.default_rng(4), 10)]).loss == pytest.approx(math.log(25))


@pytest.mark.parametrize("moves", [1, 4, 10, 15])
def test_hidden_starts_cost_what_a_reader_with_full_memory_loses(moves):
    """What the seed hides: an object that did not move is unknowable in (2/3)^L of sequences."""
    one = task(moves=moves, starts="hidden")
    batch = one.draw(np.random.default_rng(5), 60_000)
    named = batch.inputs[:-1, :, :3].argmax(2)
    asked = batch.inputs[-1, :, :3].argmax(1)
    unseen = ~(named == asked).any(0)
    share = (2 / 3) ** moves
    assert abs(unseen.mean() - share) < 6 * math.sqrt(share / 60_000)
    losses = np.where(unseen, ((batch.targets - 0.4) ** 2).mean(1), 0.0)
    perfect = one.baseline([batch]).perfect
    assert perfect == pytest.approx(share * 0.08)
    assert abs(losses.mean() - perfect) < 6 * losses.std() / math.sqrt(60_000)
    cells = task(moves=moves, starts="hidden", answer="cell")
    assert cells.baseline([batch]).perfect == pytest.approx(share * math.log(25))
    assert task(moves=moves).baseline([task(moves=moves).draw(np.random.default_rng(5), 5)]).perfect == 0


def test_lengths_are_drawn_and_weighted_by_sequences():
    one = ObjectTracking(2, 5, 3, 5, "cell", 0.1, "hidden")
    rng = np.random.default_rng(6)
    assert is_uniform(Counter(one.draw(rng, 1).length for _ in range(3000)), [3, 4, 5])
    batches = [one.draw(rng, size, length=length) for size, length in ((3, 3), (1, 5))]
    expected = (3 * (2 / 3) ** 2 + (2 / 3) ** 4) / 4 * math.log(25)
    assert one.baseline(batches).perfect == pytest.approx(expected)


def test_equal_generators_draw_equal_batches():
    one, two = (task().draw(np.random.default_rng(7), 8) for _ in range(2))
    assert np.array_equal(one.inputs, two.inputs)
    assert np.array_equal(one.targets, two.targets)
