"""Conditions on runs."""

import pytest

from rnnctl.report.conditions import Condition


@pytest.mark.parametrize(
    ("text", "key", "sign", "values"),
    [
        ("lr=0.1", "lr", "=", (0.1,)),
        ("hidden=50", "hidden", "=", (50,)),
        ("lr=1e-4", "lr", "=", (1e-4,)),
        ("clip=none", "clip", "=", ("none",)),
        ("label=a=b", "label", "=", ("a=b",)),
        ("exact=true", "exact", "=", (True,)),
        (" lr <= 0.1 ", "lr", "<=", (0.1,)),
        ("lr!=0.1", "lr", "!=", (0.1,)),
        ("hidden=50, 100", "hidden", "=", ("50, 100", 50, 100)),
    ],
)
def test_conditions_are_read_as_a_person_means_them(text, key, sign, values):
    condition = Condition.parse(text)
    assert (condition.key, condition.sign, condition.values) == (key, sign, values)


@pytest.mark.parametrize("text", ["lr", "=1", "lr=", "", "<3", "lr<", "lr!0.1"])
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(ValueError, match="key=value"):
        Condition.parse(text)


@pytest.mark.parametrize("text", ["lr<x", "lr>=true", "lr<1,2"])
def test_an_order_needs_one_number(text):
    with pytest.raises(ValueError, match="needs a number after"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("text", "met", "not_met"),
    [
        ("x=1", [1, 1.0, "1"], [2, True, None]),
        ("x=1,2", [1, 2], [3, None]),
        ("x=a,b", ["a", "a,b"], ["c"]),
        ("x!=1,2", [3, "a", None], [1, 2.0]),
        ("x<1", [0.5], [1, 2, True, None, "a"]),
        ("x<=1", [0.5, 1], [2]),
        ("x>1", [2], [1]),
        ("x>=1", [1, 2], [0.5]),
        ("x=007", [("007", "b"), 7], [("7",), ()]),
        ("x!=b", [("a",), ()], [("a", "b")]),
    ],
)
def test_values_meet_conditions(text, met, not_met):
    condition = Condition.parse(text)
    assert [value for value in met + not_met if condition.is_met(value)] == met
