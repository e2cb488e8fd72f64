"""Losses and their units."""

import pytest

from rnnctl.report.units import loss_label, loss_unit

ORDER, PRODUCT = (
    {"task": {"name": name, "min_length": 20, "max_length": 30}} for name in ("temporal_order", "multiplication")
)


@pytest.mark.parametrize(
    ("task", "unit"),
    [
        ("temporal_order", "nats"),
        ("temporal_order_3", "nats"),
        ("xor", "nats"),
        ("permutation", "nats"),
        ("memorization", "nats"),
        ("addition", "mean squared error"),
        ("multiplication", "mean squared error"),
    ],
)
def test_sums_and_products_are_measured_by_squared_error_and_all_else_in_nats(task, unit):
    assert loss_unit({"task": {"name": task}}) == unit


def test_an_axis_says_what_it_shows():
    assert loss_label("validation", [ORDER, ORDER]) == "validation loss (nats)"
    assert loss_label("training", [PRODUCT]) == "training loss (mean squared error)"
    assert loss_label("best", [PRODUCT, ORDER]) == "best loss\n(mean squared error or nats)"
    assert loss_label("best", []) == "best loss"
