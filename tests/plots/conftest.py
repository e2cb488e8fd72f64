"""Helpers to read figures back: tests look at artists, and every figure is laid out once so that warnings show."""

import pytest


class Reader:
    """Reads the artists of a figure after drawing it once on its canvas."""

    def __init__(self, figure):
        figure.canvas.draw()
        self.figure = figure
        self.panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
        self.bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]

    def lines(self, gid, panel=0):
        return [line for line in self.panels[panel].lines if line.get_gid() == gid]

    def points(self, gid, panel=0):
        """All points of the lines with this gid, as (n, 2)."""
        import numpy as np  # here, because numpy must not be loaded before the process is set up

        return np.concatenate([np.empty((0, 2)), *(line.get_xydata() for line in self.lines(gid, panel))])

    def level(self, text, panel=0):
        """The height of the horizontal line with this label."""
        (line,) = [line for line in self.panels[panel].lines if line.get_label() == text]
        first, last = line.get_ydata()
        assert first == last
        return first

    @property
    def legend(self):
        return [text.get_text() for legend in self.figure.legends for text in legend.get_texts()]

    @property
    def notes(self):
        """The title of the legend: what is not shown in the panels."""
        return "\n".join(legend.get_title().get_text() for legend in self.figure.legends)

    @property
    def words(self):
        """All text in the panels."""
        return [text.get_text() for axes in self.panels for text in axes.texts]


@pytest.fixture
def read():
    return Reader
