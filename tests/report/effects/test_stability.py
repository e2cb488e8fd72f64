"""Ranks over seeds."""

import math

import numpy as np
import pytest

from rnnctl.report.effects.stability import ranks, spearman, stability
from rnnctl.report.effects.trials import Trials
from tests.report.effects.design import study


def test_equal_values_share_their_mean_rank():
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0, 3.0])).tolist() == [4, 1, 4, 2, 4]


def test_spearman_is_one_minus_six_sums_of_squared_rank_differences_where_none_are_equal():
    rng = np.random.default_rng(0)
    for n in (3, 10, 50):
        a, b = rng.normal(size=(2, n))
        order = [np.argsort(np.argsort(values)) for values in (a, b)]
        expected = 1 - 6 * np.sum((order[0] - order[1]) ** 2) / (n * (n**2 - 1))
        assert spearman(a, b) == pytest.approx(expected)
        assert spearman(a, np.exp(a)) == pytest.approx(1)
        assert spearman(a, -(a**3)) == pytest.approx(-1)
    # With ties: ranks 1.5 1.5 3 and 1 2 3, correlated by hand.
    assert spearman(np.array([1.0, 1, 2]), np.array([1.0, 2, 3])) == pytest.approx(1.5 / math.sqrt(1.5 * 2))
    assert spearman(np.ones(4), np.arange(4.0)) is None


def of(table, labels="abcd"):
    """table[label][seed]"""
    actual = study(lambda seed, x: table[x].get(seed), {"x": list(table)}, seeds=(1, 2, 3))
    return stability(Trials.of(actual, "loss"))


def test_the_mean_over_pairs_of_seeds_and_the_best_of_each():
    actual = of({"a": {1: 1, 2: 1, 3: 3}, "b": {1: 2, 2: 2, 3: 2}, "c": {1: 3, 2: 3, 3: 1}, "d": {1: 4.0}})
    assert (actual.seeds, actual.configurations, actual.left_out) == ([1, 2, 3], 3, 1)
    assert actual.spearman == pytest.approx((1 - 1 - 1) / 3)
    assert actual.lowest == pytest.approx(-1)
    assert actual.best == {1: ["x=a"], 2: ["x=a"], 3: ["x=c"]}
    assert not actual.same_best


def test_one_that_is_among_the_best_with_every_seed_is_the_same_best():
    actual = of({"a": {1: 0, 2: 0}, "b": {1: 0, 2: 5}, "c": {1: 3, 2: 3}})
    assert actual.best == {1: ["x=a", "x=b"], 2: ["x=a"]}
    assert actual.same_best


def test_too_little_to_compare_is_none():
    assert of({"a": {1: 1}, "b": {1: 2}, "c": {1: 3}}) is None
    assert of({"a": {1: 1, 2: 1}, "b": {1: 2, 2: 2}}) is None
    assert of({"a": {1: 1, 2: 1}, "b": {1: 2, 2: 2}, "c": {1: 2, 3: 2}}) is None


def test_results_that_are_all_the_same_have_no_correlation():
    actual = of({name: {1: 1.0, 2: 1.0} for name in "abc"})
    assert (actual.spearman, actual.lowest, actual.same_best) == (None, None, True)
