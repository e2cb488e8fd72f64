"""Effects of hyper-parameters: the mean result at each value, and the importance of each hyper-parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from plots import style

MOST = 60  # greatest number of values in a figure


@dataclass(frozen=True)
class Effect:
    """The mean result at one value of a hyper-parameter, and its standard error over seeds or None."""

    name: str
    value: str
    mean: float
    error: float | None = None


@dataclass(frozen=True)
class Importance:
    """The importance of every hyper-parameter by one measure.

    title, xlabel: of the panel. sizes, errors: one per hyper-parameter, in the order of the effects.
    """

    title: str
    xlabel: str
    sizes: Sequence[float]
    errors: Sequence[float] | None = None


def effects(
    shown: Sequence[Effect],
    importances: Sequence[Importance] = (),
    *,
    xlabel: str = "mean loss",
    floor: float | None = None,
    floor_label: str | None = None,
    title: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """Draw a row for each value of each hyper-parameter: left its mean, right a bar for each importance.

    With more than 60 values, the last hyper-parameters are left out, and a note says so. xlabel, floor, floor_label: of
    the means. Raises ValueError for an importance that does not have one size and error per hyper-parameter.
    """
    names = list(dict.fromkeys(effect.name for effect in shown))
    for importance in importances:
        for what, values in (("sizes", importance.sizes), ("errors", importance.errors)):
            if values is not None and len(values) != len(names):
                raise ValueError(
                    f"effects: {importance.title} has {len(values)} {what}, "
                    f"allowed: {len(names)}, one per hyper-parameter"
                )
    if not shown:
        return style.text_figure(title, "No effects to draw.")
    kept = _first(shown, names)
    rows: list[tuple[float, Effect]] = []
    middles, place = [], 0.0
    for name in kept:
        values_of_name = [effect for effect in shown if effect.name == name]
        rows += [(place + i, effect) for i, effect in enumerate(values_of_name)]
        middles.append(place + (len(values_of_name) - 1) / 2)
        place += len(values_of_name) + 0.9
    figure = style.new_figure(title, 1.6 + 0.21 * place)
    widths = [2.2] + [1.0] * len(importances)
    panels = figure.subplots(1, len(widths), sharey=True, width_ratios=widths, squeeze=False)[0]
    handles = _means(panels[0], rows, xlabel, floor, floor_label or f"floor {floor}")
    for axes, importance in zip(panels[1:], importances, strict=True):
        _bars(axes, importance, middles)
    for axes in panels:
        for (upper, effect), (lower, following) in pairwise(rows):
            if effect.name != following.name:
                axes.axhline((upper + lower) / 2, color=style.GRID, linewidth=0.8, zorder=0.5)
    panels[0].set_ylim(place - 0.9 - 0.3, -0.7)
    left_out = len(names) - len(kept)
    remarks = [f"{left_out} of {len(names)} hyper-parameters left out for lack of space"] if left_out else []
    style.footer(figure, handles, [*remarks, *notes])
    return figure


def _first(shown: Sequence[Effect], names: Sequence[str]) -> list[str]:
    """Return the first names with at most MOST values together, and at least one name."""
    kept: list[str] = []
    count = 0
    for name in names:
        count += sum(effect.name == name for effect in shown)
        if kept and count > MOST:
            break
        kept.append(name)
    return kept


def _means(
    axes: Axes, rows: Sequence[tuple[float, Effect]], xlabel: str, floor: float | None, floor_label: str
) -> list[Line2D]:
    style.set_up_axes(axes, title="mean at each value", xlabel=xlabel, grid="x")
    # Not in colours of configurations: a mean is over several of them.
    bar: style.Look = {"color": style.MUTED, "linewidth": 1.4, "zorder": 2.2}
    dot: style.Look = {"color": style.INK, "marker": "o", "markersize": 4.5, "linestyle": "none", "zorder": 2.5}
    for place, effect in rows:
        if effect.error is not None:
            ends = [effect.mean - effect.error, effect.mean + effect.error]
            axes.plot(ends, [place, place], gid="error", **bar)
    axes.plot([effect.mean for _, effect in rows], [place for place, _ in rows], gid="mean", **dot)
    previous = None
    ticks = []
    for _, effect in rows:
        name, value = style.shorten(effect.name, 30), style.shorten(effect.value, 20)
        ticks.append(f"{name}   {value}" if effect.name != previous else value)
        previous = effect.name
    axes.set_yticks([place for place, _ in rows], ticks)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    handles = [Line2D([], [], label="mean", **dot)]
    if any(effect.error is not None for _, effect in rows):
        handles.append(Line2D([], [], label="± standard error over seeds", **bar))
    if floor is not None:
        look: style.Look = {"color": style.INK, "linestyle": (0, (6, 4)), "linewidth": 1.1, "label": floor_label}
        axes.axvline(floor, zorder=1.5, **look)
        handles.append(Line2D([], [], **look))
    return handles


def _bars(axes: Axes, importance: Importance, middles: Sequence[float]) -> None:
    style.set_up_axes(axes, title=importance.title, xlabel=importance.xlabel, grid="x")
    sizes = list(importance.sizes)[: len(middles)]
    axes.barh(middles, sizes, height=0.8, color=style.MUTED, alpha=0.6)
    if importance.errors is not None:
        for middle, size, error in zip(middles, sizes, importance.errors, strict=False):
            ends = [size - error, size + error]
            axes.plot(ends, [middle] * 2, color=style.INK, linewidth=1.1, gid="importance error")
    axes.axvline(0, color="#9a9a9a", linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.tick_params(labelleft=False)
