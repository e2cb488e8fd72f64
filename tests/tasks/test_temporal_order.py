"""The generator against its definition: classes decoded from the sequences, positions and symbols counted by brute
force.
"""

import math
from collections import Counter

import numpy as np
import pytest

from rnnctl.tasks.temporal_order import TemporalOrder
from tests.tasks.chance import is_uniform

TASKS = [("temporal_order", (0.1, 0.5)), ("temporal_order_3", (0.1, 0.3, 0.6))]


@pytest.mark.parametrize(("name", "starts"), TASKS)
@pytest.mark.parametrize("length", [10, 19, 20, 49, 99, 199])
def test_relevant_symbols_stand_in_their_windows_and_make_the_class(name, starts, length):
    batch = TemporalOrder(name, length, length).draw(np.random.default_rng(0), 400)
    window = int(0.1 * length)
    for column, target in zip(batch.inputs.T, batch.targets, strict=True):
        positions = np.flatnonzero(column < 2)
        assert len(positions) == len(starts)
        for position, start in zip(positions, starts, strict=True):
            assert int(start * length) <= position < int(start * length) + window
        assert target == sum(int(column[p]) * 2**k for k, p in enumerate(positions))


@pytest.mark.parametrize(("name", "starts"), TASKS)
def test_positions_symbols_and_classes_are_uniform(name, starts):
    length, samples = 60, 30_000
    batch = TemporalOrder(name, length, length).draw(np.random.default_rng(1), samples)
    assert is_uniform(Counter(batch.targets.tolist()), range(2 ** len(starts)))
    assert is_uniform(Counter(batch.inputs[batch.inputs >= 2].tolist()), range(2, 6))
    rows = [np.flatnonzero(column < 2) for column in batch.inputs.T]
    for k, start in enumerate(starts):
        first = int(start * length)
        assert is_uniform(Counter(int(r[k]) for r in rows), range(first, first + 6))


@pytest.mark.parametrize(("name", "starts"), TASKS)
def test_values_are_independent_of_each_other(name, starts):
    batch = TemporalOrder(name, 40, 40).draw(np.random.default_rng(2), 20_000)
    bits = (batch.targets[:, None] >> np.arange(len(starts))) & 1
    correlation = np.corrcoef(bits.T) - np.eye(len(starts))
    assert np.abs(correlation).max() < 5 / math.sqrt(20_000)


def test_one_length_a_batch_uniform_with_the_maximum_excluded():
    task, rng = TemporalOrder("temporal_order", 20, 50), np.random.default_rng(3)
    assert is_uniform(Counter(task.draw(rng, 1).length for _ in range(20_000)), range(20, 50))


def test_equal_bounds_fix_the_length():
    task, rng = TemporalOrder("temporal_order", 33, 33), np.random.default_rng(4)
    assert {task.draw(rng, 2).length for _ in range(50)} == {33}


@pytest.mark.parametrize(("name", "starts"), TASKS)
def test_floor_is_what_the_best_constant_predictor_reaches(name, starts):
    task = TemporalOrder(name, 30, 30)
    targets = task.draw(np.random.default_rng(5), 200_000).targets
    shares = np.bincount(targets) / len(targets)
    assert -(shares * np.log(shares)).sum() == pytest.approx(task.baseline([]).loss, abs=1e-3)
    assert 1 - shares.max() == pytest.approx(task.baseline([]).error, abs=5e-3)


def test_plateaus_are_the_losses_with_some_symbols_known():
    two, three = (TemporalOrder(name, 30, 30) for name, _ in TASKS)
    assert [round(level, 4) for level, _ in two.plateaus] == [0.6931]
    assert [round(level, 4) for level, _ in three.plateaus] == [1.3863, 0.6931]


def test_equal_generators_draw_equal_batches():
    task = TemporalOrder("temporal_order", 20, 50)
    one, two = (task.draw(np.random.default_rng(6), 8) for _ in range(2))
    assert np.array_equal(one.inputs, two.inputs)
    assert np.array_equal(one.targets, two.targets)
