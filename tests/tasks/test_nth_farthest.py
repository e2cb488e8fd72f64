"""N-th farthest against its definition, one sequence at a time, and its floor against large samples."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest

from rnnctl.tasks.nth_farthest import NthFarthest, chance_of_rank
from tests.tasks.chance import is_uniform


@pytest.mark.parametrize("asked", ["always", "last"])
@pytest.mark.parametrize(("k", "d"), [(3, 1), (8, 16), (5, 2)])
def test_the_answer_is_the_label_of_the_nth_farthest_vector(asked, k, d):
    batch = NthFarthest(k, d, asked).draw(np.random.default_rng(1), 200)
    steps = k + (asked == "last")
    assert batch.inputs.shape == (steps, 200, d + 3 * k)
    for column, target in zip(batch.inputs.transpose(1, 0, 2), batch.targets, strict=True):
        vectors = column[:k, :d].astype(np.float64)
        labels = column[:k, d : d + k].argmax(1)
        assert sorted(labels) == list(range(k))
        question = column[:, d + k :]
        if asked == "last":
            assert not question[:k].any()
            assert not column[k, : d + k].any()
        else:
            assert (question == question[0]).all()
        n, m = question[-1, :k].argmax() + 1, question[-1, k:].argmax()
        reference = vectors[labels.tolist().index(m)]
        by_distance = sorted(range(k), key=lambda i: -math.dist(vectors[i], reference))
        assert target == labels[by_distance[n - 1]]
        assert (target == m) == (n == k)


def test_questions_labels_and_components_are_uniform():
    batch = NthFarthest(4, 2, "always").draw(np.random.default_rng(2), 40_000)
    n, m = batch.inputs[0, :, 6:10].argmax(1), batch.inputs[0, :, 10:14].argmax(1)
    first = batch.inputs[0, :, 2:6].argmax(1)
    triples = zip(n.tolist(), m.tolist(), first.tolist(), strict=True)
    assert is_uniform(Counter(triples), product(range(4), repeat=3))
    cells = ((batch.inputs[1, :, :2] + 1) * 5).astype(int)
    assert is_uniform(Counter(map(tuple, cells.tolist())), product(range(10), repeat=2))


def test_vectors_at_one_place_count_the_reference_as_the_nearest():
    task = NthFarthest(3, 1, "always")

    class Same:
        """A generator whose vectors are all equal."""

        def __init__(self):
            self.rng = np.random.default_rng(3)

        def uniform(self, low, high, size):
            return np.zeros(size)

        def __getattr__(self, name):
            return getattr(self.rng, name)

    batch = task.draw(Same(), 500)
    n, m = batch.inputs[0, :, 4:7].argmax(1), batch.inputs[0, :, 7:10].argmax(1)
    assert ((batch.targets == m) == (n == 2)).all()


def test_the_floor_of_a_question_at_the_end_is_a_guess_among_the_others():
    task = NthFarthest(8, 16, "last")
    batch = task.draw(np.random.default_rng(4), 4000)
    floor = task.baseline([batch])
    known = (batch.inputs[-1, :, 24:32].argmax(1) == 7).mean()
    assert floor.loss == pytest.approx((1 - known) * math.log(7))
    assert floor.error == pytest.approx((1 - known) * 6 / 7)


@pytest.mark.parametrize(("k", "d"), [(3, 1), (4, 2), (8, 16)])
def test_the_chance_that_a_vector_is_the_answer_is_that_of_a_large_sample(k, d):
    rng = np.random.default_rng(5)
    for vector in (np.zeros(d), np.full(d, 0.7), rng.uniform(-1, 1, d)):
        others = rng.uniform(-1, 1, (60_000, k - 1, d))  # the first is the reference
        distances = np.linalg.norm(others[:, 1:] - others[:, :1], axis=2)
        own = np.linalg.norm(vector - others[:, 0], axis=1)
        ranks = (distances > own[:, None]).sum(1)
        for rank in range(k - 1):
            (chance,) = chance_of_rank(vector[None], np.array([rank]), k)
            assert chance == pytest.approx((ranks == rank).mean(), abs=0.025)


def test_the_floor_is_what_the_best_table_of_the_last_step_reaches():
    """In one dimension the last vector can be put into a table: cells of its place, n, and whether it is m."""
    task = NthFarthest(4, 1, "always")
    fit, fresh = (task.draw(np.random.default_rng(seed), 60_000) for seed in (6, 7))

    def seen(batch):
        last = batch.inputs[-1]
        place = np.minimum(((last[:, 0] + 1) * 20).astype(int), 39)
        label, n, m = (last[:, 1 + 4 * i : 5 + 4 * i].argmax(1) for i in range(3))
        key = (place * 4 + n) * 2 + (label == m)
        answer = np.where(batch.targets == label, 0, np.where(batch.targets == m, 1, 2))  # it, vector m, another
        return key, answer, label == m

    key, answer, _ = seen(fit)
    counts = np.full((320, 3), 1e-9)
    np.add.at(counts, (key, answer), 1)
    key, answer, is_m = seen(fresh)
    losses = -np.log(counts[key, answer] / counts[key].sum(1))
    others = np.where(is_m, 3, 2)
    losses += (answer == 2) * np.log(others)
    floor = task.baseline([fresh])
    assert floor.loss == pytest.approx(losses.mean(), abs=0.01)
    share = counts[key] / counts[key].sum(1, keepdims=True)
    share[:, 2] /= others
    assert floor.error == pytest.approx(1 - share.max(1).mean(), abs=0.01)


def test_a_guess_by_the_last_vector_beats_a_guess_by_the_question_alone():
    task = NthFarthest(8, 16, "always")
    batch = task.draw(np.random.default_rng(8), 2000)
    known = (batch.inputs[-1, :, 24:32].argmax(1) == 7).mean()
    assert task.baseline([batch]).loss < (1 - known) * math.log(7)


def test_equal_generators_draw_equal_batches():
    one, two = (NthFarthest(4, 3, "always").draw(np.random.default_rng(9), 8) for _ in range(2))
    assert np.array_equal(one.inputs, two.inputs)
    assert np.array_equal(one.targets, two.targets)
