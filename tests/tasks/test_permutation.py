"""Random permutation against its definition, one sequence at a time."""

from collections import Counter

import numpy as np
import pytest

from rnnctl.tasks.permutation import Permutation
from tests.tasks.chance import is_uniform


def task(predict="last", low=30, high=30, symbols=100):
    return Permutation(low, high, symbols, predict)


@pytest.mark.parametrize("length", [2, 3, 17, 150])
@pytest.mark.parametrize("symbols", [3, 100, 256])
def test_the_first_symbol_is_asked_for_after_the_last(length, symbols):
    batch = task(symbols=symbols).draw(np.random.default_rng(0), 200, length=length)
    assert batch.inputs.shape == (length, 200)
    assert batch.inputs.dtype == np.uint8
    assert batch.targets.dtype == np.int64
    for column, target in zip(batch.inputs.T, batch.targets, strict=True):
        first, *others = column.tolist()
        assert first in (0, 1)
        assert all(2 <= symbol < symbols for symbol in others)
        assert target == first


@pytest.mark.parametrize("length", [2, 3, 17, 150])
def test_every_step_asks_for_the_next_symbol_and_the_last_for_the_first(length):
    batch = task("every").draw(np.random.default_rng(1), 50, length=length)
    assert batch.targets.shape == (length, 50)
    assert batch.targets.dtype == np.int64
    for column, targets in zip(batch.inputs.T, batch.targets.T, strict=True):
        assert targets.tolist() == [*column.tolist()[1:], int(column[0])]


def test_both_questions_are_asked_about_the_same_sequences():
    last, every = (task(predict, 20, 50).draw(np.random.default_rng(2), 9) for predict in ("last", "every"))
    assert np.array_equal(last.inputs, every.inputs)
    assert np.array_equal(last.targets, every.targets[-1])


def test_symbols_are_uniform_at_each_step_and_the_first_tells_nothing_of_the_next():
    inputs_TB = task(symbols=12).draw(np.random.default_rng(3), 30_000).inputs
    assert is_uniform(Counter(inputs_TB[0].tolist()), range(2))
    for t in (1, 15, 29):
        assert is_uniform(Counter(inputs_TB[t].tolist()), range(2, 12))
    pairs = Counter(zip(inputs_TB[0].tolist(), inputs_TB[1].tolist(), strict=True))
    assert is_uniform(pairs, [(i, j) for i in range(2) for j in range(2, 12)])


def test_one_length_a_batch_uniform_with_the_maximum_excluded():
    one, rng = task(low=20, high=50), np.random.default_rng(4)
    assert is_uniform(Counter(one.draw(rng, 1).length for _ in range(10_000)), range(20, 50))
    assert one.max_steps == 50


def test_equal_bounds_fix_the_length():
    rng = np.random.default_rng(5)
    assert {task().draw(rng, 2).length for _ in range(50)} == {30}


def test_the_last_step_alone_is_judged():
    for predict in ("last", "every"):
        question = task(predict).question
        assert (question.loss, question.judged) == ("cross_entropy", "last")
        assert question.every_step is (predict == "every")
        assert task(predict, symbols=7).n_inputs == task(predict, symbols=7).n_outputs == 7
