"""Colours of figures: the page replaces those of our style, and figures with other dark colours get a light ground."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from plots.style import HUES, INK, RAMP
from rnnctl.report.page.figures import svg_of


def line_in(colour: object) -> str:
    figure = Figure()
    figure.subplots().plot([1, 2], [1, 3], color=colour)
    return svg_of(figure, "a", "a line")


@pytest.mark.parametrize("colour", [INK, *HUES])
def test_colours_of_our_style_are_variables(colour):
    svg = line_in(colour)
    assert f", {colour.lower()})" in svg
    assert 'class="light"' not in svg


@pytest.mark.parametrize(
    ("at", "light"),
    [pytest.param(1.0, True, id="late, dark"), pytest.param(0.0, False, id="early, light")],
)
def test_other_dark_colours_get_a_light_ground(at, light):
    assert ('class="light"' in line_in(RAMP(at))) is light
