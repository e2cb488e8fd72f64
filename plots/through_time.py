"""Figures with the time step on the x axis: what the gradient, or saturation, does along a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, MaxNLocator

from plots import marks, style
from plots.arrangement import Entry, arrange
from plots.data import Trace

FAR = 10.0  # log10 g: what reaches beyond has exploded, and would leave the others no room on a shared scale
OWN_SCALE = f"what reaches beyond $10^{{{FAR:g}}}$ has a scale of its own"
STRIP = 0.11  # height of the strip for exact zeros, as a share of the panel
LOG_G = r"$\log_{10}\,g_t$"
TIME = "time step $t$"
NOTHING = "No traces to draw."


def gradient_through_time(
    traces: Sequence[Trace],
    *,
    checks: int = 6,
    at: Sequence[float] | None = None,
    most: int = 6,
    overlay: bool = False,
    groups: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """log10 of g_t = ||dL/dh_t|| against the time step, early checks light and late ones dark, one panel a run.

    Exact zeros have no logarithm: they are dashes in a strip of their own at the bottom, a row for each
    line. Overflows (inf) are triangles at the top edge.

    checks: at how many checks, evenly over training, first and last included. at: at those nearest to these
    updates instead, inf for the last. most: how many runs; the first of every group comes first, and a note
    says how many were left out. overlay: a panel for each of `at` (the last check, if None) that shows all
    runs, coloured by group. groups: all of which the runs' are some, so that one has the same colour in every
    figure. Raises ValueError for negative values, and for checks, most or updates that are
    none.
    """
    places = {"checks": checks, "at": at, "most": most, "overlay": overlay, "groups": groups}
    return _profiles("gradient_through_time", traces, places, title, LOG_G, logarithm=True)


def saturation_through_time(
    traces: Sequence[Trace],
    *,
    checks: int = 6,
    at: Sequence[float] | None = None,
    most: int = 6,
    overlay: bool = False,
    groups: Sequence[str] = (),
    ylabel: str = "mean saturation distance",
    limit: float | None = None,
    title: str = "",
) -> Figure:
    """Saturation distance against the time step, early checks light and late ones dark, one panel a run.

    The distance is drawn as it is, from 0 (saturated) to `limit`, or what it reaches. Other arguments and
    errors as for `gradient_through_time`.
    """
    places = {"checks": checks, "at": at, "most": most, "overlay": overlay, "groups": groups}
    return _profiles("saturation_through_time", traces, places, title, ylabel, logarithm=False, limit=limit)


def refuse_negative(figure: str, traces: Sequence[Trace]) -> None:
    """ValueError, naming figure and run, for negative values."""
    for trace in traces:
        if np.any(trace.values < 0):
            raise ValueError(
                f"{figure}: values of {trace.label!r} are negative, allowed: norms and distances of 0 and more"
            )


def log10(values: np.ndarray) -> np.ndarray:
    """log10, NaN where there is none: at 0, inf and NaN."""
    usable = np.isfinite(values) & (values > 0)
    return np.log10(values, where=usable, out=np.full(values.shape, np.nan))


@dataclass(frozen=True)
class _Frame:
    """What panels of one scale share."""

    low: float  # limits of what is drawn
    high: float
    steps: int  # the longest trace's number of time steps
    strip: bool  # whether there is a strip for exact zeros
    empty: bool  # whether there is nothing finite to put ticks at


def _profiles(
    name: str,
    traces: Sequence[Trace],
    places: dict,
    title: str,
    ylabel: str,
    *,
    logarithm: bool,
    limit: float | None = None,
) -> Figure:
    refuse_negative(name, traces)
    arranged = arrange(name, title, traces, **places)
    if arranged is None:
        return style.say(title, NOTHING)
    entries = arranged.entries
    values_of = {id(entry): log10(_raw(entry)) if logarithm else _raw(entry) for entry in entries}
    steps = max(len(_raw(entry)) for entry in entries)
    strip = logarithm and any((_raw(entry) == 0).any() for entry in entries)
    far = [logarithm and any(np.any(_raw(entry) > 10.0**FAR) for entry in panel.entries) for panel in arranged.panels]
    drawn = []
    for panel, is_far in zip(arranged.panels, far, strict=True):
        alike = [
            entry for other, so in zip(arranged.panels, far, strict=True) if so == is_far for entry in other.entries
        ]
        finite = np.concatenate([values_of[id(entry)] for entry in alike])
        finite = finite[np.isfinite(finite)]
        frame = _Frame(*_range(finite, logarithm, limit), steps, strip, empty=not len(finite))
        axes = arranged.dress(panel, xlabel=TIME, ylabel=ylabel)
        _limits(axes, frame)
        for entry in panel.entries:
            _line(axes, entry, values_of[id(entry)])
        if strip:
            _zeros(axes, panel.entries)
        drawn.append(axes)
    return arranged.finish(drawn, OWN_SCALE if len(set(far)) > 1 else "")


def _range(finite: np.ndarray, logarithm: bool, limit: float | None) -> tuple[float, float]:
    """Least and greatest value in view."""
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if logarithm:
        return low, high
    if limit is None:
        return 0.0, high
    return 0.0, max(high, limit) if len(finite) else limit


def _raw(entry: Entry) -> np.ndarray:
    return entry.record.values[entry.row]


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


def _line(axes: Axes, entry: Entry, values: np.ndarray) -> None:
    x = np.arange(1, len(values) + 1)
    colour = entry.look["color"]
    axes.plot(x, np.where(np.isfinite(values), values, np.nan), linewidth=1.5, gid="check", **entry.look)
    marks.lone(axes, x, values, colour)
    beyond = np.isinf(_raw(entry))
    if beyond.any():
        look = {"linestyle": "none", "marker": "^", "markersize": 4, "color": colour, "gid": "overflow"}
        axes.plot(x[beyond], np.full(beyond.sum(), 0.98), transform=axes.get_xaxis_transform(), **look)


def _zeros(axes: Axes, entries: Sequence[Entry]) -> None:
    """The strip at the bottom: a row for each line, a dash for each time step at which g is exactly 0."""
    look = {"color": style.STRIP, "linewidth": 0, "zorder": 1.2}
    axes.add_patch(Rectangle((0, 0), 1, STRIP, transform=axes.transAxes, **look))
    for row, entry in enumerate(entries):
        zero = np.flatnonzero(_raw(entry) == 0) + 1
        height = np.full(len(zero), STRIP * (row + 0.5) / len(entries))
        look = {"color": entry.look["color"], "linewidth": 1.8, "gid": "zero", "label": entry.look["label"]}
        axes.hlines(height, zero - 0.5, zero + 0.5, transform=axes.get_xaxis_transform(), **look)
    look = {"ha": "right", "va": "center", "fontsize": style.SMALL - 1, "color": style.MUTED}
    axes.text(-0.02, STRIP / 2, "exactly 0", transform=axes.transAxes, **look)
