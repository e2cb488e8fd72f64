"""How figures are written in tables."""

import math

import pytest

from rnnctl.cli.output import number


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (-0.25, "-0.25"), (1.23456, "1.235"), (None, "-"), (math.nan, "-"), (math.inf, "-")],
)
def test_a_figure_of_a_table(value, text):
    assert number(value) == text
