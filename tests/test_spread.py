"""Means and spreads of numbers of any size."""

from __future__ import annotations

import math
import statistics

import pytest

from rnnctl.spread import Spread


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e149, 1e200, 3e307])
def test_means_and_deviations_are_those_of_the_library(size):
    values = [size * each for each in (1.0, 2.5, 4.0, 5.5)]
    spread = Spread.of(values)
    assert spread is not None
    assert spread.mean == pytest.approx(size * 3.25)
    assert spread.sd == pytest.approx(size * statistics.stdev([1.0, 2.5, 4.0, 5.5]))


def test_what_is_unknown_or_single_has_no_deviation():
    assert Spread.of([None, None]) is None
    assert Spread.of([None, 1.7e308]) == Spread(1.7e308, None, 1)
    assert Spread.of([1.7e308] * 3) == Spread(1.7e308, 0.0, 3)
    infinite = Spread.of([math.inf, 1.0])
    assert infinite is not None
    assert infinite.mean == math.inf
