"""Verdicts on claims: intervals against formulas, and each form with planted results."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from rnnctl.report.verdicts import FEWEST, Verdict, judge
from rnnctl.study.questions import Bound

HOLDS, NOT, UNDECIDED = Verdict.HOLDS, Verdict.DOES_NOT_HOLD, Verdict.UNDECIDED
T = {2: 4.303, 4: 2.776}  # 97.5 % of Student's t


def values(mean: float, *around: float) -> dict[int, float]:
    """Return values by seed with this mean: around is what is added for seeds 1, 2, ..."""
    return {seed: mean + each for seed, each in enumerate(around or (-0.01, 0.0, 0.01, -0.005, 0.005), start=1)}


A, B, C = values(1.0), values(2.0), values(3.0)
NEAR = values(1.001, 0.02, -0.03, 0.01, 0.0, 0.0)  # not to be told from A


def verdict(form, groups, *named, bound=None):
    return judge(form, groups, named, bound).verdict


def test_a_paired_interval_is_that_of_the_differences():
    a, b = {1: 1.0, 2: 2.0, 3: 4.0}, {1: 1.5, 2: 2.8, 3: 4.6, 4: 100.0}
    (interval,) = judge("difference", {"a": a, "b": b}, ["b", "a"], Bound(low=0)).intervals
    differences = [b[seed] - a[seed] for seed in a]
    half = T[2] * statistics.stdev(differences) / math.sqrt(3)
    assert interval.estimate == pytest.approx(statistics.fmean(differences))
    assert (interval.low, interval.high) == pytest.approx(
        (interval.estimate - half, interval.estimate + half), abs=1e-3
    )
    assert (interval.what, interval.n) == ("b - a", 3)


def test_seeds_that_are_not_shared_are_compared_by_their_means():
    a, b = {1: 1.0, 2: 2.0, 3: 4.0}, {4: 1.5, 5: 2.8, 6: 4.6}
    (interval,) = judge("difference", {"a": a, "b": b}, ["b", "a"], Bound(low=0)).intervals
    error = math.sqrt(statistics.variance(a.values()) / 3 + statistics.variance(b.values()) / 3)
    assert interval.estimate == pytest.approx(statistics.fmean(b.values()) - statistics.fmean(a.values()))
    assert interval.high - interval.estimate > 2.776 * error  # Welch's degrees of freedom are below 4
    assert interval.low < 0 < interval.high


def test_a_ratio_is_a_mean_over_seeds():
    (interval,) = judge("ratio", {"a": B, "b": A}, ["a", "b"], Bound(1.9, 2.1)).intervals
    assert interval.estimate == pytest.approx(statistics.fmean(B[seed] / A[seed] for seed in A))
    assert verdict("ratio", {"a": B, "b": A}, "a", "b", bound=Bound(1.9, 2.1)) == HOLDS
    other = {seed + 10: value for seed, value in A.items()}
    assert verdict("ratio", {"a": B, "b": other}, "a", "b", bound=Bound(1.9, 2.1)) == HOLDS
    assert verdict("ratio", {"a": B, "b": other}, "a", "b", bound=Bound(high=1.5)) == NOT


@pytest.mark.parametrize(
    ("bound", "expected"),
    [(Bound(0.9, 1.1), HOLDS), (Bound(high=0.9), NOT), (Bound(low=1.2), NOT), (Bound(low=1.0), UNDECIDED)],
)
def test_a_value_is_judged_by_its_interval(bound, expected):
    assert verdict("value", {"a": A}, "a", bound=bound) == expected
    assert verdict("value", {"a": A}, bound=bound) == expected


@pytest.mark.parametrize(
    ("form", "named", "expected"),
    [
        ("lowest", ["a"], HOLDS), ("lowest", ["b"], NOT), ("highest", ["c"], HOLDS), ("highest", ["b"], NOT),
        ("order", ["a", "b", "c"], HOLDS), ("order", ["b", "a", "c"], NOT), ("order", ["c", "b"], NOT),
        ("increases", [], HOLDS), ("decreases", [], NOT),
    ],
)  # fmt: skip
def test_each_form_with_three_groups_that_differ(form, named, expected):
    assert verdict(form, {"a": A, "b": B, "c": C}, *named) == expected


def test_equals_are_undecided():
    assert verdict("lowest", {"a": A, "near": NEAR, "c": C}, "a") == UNDECIDED
    assert verdict("lowest", {"a": A, "near": NEAR, "c": C}, "near") == UNDECIDED
    assert verdict("lowest", {"a": A, "near": NEAR, "c": C}, "c") == NOT
    assert "near - a" in judge("lowest", {"a": A, "near": NEAR, "c": C}, ["a"], None).why


def test_increases_asks_for_the_ends_and_against_no_step_back():
    assert verdict("increases", {"1": A, "2": NEAR, "3": C}) == HOLDS
    assert verdict("increases", {"1": A, "2": C, "3": B}) == NOT
    assert verdict("increases", {"1": A, "2": NEAR}) == UNDECIDED


def test_a_u_is_lower_than_both_ends_and_nowhere_lower():
    assert verdict("u_shape", {"1": B, "2": A, "3": C}, "2") == HOLDS
    assert verdict("u_shape", {"1": B, "2": A, "3": NEAR, "4": C}, "2") == HOLDS
    assert verdict("u_shape", {"1": C, "2": B, "3": A, "4": C}, "2") == NOT
    assert verdict("u_shape", {"1": A, "2": NEAR, "3": C}, "2") == UNDECIDED
    assert verdict("u_shape", {"1": A, "2": B, "3": C}, "2") == NOT


def test_two_seeds_decide_nothing():
    few = {"a": {1: 1.0, 2: 1.0}, "b": {1: 9.0, 2: 9.0}}
    for form, named in (("lowest", ["a"]), ("lowest", ["b"]), ("order", ["a", "b"]), ("increases", [])):
        judgement = judge(form, few, named, None)
        assert judgement.verdict == UNDECIDED
        assert f"fewer than {FEWEST} seeds" in judgement.why
    assert verdict("value", few, "a", bound=Bound(0, 2)) == UNDECIDED
    assert verdict("value", {"a": {1: 1.0}}, bound=Bound(0, 2)) == UNDECIDED


def test_a_group_without_a_value_leaves_the_claim_open_unless_the_others_refute_it():
    assert verdict("lowest", {"a": A, "b": {}, "c": C}, "a") == UNDECIDED
    assert judge("lowest", {"a": A, "b": {}, "c": C}, ["a"], None).why == "no value for b"
    assert verdict("lowest", {"a": A, "b": {}, "c": C}, "c") == NOT
    assert verdict("lowest", {"a": A, "b": {}}, "b") == UNDECIDED


def test_true_equals_are_seldom_told_apart():
    """A claim on five equal groups is refuted or confirmed in at most about one of twenty studies."""
    rng, decided = random.Random(7), 0
    for _ in range(400):
        groups = {name: {seed: rng.gauss(0, 1) for seed in range(5)} for name in "abcde"}
        decided += verdict("lowest", groups, "a") != UNDECIDED
    assert decided <= 400 * 0.08
