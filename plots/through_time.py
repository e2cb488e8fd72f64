"""Figures with the time step on the x axis: what the gradient, or saturation, does along a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, MaxNLocator

from plots import marks, panels, style
from plots.data import Trace

STRIP = 0.11  # height of the strip for exact zeros, as a share of the panel
LOG_G = r"$\log_{10}\,g_t$"
TIME = "time step $t$"
ZERO = "#c4c4c4"


def gradient_through_time(traces: Sequence[Trace], *, checks: int = 6, most: int = 6, title: str = "") -> Figure:
    """log10 of g_t = ||dL/dh_t|| against the time step, early checks light and late ones dark, one panel a run.

    Exact zeros have no logarithm: they are dashes in a strip of their own at the bottom, a row for each
    check. Overflows (inf) are triangles at the top edge.

    checks: at how many checks, evenly over training, first and last included.
    most: how many runs; the first of every group comes first, and a note says how many were left out.
    Raises ValueError for negative values, and for checks or most below 1.
    """
    return _profiles("gradient_through_time", traces, checks, most, title, LOG_G, logarithm=True)


def saturation_through_time(
    traces: Sequence[Trace],
    *,
    checks: int = 6,
    most: int = 6,
    ylabel: str = "mean saturation distance",
    title: str = "",
) -> Figure:
    """Saturation distance against the time step, early checks light and late ones dark, one panel a run.

    The distance is drawn as it is, from 0 (saturated). Arguments and errors as for `gradient_through_time`.
    """
    return _profiles("saturation_through_time", traces, checks, most, title, ylabel, logarithm=False)


def gradient_image(traces: Sequence[Trace], *, most: int = 6, title: str = "") -> Figure:
    """log10 g_t as colour over time step (x) and training update (y), one panel a run.

    All panels share the colour scale. Exact zeros are grey, overflows (inf) red, and what is not there (NaN)
    blank. most: how many runs, chosen as by `gradient_through_time`.
    Raises ValueError for negative values and for most below 1.
    """
    shown, note = _choose("gradient_image", traces, most)
    if not shown:
        return style.say(title, "No traces to draw.")
    logs = [_log10(trace.values) for trace in shown]
    finite = np.concatenate([log[np.isfinite(log)] for log in logs])
    norm = Normalize(finite.min(), max(finite.max(), finite.min() + 1e-9)) if len(finite) else Normalize(0, 1)
    figure, places = panels.grid(title, len(shown))
    drawn, apart = [], {}
    for place, trace, log in zip(places, shown, logs, strict=True):
        axes = _panel(figure, place, places, trace, "updates", grid="")
        x, y = np.arange(log.shape[1] + 1) + 0.5, _edges(trace.updates)
        look = {"cmap": style.RAMP.reversed(), "norm": norm, "gid": "log g"}
        axes.pcolormesh(x, y, np.ma.masked_invalid(log), rasterized=True, **look)
        zero, overflow = trace.values == 0, np.isinf(trace.values)
        for name, where, colour in (("exactly 0", zero, ZERO), ("overflow", overflow, style.EXPLODING)):
            if where.any():
                look = {"cmap": ListedColormap([colour]), "gid": name}
                axes.pcolormesh(x, y, np.ma.masked_equal(where, False), rasterized=True, **look)
                apart[name] = Patch(color=colour, label=name)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(y[0], y[-1])
        style.count_axis(axes.xaxis)
        style.count_axis(axes.yaxis)
        drawn.append(axes)
    if len(finite):
        style.ramp_bar(figure, drawn, norm, LOG_G, cmap=style.RAMP.reversed())
    style.footer(figure, list(apart.values()), [note])
    return figure


@dataclass(frozen=True)
class _Frame:
    """What all panels of a figure share."""

    low: float  # limits of what is drawn
    high: float
    steps: int  # the longest trace's number of time steps
    strip: bool  # whether there is a strip for exact zeros
    empty: bool  # whether there is nothing finite to put ticks at
    norm: Normalize  # update -> place on the ramp


def _profiles(
    name: str, traces: Sequence[Trace], checks: int, most: int, title: str, ylabel: str, *, logarithm: bool
) -> Figure:
    chosen, note = _choose(name, traces, most)
    if not chosen:
        return style.say(title, "No traces to draw.")
    shown = []
    for trace in chosen:
        rows = panels.choose_checks(name, len(trace.updates), checks)
        shown.append(Trace(trace.label, trace.group, trace.updates[rows], trace.values[rows]))
    rows_of = [_log10(trace.values) if logarithm else trace.values for trace in shown]
    finite = np.concatenate([values[np.isfinite(values)] for values in rows_of])
    updates = np.concatenate([trace.updates for trace in shown])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    frame = _Frame(
        low=low if logarithm else 0.0,
        high=high,
        steps=max(trace.values.shape[1] for trace in shown),
        strip=logarithm and any((trace.values == 0).any() for trace in shown),
        empty=not len(finite),
        norm=panels.update_norm(updates),
    )
    figure, places = panels.grid(title, len(shown))
    drawn = []
    for place, trace, values in zip(places, shown, rows_of, strict=True):
        axes = _panel(figure, place, places, trace, ylabel)
        _limits(axes, frame)
        _lines(axes, trace, values, frame.norm)
        if frame.strip:
            _zeros(axes, trace, frame.norm)
        drawn.append(axes)
    style.footer(figure, [], [panels.explain_updates(figure, drawn, updates), note])
    return figure


def _limits(axes: Axes, frame: _Frame) -> None:
    """The same limits in every panel; values and ticks stay clear of the strip for zeros."""
    axes.set_xlim(0.5, frame.steps + 0.5)
    style.count_axis(axes.xaxis)
    span = (frame.high - frame.low) or 1.0
    clear = (STRIP + 0.04) / (1 - STRIP - 0.04) * 1.06 * span if frame.strip else 0.04 * span
    axes.set_ylim(frame.low - clear, frame.high + 0.06 * span)
    ticks = MaxNLocator(nbins=5).tick_values(frame.low, frame.high)
    clear_of_strip = (ticks >= frame.low - 0.04 * span) & (ticks <= frame.high + 0.06 * span)
    axes.yaxis.set_major_locator(FixedLocator([] if frame.empty else ticks[clear_of_strip]))


def _lines(axes: Axes, trace: Trace, values: np.ndarray, norm: Normalize) -> None:
    x = np.arange(1, values.shape[1] + 1)
    for update, raw, row in zip(trace.updates, trace.values, values, strict=True):
        colour = style.RAMP(norm(update))
        finite = np.where(np.isfinite(row), row, np.nan)
        axes.plot(x, finite, color=colour, linewidth=1.5, gid="check", label=f"update {update:,.0f}")
        marks.lone(axes, x, row, colour)
        beyond = np.isinf(raw)
        if beyond.any():
            look = {"linestyle": "none", "marker": "^", "markersize": 4, "color": colour, "gid": "overflow"}
            axes.plot(x[beyond], np.full(beyond.sum(), 0.98), transform=axes.get_xaxis_transform(), **look)


def _zeros(axes: Axes, trace: Trace, norm: Normalize) -> None:
    """The strip at the bottom: a row for each check, a dash for each time step at which g is exactly 0."""
    look = {"color": style.STRIP, "linewidth": 0, "zorder": 1.2}
    axes.add_patch(Rectangle((0, 0), 1, STRIP, transform=axes.transAxes, **look))
    x = np.arange(1, trace.values.shape[1] + 1)
    for row, (update, values) in enumerate(zip(trace.updates, trace.values, strict=True)):
        zero = x[values == 0]
        height = np.full(len(zero), STRIP * (row + 0.5) / len(trace.updates))
        look = {
            "color": style.RAMP(norm(update)),
            "linewidth": 1.8,
            "gid": "zero",
            "label": f"update {update:,.0f}",
        }
        axes.hlines(height, zero - 0.5, zero + 0.5, transform=axes.get_xaxis_transform(), **look)
    look = {"ha": "right", "va": "center", "fontsize": style.SMALL - 1, "color": style.MUTED}
    axes.text(-0.02, STRIP / 2, "exactly 0", transform=axes.transAxes, **look)


def _choose(name: str, traces: Sequence[Trace], most: int) -> tuple[list[Trace], str]:
    """The traces to draw and the note on those left out; ValueError for negative values."""
    for trace in traces:
        if np.any(trace.values < 0):
            raise ValueError(
                f"{name}: values of {trace.label!r} are negative, allowed: norms and distances of 0 and more"
            )
    return panels.choose_runs(name, traces, most)


def _log10(values: np.ndarray) -> np.ndarray:
    """log10, NaN where there is none: at 0, inf and NaN."""
    usable = np.isfinite(values) & (values > 0)
    return np.log10(values, where=usable, out=np.full(values.shape, np.nan))


def _panel(
    figure: Figure,
    place: SubplotSpec,
    places: Sequence[SubplotSpec],
    trace: Trace,
    ylabel: str,
    grid: str = "both",
) -> Axes:
    """A dressed panel with axis labels at the left and at the lower edge only."""
    return style.dress(
        figure.add_subplot(place),
        title=style.shorten(trace.label, 38),
        grid=grid,
        xlabel=TIME if panels.is_lowest(place, places) else "",
        ylabel=ylabel if panels.is_left(place) else "",
    )


def _edges(updates: np.ndarray) -> np.ndarray:
    """Cell borders half way between updates, the outer ones as far out as the inner ones are in."""
    if len(updates) == 1:
        return updates[0] + np.array([-0.5, 0.5])
    middle = (updates[1:] + updates[:-1]) / 2
    return np.r_[2 * updates[0] - middle[0], middle, 2 * updates[-1] - middle[-1]]
