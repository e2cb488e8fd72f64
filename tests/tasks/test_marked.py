"""Addition, multiplication and exclusive or against their definition: marks found and answers worked out one sequence
at a time.
"""

import math
from collections import Counter

import numpy as np
import pytest

from rnnctl.tasks.marked import Marked
from tests.tasks.chance import is_uniform

ANSWERS = {
    "addition": lambda one, other: 0.5 * one + 0.5 * other,
    "multiplication": lambda one, other: one * other,
    "xor": lambda one, other: int(one) ^ int(other),
}
NAMES = list(ANSWERS)


def fixed(name, length):
    return Marked(name, length, length, 0.2)


def marks(batch):
    """(2, B): the steps of the first and second mark of each sequence."""
    return np.array([np.flatnonzero(column) for column in batch.inputs[:, :, 0].T]).T


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [10, 19, 20, 37, 99, 219])
def test_two_marks_stand_in_their_windows_and_their_values_make_the_answer(name, length):
    batch = fixed(name, 200).draw(np.random.default_rng(0), 300, length=length)
    assert batch.inputs.shape == (length, 300, 2)
    assert batch.inputs.dtype == np.float32
    assert batch.targets.dtype == (np.int64 if name == "xor" else np.float32)
    first, second = length // 10, 4 * length // 10
    for b, target in enumerate(batch.targets):
        column = [(float(mark), float(value)) for mark, value in batch.inputs[:, b]]
        marked = [(t, value) for t, (mark, value) in enumerate(column) if mark == 1]
        assert sum(mark for mark, _ in column) == 2
        (step, one), (later, other) = marked
        assert 0 <= step < first
        assert first <= later < first + second
        assert float(target) == pytest.approx(ANSWERS[name](one, other), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_marks_are_uniform_in_their_windows_and_independent(name):
    batch = fixed(name, 60).draw(np.random.default_rng(1), 40_000, length=60)
    one, other = marks(batch)
    pairs = [(t, s) for t in range(6) for s in range(6, 30)]
    assert is_uniform(Counter(zip(one.tolist(), other.tolist(), strict=True)), pairs)


@pytest.mark.parametrize("name", ["addition", "multiplication"])
def test_values_are_uniform_between_0_and_1_marked_or_not(name):
    batch = fixed(name, 40).draw(np.random.default_rng(2), 20_000, length=40)
    values_TB = batch.inputs[:, :, 1]
    assert values_TB.min() >= 0
    assert values_TB.max() < 1
    for t in (0, 10, 39):
        assert is_uniform(Counter((values_TB[t] * 20).astype(int).tolist()), range(20))
    marked_2B = np.take_along_axis(values_TB, marks(batch), axis=0)
    cells = zip(*(marked_2B * 5).astype(int).tolist(), strict=True)
    assert is_uniform(Counter(cells), [(i, j) for i in range(5) for j in range(5)])


def test_bits_of_xor_and_its_classes_are_uniform():
    batch = fixed("xor", 40).draw(np.random.default_rng(3), 20_000, length=40)
    values_TB = batch.inputs[:, :, 1]
    assert is_uniform(Counter(values_TB.ravel().tolist()), [0.0, 1.0])
    one, other = np.take_along_axis(values_TB, marks(batch), axis=0).tolist()
    assert is_uniform(Counter(zip(one, other, strict=True)), [(0, 0), (0, 1), (1, 0), (1, 1)])


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_longer_than_its_length_by_less_than_a_tenth(name):
    task, rng = fixed(name, 40), np.random.default_rng(4)
    assert is_uniform(Counter(task.draw(rng, 1).length for _ in range(4_000)), range(40, 44))
    assert task.max_steps == 43


def test_lengths_are_drawn_with_the_maximum_excluded_and_then_lengthened():
    task, rng = Marked("addition", 18, 22, 0.2), np.random.default_rng(5)
    # L is 18, 19, 20 or 21, one in four each; int(.1 L) is 1, 1, 2, 2, so that half of 20s and 21s have one step more.
    wanted = {18: 2, 19: 2, 20: 1, 21: 2, 22: 1}
    counts = Counter(task.draw(rng, 1).length for _ in range(8_000))
    assert set(counts) == set(wanted)
    for length, eighths in wanted.items():
        share = eighths / 8
        assert abs(counts[length] - 8_000 * share) < 6 * math.sqrt(8_000 * share * (1 - share))
    assert max(counts) <= task.max_steps


def test_no_sequence_is_longer_than_max_steps_and_some_could_be():
    for length in range(10, 400):
        longest = length + max(range(length // 10))
        assert fixed("xor", length).max_steps == longest


@pytest.mark.parametrize("name", NAMES)
def test_equal_generators_draw_equal_batches(name):
    one, two = (Marked(name, 20, 50, 0.2).draw(np.random.default_rng(6), 8) for _ in range(2))
    assert np.array_equal(one.inputs, two.inputs)
    assert np.array_equal(one.targets, two.targets)


def test_heads_fit_the_answers():
    assert {name: fixed(name, 20).n_outputs for name in NAMES} == {"addition": 1, "multiplication": 1, "xor": 2}
    losses = {name: fixed(name, 20).question.loss for name in NAMES}
    assert losses == {"addition": "squared_error", "multiplication": "squared_error", "xor": "cross_entropy"}
    assert fixed("addition", 20).question.tolerance == 0.2
    assert not any(fixed(name, 20).question.every_step for name in NAMES)
