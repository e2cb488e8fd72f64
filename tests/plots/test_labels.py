"""Labels, titles and values from outside are drawn as they are, whatever they hold."""

from __future__ import annotations

import io
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from plots import (
    Curves,
    Histogram,
    Point,
    Scatter,
    Series,
    Trace,
    curves,
    distance_histogram,
    distance_image,
    gradient_histogram,
    gradient_histogram_image,
    gradient_image,
    gradient_through_time,
    hyperparameters,
    saturation_through_time,
    style,
)
from plots.context import ByContext, by_context
from plots.effects import Effect, effects
from plots.generalisation import ByLength, generalisation

# No glyph, mathtext, an order to a terminal, XML, a turn of direction, a line break, a surrogate.
ODD = "模$x^2$\x1b[3m\x9b&<]]>\u202e\n\udcff--"
SHOWN = r"\u6a21$x^2$\x1b[3m\x9b&<]]>\u202e\n\udcff--"
UPDATES = np.array([0.0, 10.0])


def trace() -> Trace:
    return Trace(ODD, ODD, UPDATES, np.ones((2, 3)))


def histogram() -> Histogram:
    return Histogram(ODD, ODD, UPDATES, np.arange(3.0), np.ones((2, 2)))


FIGURES: dict[str, Callable[[], Figure]] = {
    "curves": lambda: curves([Curves([Series(ODD, ODD, UPDATES, UPDATES)], "loss")], title=ODD),
    "separate curves": lambda: curves([Curves([Series(ODD, ODD, UPDATES, UPDATES)], "loss")], separate=True),
    "gradient": lambda: gradient_through_time([trace()], title=ODD),
    "gradient, overlaid": lambda: gradient_through_time([trace()], overlay=True, title=ODD),
    "gradient image": lambda: gradient_image([trace()], title=ODD),
    "gradient histogram": lambda: gradient_histogram([trace()], title=ODD),
    "gradient histogram image": lambda: gradient_histogram_image([histogram()], title=ODD),
    "saturation": lambda: saturation_through_time([trace()], title=ODD),
    "distance histogram": lambda: distance_histogram([histogram()], xlabel="distance", title=ODD),
    "distance image": lambda: distance_image([histogram()], ylabel="distance", title=ODD),
    "hyper-parameters": lambda: hyperparameters(
        [Scatter([Point("a", "a", 1, 1.0, {ODD: ODD, "same": ODD}), Point("b", "b", 1, 2.0, {ODD: "b", "same": ODD})])],
        title=ODD,
    ),
    "effects": lambda: effects([Effect(ODD, "a", 1.0), Effect(ODD, ODD, 2.0)], title=ODD),
    "lengths": lambda: generalisation([ByLength(ODD, ODD, UPDATES + 1, UPDATES)], "loss", title=ODD),
    "contexts": lambda: by_context([ByContext(ODD, ODD, UPDATES, UPDATES, UPDATES, {"carried": (1, 1)})], title=ODD),
    "nothing": lambda: style.text_figure(ODD, "There is nothing."),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_with_odd_labels_is_whole_and_shows_them(name: str) -> None:
    """Warnings, of glyphs that are missing for example, are errors in tests."""
    figure = FIGURES[name]()
    image, drawing = io.BytesIO(), io.BytesIO()
    figure.savefig(image, format="png")
    figure.savefig(drawing, format="svg")
    ElementTree.fromstring(drawing.getvalue())
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]
    assert all(text.get_text().replace("\n", "").isprintable() for text in texts)
    shown = [text for text in texts if r"\u6a21" in text.get_text()]
    assert shown
    for text in shown:
        # What matplotlib makes of it: the text, and whether it is mathtext.
        drawn = [text._preprocess_math(line) for line in text.get_text().splitlines()]  # type: ignore[attr-defined]
        assert not any(is_math for _, is_math in drawn)
        assert r"\u6a21" in "".join(line for line, _ in drawn)


def test_a_label_is_shown_on_one_line_with_its_odd_characters_escaped() -> None:
    assert style.drawable(ODD) == SHOWN
    assert style.shorten(ODD).replace(r"\$", "$") == SHOWN
    assert style.drawable("±é Ωα → café") == "±é Ωα → café"


def test_fonts_that_are_not_installed_are_passed_over() -> None:
    points = style._code_points(("no such family",), ())
    assert points == style._code_points(("DejaVu Sans",), ())
    assert ord("a") in points
