"""The status of a run: each word by its rule."""

from __future__ import annotations

import pytest

from rnnctl.measures import STATUSES
from rnnctl.report.status import NEAR, status_of

FLOOR, PERFECT = 2.0, 1.0


def summary(loss, broke=None, perfect=None):
    last = {} if perfect is None else {"valid_perfect": perfect}
    return {"floor": FLOOR, "best_loss": loss, "broke_floor_at": broke, "last": last}


@pytest.mark.parametrize(
    ("values", "outcome", "expected"),
    [
        ({}, None, None),
        ({}, "diverged", "diverged"),
        (summary(1.0, 20), "diverged", "diverged"),
        (summary(None), "budget", "at_floor"),
        (summary(1.99), "budget", "at_floor"),
        (summary(1.5, 20), "budget", "learning"),
        (summary(1.11, 20, PERFECT), None, "learning"),
        (summary(1.09, 20, PERFECT), "budget", "near_entropy"),
        (summary(1.1, 20), "budget", "learning"),  # a perfect loss of 0
        (summary(0.19, 20), "solved", "near_entropy"),
    ],
)
def test_a_status_by_its_rule(values, outcome, expected):
    assert status_of(values, outcome) == expected


def test_the_words_are_those_of_the_table():
    assert list(STATUSES) == ["diverged", "at_floor", "learning", "near_entropy"]
    assert f"{100 * NEAR:g} %" in STATUSES["near_entropy"]
