"""The scatter plot of hyper-parameters: loss against value, one panel for each hyper-parameter that varies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D

from plots import marks, panels, parameter_axis, scales, style
from plots.data import Point
from plots.values import NOT_SET, plain

NAME = "hyperparameters"
FLOOR: style.Look = {"color": style.INK, "linestyle": (0, (6, 2)), "linewidth": 1.2}
THRESHOLD: style.Look = {"color": style.EXPLODING, "linestyle": ":", "linewidth": 1.4}
MEAN: style.Look = {"linestyle": "none", "marker": "_", "color": style.INK, "markeredgewidth": 2.2}


@dataclass(frozen=True)
class Scatter:
    """Runs whose losses can be compared with one another, and the lines that they are compared with.

    parameters: the names to draw, in order; all names if None. ylabel: the name of the loss, with its unit. means: name
    -> value (a float, or the category's label) -> the mean to mark, and its standard error over seeds or None. title:
    what tells these runs from the others of the figure.
    """

    points: Sequence[Point]
    parameters: Sequence[str] | None = None
    floor: float | None = None
    floor_label: str | None = None
    ylabel: str = "loss"
    means: Mapping[str, Mapping[float | str, tuple[float, float | None]]] = field(default_factory=dict)
    title: str = ""

    @property
    def losses(self) -> np.ndarray:
        return np.array([point.loss for point in self.points])

    def lines(self, threshold: float | None) -> list[tuple[float, str, style.Look]]:
        """Return value, text and look of the floor and the threshold. Raise ValueError for non-finite ones."""
        lines: list[tuple[float, str, style.Look]] = []
        if self.floor is not None:
            label = self.floor_label or f"floor {style.number(self.floor)}"
            lines.append((*marks.level(NAME, "floor", self.floor, label), FLOOR))
        if threshold is not None:
            text = f"threshold {style.number(threshold)}"
            lines.append((*marks.level(NAME, "threshold", threshold, text), THRESHOLD))
        return lines


def hyperparameters(
    shown: Sequence[Scatter],
    *,
    threshold: float | None = None,
    scale: str = "auto",
    groups: Sequence[str] = (),
    title: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """Draw the loss against each hyper-parameter that varies over the points, in a grid of panels for each of `shown`.

    Numbers that span a decade or are evenly spaced on a logarithmic scale get a log axis; strings, None, booleans and
    parameters that a run lacks are categories. Markers that would overlap are placed side by side, deterministically.
    Runs without a finite loss are crosses at the top edge. Constant parameters get no panel, and a note lists them.

    scale: as for `curves`. groups: all groups of the study. Points then have the colours of their groups, if up to 12
    are shown and colours tell them apart, and the markers of their endings; else both stand for endings. notes: further
    notes below the panels.
    Raises ValueError for a parameter that no run has, a non-finite floor or threshold, and an unknown or unsuitable
    scale.
    """
    lines = [scatter.lines(threshold) for scatter in shown]
    points = [point for scatter in shown for point in scatter.points]
    if not points:
        return style.text_figure(title, "No runs to draw.")
    columns = [_columns(scatter.points, scatter.parameters) for scatter in shown]
    varying = [[name for name, values in of.items() if len(set(values)) > 1] for of in columns]
    if not any(varying):
        runs = "one run" if len(points) == 1 else f"{len(points)} runs"
        return style.text_figure(
            title, f"No hyper-parameter varies over the {runs} shown: there is nothing to compare."
        )

    figure, places = _panels(title, [len(names) for names in varying])
    ends = [point.ended for point in points]
    size = 1.0 if len(points) <= 60 else 0.75 if len(points) <= 300 else 0.5
    marker = _marker(figure, places, max(style.ENDINGS[ended].size for ended in ends) * size)
    looks = style.looks([point.group for point in points], groups)
    told_apart = len({(look.colour, style.face(look)) for look in looks.values()}) == len(looks)
    coloured = bool(groups) and told_apart and len(looks) <= style.NAMED_GROUPS
    averaged = False
    remaining = iter(places)
    for scatter, of, names, levels in zip(shown, columns, varying, lines, strict=True):
        for name in names:
            place = next(remaining)
            words = f"{scatter.title}: {name}" if scatter.title else name
            axes = style.set_up_axes(figure.add_subplot(place), title=style.shorten(words, 40), grid="y")
            # Not from zero, so that small differences between points and lines are visible.
            values = [value for value, _, _ in levels]
            scales.value_axis(
                axes, scatter.losses, figure=NAME, label=scatter.ylabel, levels=values, scale=scale, from_zero=False
            )
            if not panels.is_left(place):
                axes.set_ylabel("")
                axes.tick_params(labelleft=False)
            for value, text, look in levels:
                axes.axhline(value, zorder=1.5, label=text, **look)
            x, middles = parameter_axis.place(axes, of[name], _heights(axes, scatter.losses), marker)
            _runs(axes, x, scatter, looks if coloured else {}, size)
            averaged |= _means(axes, scatter.means.get(name, {}), middles)

    present = {point.ended for point in points}
    handles = style.group_keys(looks, [point.group for point in points], lines=False) if coloured else []
    handles += [style.ending_key(ended, coloured=not coloured) for ended in style.ENDINGS if ended in present]
    if averaged:
        handles.append(Line2D([], [], markersize=14, label="mean ± standard error over seeds", **MEAN))
    texts = {text: look for levels in lines for _, text, look in levels}
    handles += [Line2D([], [], label=text, **look) for text, look in texts.items()]
    losses = np.concatenate([scatter.losses for scatter in shown])
    constant = [name for of, names in zip(columns, varying, strict=True) for name in of if name not in names]
    style.footer(figure, handles, [*_notes(losses, list(dict.fromkeys(constant))), *_alone(shown, varying), *notes])
    return figure


def _panels(title: str, counts: Sequence[int]) -> tuple[Figure, list[SubplotSpec]]:
    """Return a figure with these numbers of panels, each of which begins a row, and the place of each panel."""
    drawn = [count for count in counts if count]
    if len(drawn) == 1:
        return panels.grid(title, drawn[0])
    most = panels.COLUMNS
    return panels.table(title, [min(most, count - start) for count in drawn for start in range(0, count, most)])


def _alone(shown: Sequence[Scatter], varying: Sequence[Sequence[str]]) -> list[str]:
    """Return a note on each of several scatters in which nothing varies."""
    return [
        f"{scatter.title}: no hyper-parameter varies, no panel"
        for scatter, names in zip(shown, varying, strict=True)
        if not names
    ]


def _columns(points: Sequence[Point], parameters: Sequence[str] | None) -> dict[str, list[float | str]]:
    """Return name -> the value of every run. Raise ValueError for a name that no run has."""
    known = list(dict.fromkeys(name for point in points for name in point.parameters))
    for name in parameters or ():
        if name not in known:
            allowed = ", ".join(known) or "none, because the runs have no parameters"
            raise ValueError(f"{NAME}: no run has the parameter {name!r}, allowed: {allowed}")
    missing = NOT_SET
    return {
        name: [plain(point.parameters.get(name, missing)) for point in points]
        for name in (known if parameters is None else parameters)
    }


def _marker(figure: Figure, places: Sequence[SubplotSpec], points: float) -> tuple[float, float]:
    """Return width and height of a marker of this size (points), as shares of a panel.

    The size of a panel is estimated, since it is only known when the figure is drawn.
    """
    down = 1 + max(place.rowspan.start for place in places)
    wide = (figure.get_figwidth() - 0.6) / panels.across(places) - 0.1
    high = (figure.get_figheight() - 0.8) / down - 0.5
    return points / 72 / wide, points / 72 / high


def _heights(axes: Axes, losses: np.ndarray) -> np.ndarray:
    """Return the positions of losses as shares of the panel's height, (n,); non-finite losses are at the top."""
    to_paper = axes.yaxis.get_transform()
    low, high = to_paper.transform(np.array(axes.get_ylim()))
    finite = np.isfinite(losses)
    heights = np.ones(len(losses))
    heights[finite] = (to_paper.transform(losses[finite]) - low) / (high - low)
    return heights


def _runs(axes: Axes, x: np.ndarray, scatter: Scatter, looks: Mapping[str, style.GroupLook], size: float) -> None:
    """Draw a marker per run, in the colour of its group, or else of its ending.

    Runs whose loss is not finite are crosses at the top edge.
    """
    losses = scatter.losses
    finite = np.isfinite(losses)
    edge = axes.get_xaxis_transform()
    for ended, ending in style.ENDINGS.items():
        for group in looks or [None]:
            colour = ending.colour if group is None else looks[group].colour
            inside = ending.colour if group is None else style.face(looks[group])
            chosen = np.array([point.ended == ended and group in (None, point.group) for point in scatter.points])
            look: style.Look = {"linestyle": "none", "color": colour, "alpha": 0.75, "clip_on": False, "zorder": 2.5}
            drawn, lost = chosen & finite, chosen & ~finite
            if drawn.any():
                look |= {"markerfacecolor": inside, "gid": f"runs:{ended}"}
                edge_look: style.Look = {"markeredgecolor": "white", "markeredgewidth": 0.5}
                look |= edge_look if inside == colour else {"markeredgecolor": colour, "markeredgewidth": 1.2}
                axes.plot(x[drawn], losses[drawn], marker=ending.marker, markersize=ending.size * size, **look)
            if lost.any():
                look |= {"markeredgecolor": colour, "markeredgewidth": 1.4, "gid": "no loss"}
                axes.plot(x[lost], np.ones(lost.sum()), marker="x", markersize=6 * size, transform=edge, **look)


def _means(
    axes: Axes, means: Mapping[float | str, tuple[float, float | None]], middles: Mapping[float | str, float]
) -> bool:
    """Draw a bar at the mean of each value, with a line over its standard error; return whether there are any."""
    shown = {value: mean for value, mean in means.items() if value in middles}
    if shown:
        size = 20 if len(middles) <= parameter_axis.FEW else 10
        x = [middles[value] for value in shown]
        axes.plot(x, [mean for mean, _ in shown.values()], markersize=size, zorder=3, gid="mean", **MEAN)
    for value, (mean, error) in shown.items():
        if error is not None:
            x, low = [middles[value]] * 2, max(mean - error, axes.get_ylim()[0])
            axes.plot(x, [low, mean + error], color=style.INK, linewidth=1.6, zorder=3, gid="error")
    return bool(shown)


def _notes(losses: np.ndarray, same: Sequence[str]) -> list[str]:
    notes = []
    if lost := int((~np.isfinite(losses)).sum()):
        notes.append(f"{lost} of {len(losses)} runs have no finite loss: crosses at the top edge, not in the means")
    if same:
        notes.append(style.shorten(f"the same in all runs: {', '.join(same)}", 140))
    return notes
