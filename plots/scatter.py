"""The hyper-parameter scatter: loss against value, one panel for each hyper-parameter that varies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots import marks, panels, parameter_axis, scales, style
from plots.data import Point

NAME = "hyperparameters"
FLOOR = {"color": style.INK, "linestyle": (0, (6, 2)), "linewidth": 1.2}
THRESHOLD = {"color": style.EXPLODING, "linestyle": ":", "linewidth": 1.4}
MEAN = {"linestyle": "none", "marker": "_", "color": style.INK, "markeredgewidth": 2.2}


def hyperparameters(
    points: Sequence[Point],
    parameters: Sequence[str] | None = None,
    *,
    floor: float | None = None,
    floor_label: str | None = None,
    threshold: float | None = None,
    ylabel: str = "loss",
    scale: str = "auto",
    title: str = "",
) -> Figure:
    """Loss against the value of each hyper-parameter that varies over the points, in a grid of panels.

    Numbers that span a decade or are spaced by a ratio go on a log axis; strings, None, booleans and
    parameters that a run lacks are categories. Runs at one value are spread sideways, always in the same
    way, and a bar marks the mean of those with a finite loss where there are two or more. Runs without a
    finite loss are crosses at the top edge.

    parameters: the names to look at, in order; all that occur, if None. Those that do not vary get no panel,
    and a note says so; if none varies, the figure says that in words. scale: as for `curves`.
    Raises ValueError for a parameter that no run has, a floor or threshold that is not finite, and a scale
    that is not known or does not fit.
    """
    lines = []
    if floor is not None:
        lines.append((*marks.level(NAME, "floor", floor, floor_label or f"floor {style.number(floor)}"), FLOOR))
    if threshold is not None:
        text = f"threshold {style.number(threshold)}"
        lines.append((*marks.level(NAME, "threshold", threshold, text), THRESHOLD))
    if not points:
        return style.say(title, "No runs to draw.")
    columns = _columns(points, parameters)
    varying = [name for name, values in columns.items() if len(set(values)) > 1]
    if not varying:
        runs = "one run" if len(points) == 1 else f"{len(points)} runs"
        return style.say(title, f"No hyper-parameter varies over the {runs} shown: there is nothing to compare.")

    losses = np.array([point.loss for point in points])
    figure, places = panels.grid(title, len(varying))
    averaged = False
    for place, name in zip(places, varying, strict=True):
        axes = style.dress(figure.add_subplot(place), title=style.shorten(name, 40), grid="y")
        # Without a line for scale, points that differ little may be looked at from near.
        how = {"levels": [value for value, _, _ in lines], "scale": scale, "from_zero": bool(lines)}
        scales.value_axis(axes, losses, figure=NAME, label=ylabel, **how)
        if not panels.is_left(place):
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)
        for value, text, look in lines:
            axes.axhline(value, zorder=1.5, label=text, **look)
        x, middles = parameter_axis.place(axes, columns[name])
        _runs(axes, x, losses, [point.ended for point in points])
        averaged |= _means(axes, columns[name], losses, middles)

    present = {point.ended for point in points}
    handles = [style.ending_key(ended, coloured=True) for ended in style.ENDINGS if ended in present]
    if averaged:
        handles.append(Line2D([], [], markersize=14, label="mean at a value", **MEAN))
    handles += [Line2D([], [], label=text, **look) for _, text, look in lines]
    same = [name for name in columns if name not in varying]
    style.footer(figure, handles, _notes(losses, same))
    return figure


def _columns(points: Sequence[Point], parameters: Sequence[str] | None) -> dict[str, list[float | str]]:
    """Name -> the value of every run; ValueError for a name that no run has."""
    known = list(dict.fromkeys(name for point in points for name in point.parameters))
    for name in parameters or ():
        if name not in known:
            allowed = ", ".join(known) or "none, as no run has any"
            raise ValueError(f"{NAME}: no run has the parameter {name!r}, allowed: {allowed}")
    missing = parameter_axis.NOT_SET
    return {
        name: [parameter_axis.plain(point.parameters.get(name, missing)) for point in points]
        for name in (known if parameters is None else parameters)
    }


def _runs(axes: Axes, x: np.ndarray, losses: np.ndarray, ends: Sequence[str | None]) -> None:
    """A marker a run, in the colour of its ending; a cross at the top edge where the loss is not finite."""
    size = 1.0 if len(x) <= 60 else 0.75 if len(x) <= 300 else 0.5
    finite = np.isfinite(losses)
    for ended, ending in style.ENDINGS.items():
        chosen = np.array([each == ended for each in ends])
        look = {"linestyle": "none", "color": ending.colour, "alpha": 0.75, "clip_on": False, "zorder": 2.5}
        some, lost = chosen & finite, chosen & ~finite
        if some.any():
            look |= {"markeredgecolor": "white", "markeredgewidth": 0.5, "gid": f"runs:{ended}"}
            axes.plot(x[some], losses[some], marker=ending.marker, markersize=ending.size * size, **look)
        if lost.any():
            look |= {"markeredgecolor": ending.colour, "markeredgewidth": 1.4, "gid": "no loss"}
            edge = axes.get_xaxis_transform()
            axes.plot(x[lost], np.ones(lost.sum()), marker="x", markersize=6 * size, transform=edge, **look)


def _means(axes: Axes, values: Sequence, losses: np.ndarray, middles: dict) -> bool:
    """A bar at the mean of the finite losses of each value that has two or more; whether there is any."""
    at: dict[float | str, list[float]] = {}
    for value, loss in zip(values, losses, strict=True):
        if np.isfinite(loss):
            at.setdefault(value, []).append(loss)
    means = {value: np.mean(some) for value, some in at.items() if len(some) > 1}
    if means:
        size = 20 if len(middles) <= parameter_axis.FEW else 10
        x = [middles[value] for value in means]
        axes.plot(x, list(means.values()), markersize=size, zorder=3, gid="mean", **MEAN)
    return bool(means)


def _notes(losses: np.ndarray, same: Sequence[str]) -> list[str]:
    notes = []
    if lost := int((~np.isfinite(losses)).sum()):
        notes.append(f"{lost} of {len(losses)} runs have no finite loss: crosses at the top edge, not in the means")
    if same:
        notes.append(style.shorten(f"the same in all runs: {', '.join(same)}", 140))
    return notes
