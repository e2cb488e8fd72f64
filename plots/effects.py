"""What hyper-parameters do: the mean result at each value, and how much each accounts for in a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from plots import style

MOST = 60  # values in one figure


@dataclass(frozen=True)
class Effect:
    """The mean result at one value of a hyper-parameter, and its standard error over seeds, if it has one."""

    name: str
    value: str
    mean: float
    error: float | None = None


@dataclass(frozen=True)
class Importance:
    """title, xlabel: of the panel; sizes, errors: one for each hyper-parameter, in the order of the effects."""

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
    """A row for each value, hyper-parameter by hyper-parameter: left its mean, right a bar for each importance.

    Of more than sixty values the first are shown, hyper-parameters whole, and a note says so. ValueError for an
    importance that has not one size for each hyper-parameter.
    """
    names = list(dict.fromkeys(each.name for each in shown))
    for each in importances:
        for what, values in (("sizes", each.sizes), ("errors", each.errors)):
            if values is not None and len(values) != len(names):
                raise ValueError(f"effects: {each.title} has {len(values)} {what}, allowed: {len(names)}, one a name")
    if not shown:
        return style.say(title, "No effects to draw.")
    kept = _first(shown, names)
    rows, middles, place = [], [], 0.0
    for name in kept:
        here = [each for each in shown if each.name == name]
        rows += [(place + i, each) for i, each in enumerate(here)]
        middles.append(place + (len(here) - 1) / 2)
        place += len(here) + 0.9
    figure = style.new_figure(title, 1.6 + 0.21 * place)
    widths = [2.2] + [1.0] * len(importances)
    panels = figure.subplots(1, len(widths), sharey=True, width_ratios=widths, squeeze=False)[0]
    handles = _means(panels[0], rows, xlabel, floor, floor_label or f"floor {floor}")
    for axes, each in zip(panels[1:], importances, strict=True):
        _bars(axes, each, middles)
    for axes in panels:
        for middle, following in zip(rows, rows[1:], strict=False):
            if middle[1].name != following[1].name:
                between = (middle[0] + following[0]) / 2
                axes.axhline(between, color=style.GRID, linewidth=0.8, zorder=0.5)
    panels[0].set_ylim(place - 0.9 - 0.3, -0.7)
    left_out = len(names) - len(kept)
    words = [f"{left_out} of {len(names)} hyper-parameters left out for want of room"] if left_out else []
    style.footer(figure, handles, [*words, *notes])
    return figure


def _first(shown: Sequence[Effect], names: Sequence[str]) -> list[str]:
    kept, count = [], 0
    for name in names:
        count += sum(each.name == name for each in shown)
        if kept and count > MOST:
            break
        kept.append(name)
    return kept


def _means(
    axes: Axes, rows: Sequence[tuple[float, Effect]], xlabel: str, floor: float | None, floor_label: str
) -> list[Line2D]:
    style.dress(axes, title="mean at each value", xlabel=xlabel, grid="x")
    bar = {"color": style.HUES[0], "linewidth": 1.4, "zorder": 2.2}
    dot = {"color": style.HUES[0], "marker": "o", "markersize": 4.5, "linestyle": "none", "zorder": 2.5}
    for place, each in rows:
        if each.error is not None:
            axes.plot([each.mean - each.error, each.mean + each.error], [place, place], gid="error", **bar)
    axes.plot([each.mean for _, each in rows], [place for place, _ in rows], gid="mean", **dot)
    previous = None
    ticks = []
    for _, each in rows:
        name = style.shorten(each.name, 30)
        ticks.append(f"{name}   {style.shorten(each.value, 20)}" if each.name != previous else each.value)
        previous = each.name
    axes.set_yticks([place for place, _ in rows], ticks)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    handles = [Line2D([], [], label="mean", **dot)]
    if any(each.error is not None for _, each in rows):
        handles.append(Line2D([], [], label="± standard error over seeds", **bar))
    if floor is not None:
        look = {"color": style.INK, "linestyle": (0, (6, 4)), "linewidth": 1.1, "label": floor_label}
        axes.axvline(floor, zorder=1.5, **look)
        handles.append(Line2D([], [], **look))
    return handles


def _bars(axes: Axes, importance: Importance, middles: Sequence[float]) -> None:
    style.dress(axes, title=importance.title, xlabel=importance.xlabel, grid="x")
    sizes = list(importance.sizes)[: len(middles)]
    axes.barh(middles, sizes, height=0.8, color=style.HUES[2], alpha=0.75)
    if importance.errors is not None:
        for middle, size, error in zip(middles, sizes, importance.errors, strict=False):
            ends = [size - error, size + error]
            axes.plot(ends, [middle] * 2, color=style.INK, linewidth=1.1, gid="importance error")
    axes.axvline(0, color="#9a9a9a", linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.tick_params(labelleft=False)
