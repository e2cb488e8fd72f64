"""Axes of values: limits and ticks for numbers of any size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from plots.scales import value_axis


@pytest.mark.parametrize("scale", ["auto", "log"])
@pytest.mark.parametrize("levels", [(), (1e-310,)])
@pytest.mark.parametrize("values", [[1e-310, 1.7e308], [0.0, 1e200], [1.6e308, 1.7e308], [5e-324, 1e-323]])
def test_numbers_at_the_ends_of_float64_have_an_axis(scale, levels, values):
    figure = Figure()
    axes = figure.subplots()
    value_axis(axes, np.array(values), figure="f", label="loss", levels=levels, scale=scale)
    low, high = axes.get_ylim()
    assert -math.inf < low < high < math.inf
    figure.draw_without_rendering()
