"""Marks that several figures share: the lines of runs with a marker at their ends, and lines at named levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType

from plots import style
from plots.data import Series

Level = tuple[float, str]  # value and label of a horizontal line
GAP = 0.05  # least distance between the labels of two levels, as a share of the panel's height
UNMARKED = (None, "budget")  # endings without a marker, since they are the usual ones
# Up to so many lines in a panel have this width in points and this opacity.
WIDTHS = ((12, 1.7, 0.9), (60, 1.1, 0.9), (150, 0.7, 0.6), (math.inf, 0.5, 0.4))
MOST_VECTORS = 150  # lines of a panel that are vectors in files of vector graphics


def level(figure: str, name: str, value: float, text: str) -> Level:
    """Return (value, text) of a line to draw. Raise ValueError, naming figure and line, for a non-finite value."""
    if not np.isfinite(value):
        raise ValueError(f"{figure}: {name} is {value}, allowed: finite numbers")
    return float(value), text


def draw_levels(axes: Axes, levels: Sequence[Level], *, floor: Level | None = None, named: bool = True) -> None:
    """Draw lines at levels (dotted) and at the floor (dashed), labelled at the right, outside the panel, if `named`.
    A narrow page has no room there: labels are above their lines.

    Call this after the limits are set: labels that would overlap are moved apart.
    """
    dotted: style.Look = {"color": style.MUTED, "linestyle": ":", "linewidth": 1.2, "zorder": 1.5}
    lines = [(value, text, dotted) for value, text in levels]
    if floor is not None:  # above the runs: runs that stay at the floor must not hide it
        dashed: style.Look = {"color": style.INK, "linestyle": (0, (6, 4)), "linewidth": 1.1, "zorder": 2.8}
        lines.append((*floor, dashed))
    to_panel = axes.transData + axes.transAxes.inverted()
    last = -np.inf
    for value, text, look in sorted(lines, key=lambda line: line[0]):
        axes.axhline(value, label=text, **look)
        if not named:
            continue
        narrow = style.is_narrow()
        last = max(to_panel.transform((axes.get_xlim()[0], value))[1], last + (2 if narrow else 1) * GAP)
        place: style.Look = {"x": 0.99, "ha": "right", "va": "bottom"} if narrow else {"x": 1.01, "va": "center"}
        if narrow:  # over the lines of runs
            place["bbox"] = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5}
        axes.text(y=last, s=text, transform=axes.transAxes, fontsize=style.SMALL, color=look["color"], **place)


def run_lines(axes: Axes, series: Sequence[Series], looks: Sequence[style.GroupLook]) -> None:
    """Draw a line for each run in its colour and line style, with the marker of its ending where it ended.

    Where colours and line styles do not tell all looks apart, lines have a few markers of their groups as well.

    A line breaks where a value is not finite. A single value between two gaps is a dot, since a line would not show it.
    A run that never had a finite value is a cross at the top edge. Many lines are thin and translucent, and pixels in
    files of vector graphics, which they would make large and slow.
    """
    count = len(series)
    width, alpha = next((width, alpha) for most, width, alpha in WIDTHS if count <= most)
    pixels = count > MOST_VECTORS
    marked = style.need_markers(looks)
    for run, group in zip(series, looks, strict=True):
        colour, dash, _ = group
        values = np.where(np.isfinite(run.values), run.values, np.nan)
        look: style.Look = {"color": colour, "linestyle": dash, "linewidth": width, "alpha": alpha, "zorder": 2.5}
        look["rasterized"] = pixels
        if marked:
            look |= style.point_marker(group) | {"markevery": max(1, len(values) // 8)}
        axes.plot(run.updates, values, label=run.label, gid="run", **look)
        isolated_dots(axes, run.updates, values, colour, pixels)
    run_ends(axes, series, looks)
    ends = [run.updates[i] for run in series if len(run.updates) for i in (0, -1)]
    first, last = min([0.0, *ends]), max([0.0, *ends])
    span = (last - first) or 1.0
    axes.set_xlim(first - 0.01 * span, first + 1.02 * span)
    style.count_axis(axes.xaxis)


def run_ends(axes: Axes, series: Sequence[Series], looks: Sequence[style.GroupLook]) -> None:
    """Draw the marker of its ending where each run ended."""
    size = 1.0 if len(series) <= 60 else 0.7 if len(series) <= MOST_VECTORS else 0.45
    for run, look in zip(series, looks, strict=True):
        values = np.where(np.isfinite(run.values), run.values, np.nan)
        _end(axes, run, values, look.colour, size)


def isolated_dots(axes: Axes, x: np.ndarray, y: np.ndarray, colour: ColorType, rasterized: bool = False) -> None:
    """Draw dots for the finite values of y without a finite neighbour, which a line does not show."""
    finite = np.isfinite(y)
    alone = finite & ~np.r_[False, finite[:-1]] & ~np.r_[finite[1:], False]
    if alone.any():
        look: style.Look = {
            "linestyle": "none",
            "marker": ".",
            "markersize": 6,
            "zorder": 2.6,
            "rasterized": rasterized,
        }
        axes.plot(x[alone], y[alone], color=colour, gid="lone", **look)


def _end(axes: Axes, run: Series, values: np.ndarray, colour: ColorType, size: float) -> None:
    finite = np.flatnonzero(np.isfinite(values))
    ending = style.ENDINGS[run.ended]
    look: style.Look = {"linestyle": "none", "color": colour, "clip_on": False, "zorder": 3, "label": run.label}
    if len(values) and not len(finite):
        look |= {"marker": "x", "markersize": 8 * size, "markeredgewidth": 1.6, "gid": "never finite"}
        axes.plot(run.updates[-1:], [1.0], transform=axes.get_xaxis_transform(), **look)
    elif len(values) and run.ended not in UNMARKED:
        look |= {"marker": ending.marker, "markersize": ending.size * size, "gid": f"end:{run.ended}"}
        look |= {"markeredgecolor": "white", "markeredgewidth": 0.7 * size**2}
        axes.plot(run.updates[finite[-1:]], values[finite[-1:]], **look)


def end_keys(series: Sequence[Series]) -> list[Line2D]:
    """Return the legend entries of the markers that `run_lines` draws at the ends of these runs."""
    marked = {run.ended for run in series} - set(UNMARKED)
    return [style.ending_key(ended) for ended in style.ENDINGS if ended in marked]
