"""What several figures draw alike: the lines of runs with a marker at their ends, and lines at named levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from plots import style
from plots.data import Series

Level = tuple[float, str]
GAP = 0.05  # of the panel's height between the names of two levels
UNMARKED = (None, "budget")  # endings that are no news


def level(figure: str, name: str, value: float, text: str) -> Level:
    """(value, text) of a line to draw; ValueError, naming figure and line, for a value that is not finite."""
    if not np.isfinite(value):
        raise ValueError(f"{figure}: {name} is {value}, allowed: finite numbers")
    return float(value), text


def draw_levels(axes: Axes, levels: Sequence[Level], *, floor: Level | None = None, named: bool = True) -> None:
    """Lines at levels (dotted) and at the floor (dashed), each named (if so) at its right end, outside the panel.

    Call after the limits are set: names that would overlap are moved apart.
    """
    lines = [(*each, {"color": style.MUTED, "linestyle": ":", "linewidth": 1.2, "zorder": 1.5}) for each in levels]
    if floor is not None:  # above the runs: those that stay on it must not hide it
        look = {"color": style.INK, "linestyle": (0, (6, 4)), "linewidth": 1.1, "zorder": 2.8}
        lines.append((*floor, look))
    to_panel = axes.transData + axes.transAxes.inverted()
    last = -np.inf
    for value, text, look in sorted(lines, key=lambda line: line[0]):
        axes.axhline(value, label=text, **look)
        if not named:
            continue
        last = max(to_panel.transform((axes.get_xlim()[0], value))[1], last + GAP)
        words = {"fontsize": style.SMALL, "color": look["color"], "va": "center"}
        axes.text(1.01, last, text, transform=axes.transAxes, **words)


def run_lines(axes: Axes, series: Sequence[Series], looks: Sequence[tuple]) -> None:
    """A line for each run, in its look (colour, line style), with a marker where it ended.

    A line breaks where a value is not finite. A value alone between two gaps is a dot, as a line would not
    show it. A run that never had a finite value is a cross at the top edge.
    """
    crowd = len(series)
    width, alpha = (1.7, 0.9) if crowd <= 12 else (1.1, 0.9) if crowd <= 60 else (0.7, 0.6)
    for one, (colour, dash) in zip(series, looks, strict=True):
        values = np.where(np.isfinite(one.values), one.values, np.nan)
        look = {"color": colour, "linestyle": dash, "linewidth": width, "alpha": alpha, "zorder": 2.5}
        axes.plot(one.updates, values, label=one.label, gid="run", **look)
        lone(axes, one.updates, values, colour)
        _end(axes, one, values, colour, size=1.0 if crowd <= 60 else 0.7)
    ends = [one.updates[i] for one in series if len(one.updates) for i in (0, -1)]
    first, last = min([0.0, *ends]), max([0.0, *ends])
    span = (last - first) or 1.0
    axes.set_xlim(first - 0.01 * span, first + 1.02 * span)
    style.count_axis(axes.xaxis)


def lone(axes: Axes, x: np.ndarray, y: np.ndarray, colour) -> None:
    """Dots for the finite values of y without a finite neighbour, which a line leaves invisible."""
    finite = np.isfinite(y)
    alone = finite & ~np.r_[False, finite[:-1]] & ~np.r_[finite[1:], False]
    if alone.any():
        look = {"linestyle": "none", "marker": ".", "markersize": 6, "zorder": 2.6}
        axes.plot(x[alone], y[alone], color=colour, gid="lone", **look)


def _end(axes: Axes, one: Series, values: np.ndarray, colour, size: float) -> None:
    finite = np.flatnonzero(np.isfinite(values))
    ending = style.ENDINGS[one.ended]
    look = {"linestyle": "none", "color": colour, "clip_on": False, "zorder": 3, "label": one.label}
    if len(values) and not len(finite):
        look |= {"marker": "x", "markersize": 8 * size, "markeredgewidth": 1.6, "gid": "never finite"}
        axes.plot(one.updates[-1:], [1.0], transform=axes.get_xaxis_transform(), **look)
    elif len(values) and one.ended not in UNMARKED:
        look |= {"marker": ending.marker, "markersize": ending.size * size, "gid": f"end:{one.ended}"}
        look |= {"markeredgecolor": "white", "markeredgewidth": 0.7 * size**2}
        axes.plot(one.updates[finite[-1:]], values[finite[-1:]], **look)


def end_keys(series: Sequence[Series]) -> list:
    """Legend entries for the markers that `run_lines` leaves at the ends of these runs."""
    marked = {one.ended for one in series} - set(UNMARKED)
    return [style.ending_key(ended) for ended in style.ENDINGS if ended in marked]
