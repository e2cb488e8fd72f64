"""Memorization against its definition, one sequence at a time."""

from collections import Counter

import numpy as np
import pytest

from rnnctl.tasks.memorization import Memorization
from tests.tasks.chance import is_uniform


def task(low=50, high=50, values=5, positions=10, patterns="random", judged="any"):
    return Memorization(low, high, values, positions, patterns, judged)


def read(column, targets, values, positions):
    """The pattern of a sequence, after everything in it has been held against the definition."""
    blank, trigger = values, values + 1
    pattern, rest = column[:positions], column[positions:]
    between = len(column) - 2 * positions
    assert all(0 <= symbol < values for symbol in pattern)
    assert rest == [blank] * between + [trigger] + [blank] * (positions - 1)
    assert targets == [blank] * (positions + between) + pattern
    return tuple(pattern)


@pytest.mark.parametrize("patterns", ["random", "all"])
@pytest.mark.parametrize(("values", "positions"), [(2, 5), (5, 10), (3, 1), (254, 2)])
@pytest.mark.parametrize("between", [0, 1, 50])
def test_the_pattern_is_asked_for_from_the_trigger_on(patterns, values, positions, between):
    one = task(values=values, positions=positions, patterns=patterns)
    length = between + 2 * positions
    batch = one.draw(np.random.default_rng(0), 64, length=length)
    assert batch.inputs.shape == batch.targets.shape == (length, 64)
    assert (batch.inputs.dtype, batch.targets.dtype) == (np.uint8, np.int64)
    for column, targets in zip(batch.inputs.T, batch.targets.T, strict=True):
        read(column.tolist(), targets.tolist(), values, positions)
    assert batch.inputs.max() == one.n_inputs - 1
    assert batch.targets.max() == one.n_outputs - 1


def test_random_patterns_are_uniform():
    batch = task(values=3, positions=4).draw(np.random.default_rng(1), 40_000, length=8)
    counts = Counter(map(tuple, batch.inputs[:4].T.tolist()))
    assert is_uniform(counts, [(a, b, c, d) for a in range(3) for b in range(3) for c in range(3) for d in range(3)])


def test_patterns_longer_than_any_integer_are_drawn():
    batch = task(values=200, positions=100).draw(np.random.default_rng(2), 8_000, length=200)
    assert is_uniform(Counter(batch.inputs[99].tolist()), range(200))
    assert is_uniform(Counter(batch.inputs[0].tolist()), range(200))


def test_all_patterns_come_equally_often_in_an_order_that_is_drawn():
    one, orders = task(values=3, positions=2, patterns="all"), []
    for seed in (3, 4):
        batch = one.draw(np.random.default_rng(seed), 18, length=9)
        orders.append(
            [read(c.tolist(), t.tolist(), 3, 2) for c, t in zip(batch.inputs.T, batch.targets.T, strict=True)]
        )
        assert Counter(orders[-1]) == {(a, b): 2 for a in range(3) for b in range(3)}
    assert orders[0] != orders[1]


def test_all_of_five_bits_are_in_a_batch_of_32():
    batch = task(values=2, positions=5, patterns="all").draw(np.random.default_rng(4), 32)
    assert len(set(map(tuple, batch.inputs[:5].T.tolist()))) == 32


@pytest.mark.parametrize("patterns", ["random", "all"])
def test_the_time_between_is_uniform_with_the_maximum_excluded(patterns):
    one, rng = task(20, 50, values=2, positions=3, patterns=patterns), np.random.default_rng(5)
    assert is_uniform(Counter(one.draw(rng, 8).length for _ in range(10_000)), range(26, 56))
    assert one.max_steps == 56


def test_equal_bounds_fix_the_length_and_none_between_is_a_length():
    rng = np.random.default_rng(6)
    assert {task().draw(rng, 2).length for _ in range(20)} == {70}
    assert {task(0, 0).draw(rng, 2).length for _ in range(20)} == {20}


def test_a_symbol_has_an_input_and_a_value_an_output():
    assert (task().n_inputs, task().n_outputs) == (7, 6)
    for judged in ("any", "last"):
        question = task(judged=judged).question
        assert (question.loss, question.every_step, question.judged) == ("cross_entropy", True, judged)
