"""The verdict on the gradient through time: known verdicts of constructed diagnoses."""

import math

import numpy as np
import pytest

from rnnctl.report.gradients import Gradients
from rnnctl.report.remarks.gradient import GRADIENT, gradient
from store.history import EMPTY, History


def diagnosis(zero=0.0, vanished=0.0, exploded=0.0, first=0.1, last=0.1, length=100, step=500):
    return Gradients(step, zero, vanished, exploded, length, first, last)


@pytest.mark.parametrize(
    ("verdict", "shares"),
    [
        ("healthy", {}),
        ("healthy", {"vanished": 0.009, "first": 0.002}),
        ("vanishing", {"vanished": 0.5, "first": 1e-12}),
        ("vanishing", {"zero": 0.5, "first": 0.0}),
        ("vanishing", {"zero": 0.05, "vanished": 0.05, "first": 1e-9}),
        ("exploding", {"exploded": 0.3, "first": 1e6}),
        ("exploding", {"exploded": 0.3, "first": math.inf}),
        ("exploding", {"exploded": 0.3, "first": math.nan}),
        # Between the limits.
        ("undecided", {"vanished": 0.05, "first": 1e-9}),
        ("undecided", {"first": 1e-5}),
        ("undecided", {"exploded": 0.05, "first": 500.0}),
        # A solved task: the gradient is small everywhere. Exploded weights: it is large everywhere.
        ("undecided", {"vanished": 1.0, "first": 1e-10, "last": 1e-10}),
        ("undecided", {"exploded": 1.0, "first": 1e5, "last": 1e5}),
        ("undecided", {"exploded": 1.0, "first": math.nan, "last": math.nan}),
        ("undecided", {"zero": 1.0, "first": 0.0, "last": 0.0}),
        ("undecided", {"length": 1}),
    ],
)
def test_known_verdicts(verdict, shares):
    remark = gradient(diagnosis(**shares), EMPTY, asks_every_step=False)
    assert remark.verdict == verdict, remark.text
    assert "nan" not in remark.text
    assert "inf" not in remark.text.replace("infinite", "")


def test_without_a_diagnosis_nothing_is_claimed():
    remark = gradient(None, EMPTY, asks_every_step=False)
    assert (remark.verdict, remark.text) == ("undecided", "No check has measured the gradient through time.")


def test_the_sentence_has_the_numbers():
    past = History(np.array([0, 500]), {"grad_decay": np.array([-0.1, -0.02])}, {})
    remark = gradient(diagnosis(vanished=0.4, zero=0.2, first=1e-9, last=0.01), past, asks_every_step=False)
    assert remark.text == (
        "At update 500, 60 % of the norms |dL/dh_t| are below 1e-8 or exactly 0, and 0 % are 100 or more, or "
        "non-finite; from time step 100 back to time step 1, their mean shrinks by 7.0 powers of ten. At update 0, it "
        "shrank by 9.9 powers of ten on that way."
    )


@pytest.mark.parametrize("shares", [{}, {"vanished": 0.9, "first": 1e-12}])
def test_where_every_step_is_asked_no_gradient_is_called_healthy_or_vanishing(shares):
    remark = gradient(diagnosis(**shares), EMPTY, asks_every_step=True)
    assert remark.verdict == "undecided"
    assert "answer of its own" in remark.text


def test_more_vanished_values_never_make_a_gradient_healthier():
    order = ["healthy", "undecided", "vanishing"]
    for first in (0.1, 1e-3, 1e-9, 0.0):
        ranks = [
            order.index(gradient(diagnosis(vanished=share, first=first), EMPTY, asks_every_step=False).verdict)
            for share in np.linspace(0, 1, 101).tolist()
        ]
        assert ranks == sorted(ranks)


def test_every_verdict_has_a_rule_and_every_sentence_is_finite_for_random_diagnoses():
    rng = np.random.default_rng(0)
    special = [0.0, math.inf, math.nan, 1e-300, 1e300]
    for _ in range(2000):
        low, zero, high = rng.dirichlet([0.3, 0.3, 0.3, 1])[:3].tolist()
        first, last = (
            rng.choice(special) if rng.random() < 0.3 else 10 ** float(rng.uniform(-15, 10)) for _ in range(2)
        )
        given = diagnosis(zero, low, high, float(first), float(last), int(rng.integers(1, 300)))
        remark = gradient(given, EMPTY, asks_every_step=bool(rng.integers(2)))
        assert remark.verdict in GRADIENT.rules
        assert "nan" not in remark.text
        assert remark.text.endswith(".")
        if remark.verdict == "vanishing":
            assert low + zero >= 0.1
            assert given.first * 99 < given.last
        if remark.verdict == "exploding":
            assert high >= 0.1
            assert not given.first < given.last * 99
        if remark.verdict == "healthy":
            assert low + zero < 0.01
            assert high < 0.01
            assert given.last / 101 < given.first < given.last * 101
