"""Figures over time steps: the gradient, or the saturation distance, along a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, MaxNLocator

from plots import marks, style
from plots.arrangement import Entry, Selection, arrange
from plots.data import Trace

FAR = 10.0  # log10 g; runs beyond it have exploded, and would compress all others on a shared scale
SEPARATE_SCALE = f"runs with gradients above $10^{{{FAR:g}}}$ are drawn on a separate scale"
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
    """Draw log10 of g_t = ||dL/dh_t|| against the time step t, one panel per run, early checks light, late ones dark.

    Exact zeros have no logarithm: they are dashes in a separate strip at the bottom, with a row for each line.
    Overflows (inf) are triangles at the top edge.

    checks: number of checks, evenly spaced over training, the first and the last included. at: draw the checks nearest
    to these updates instead; inf is the last check. most: greatest number of runs; the first run of every group is
    chosen first, and a note says how many were left out. overlay: draw one panel for each of `at` (None: the last
    check), with all runs coloured by group. groups: all groups of the study, so that a group has the same colour in
    every figure. Raises ValueError for negative values, for `checks` or `most` below 1, and for invalid updates.
    """
    selection = Selection(checks, at, most, overlay, groups)
    return _profiles("gradient_through_time", traces, selection, title, LOG_G, logarithm=True)


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
    """Draw the saturation distance against the time step, one panel per run, early checks light, late ones dark.

    The axis goes from 0 (saturated) to `limit`, or to the greatest distance if that is larger or `limit` is None. Other
    arguments and errors as for `gradient_through_time`.
    """
    selection = Selection(checks, at, most, overlay, groups)
    return _profiles("saturation_through_time", traces, selection, title, ylabel, logarithm=False, limit=limit)


def refuse_negative(figure: str, traces: Sequence[Trace]) -> None:
    """Raise ValueError, naming figure and run, if a trace has negative values."""
    for trace in traces:
        if np.any(trace.values < 0):
            raise ValueError(
                f"{figure}: values of {trace.label!r} are negative, allowed: norms and distances of 0 or more"
            )


def log10(values: np.ndarray) -> np.ndarray:
    """Return log10 of the positive finite values, and NaN elsewhere."""
    logs = np.full(values.shape, np.nan)
    np.log10(values, where=np.isfinite(values) & (values > 0), out=logs)
    return logs


@dataclass(frozen=True)
class _Frame:
    """The properties that panels on the same scale share."""

    low: float  # range of the finite values
    high: float
    steps: int  # number of time steps of the longest trace
    strip: bool  # whether there is a strip for exact zeros
    empty: bool  # whether there are no finite values, and therefore no ticks


def _profiles(
    name: str,
    traces: Sequence[Trace],
    selection: Selection,
    title: str,
    ylabel: str,
    *,
    logarithm: bool,
    limit: float | None = None,
) -> Figure:
    refuse_negative(name, traces)
    arrangement = arrange(name, title, traces, selection)
    if arrangement is None:
        return style.text_figure(title, NOTHING)
    entries = arrangement.entries
    values_of = {id(entry): log10(_raw(entry)) if logarithm else _raw(entry) for entry in entries}
    steps = max(len(_raw(entry)) for entry in entries)
    strip = logarithm and any((_raw(entry) == 0).any() for entry in entries)
    far = [
        logarithm and any(np.any(_raw(entry) > 10.0**FAR) for entry in panel.entries) for panel in arrangement.panels
    ]
    drawn = []
    for panel, is_far in zip(arrangement.panels, far, strict=True):
        same_scale = [
            values_of[id(entry)]
            for other, other_is_far in zip(arrangement.panels, far, strict=True)
            if other_is_far == is_far
            for entry in other.entries
        ]
        finite = np.concatenate(same_scale)
        finite = finite[np.isfinite(finite)]
        frame = _Frame(*_range(finite, logarithm, limit), steps, strip, empty=not len(finite))
        axes = arrangement.add_axes(panel, xlabel=TIME, ylabel=ylabel)
        _limits(axes, frame)
        for entry in panel.entries:
            _line(axes, entry, values_of[id(entry)])
        if strip:
            _zeros(axes, panel.entries)
        drawn.append(axes)
    return arrangement.finish(drawn, SEPARATE_SCALE if len(set(far)) > 1 else "")


def _range(finite: np.ndarray, logarithm: bool, limit: float | None) -> tuple[float, float]:
    """Return the smallest and greatest value in view."""
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if logarithm:
        return low, high
    if limit is None:
        return 0.0, high
    return 0.0, max(high, limit) if len(finite) else limit


def _raw(entry: Entry[Trace]) -> np.ndarray:
    """Return the values of an entry as recorded, (T,)."""
    values: np.ndarray = entry.record.values[entry.row]
    return values


def _limits(axes: Axes, frame: _Frame) -> None:
    """Set the same limits in every panel; values and ticks stay clear of the strip for zeros."""
    axes.set_xlim(0.5, frame.steps + 0.5)
    style.count_axis(axes.xaxis)
    span = (frame.high - frame.low) or 1.0
    clear = (STRIP + 0.04) / (1 - STRIP - 0.04) * 1.06 * span if frame.strip else 0.04 * span
    axes.set_ylim(frame.low - clear, frame.high + 0.06 * span)
    ticks = np.asarray(MaxNLocator(nbins=5).tick_values(frame.low, frame.high))
    clear_of_strip = (ticks >= frame.low - 0.04 * span) & (ticks <= frame.high + 0.06 * span)
    axes.yaxis.set_major_locator(FixedLocator([] if frame.empty else ticks[clear_of_strip].tolist()))


def _line(axes: Axes, entry: Entry[Trace], values: np.ndarray) -> None:
    x = np.arange(1, len(values) + 1)
    colour = entry.look["color"]
    every = entry.points | {"markevery": max(1, len(values) // 8)} if entry.points else {}
    axes.plot(x, np.where(np.isfinite(values), values, np.nan), linewidth=1.5, gid="check", **entry.look, **every)
    marks.isolated_dots(axes, x, values, colour)
    overflow = np.isinf(_raw(entry))
    if overflow.any():
        look: style.Look = {"linestyle": "none", "marker": "^", "markersize": 4, "color": colour, "gid": "overflow"}
        axes.plot(x[overflow], np.full(overflow.sum(), 0.98), transform=axes.get_xaxis_transform(), **look)


def _zeros(axes: Axes, entries: Sequence[Entry[Trace]]) -> None:
    """Draw the strip at the bottom: a row for each line, with a dash at each time step at which g is exactly 0."""
    look: style.Look = {"color": style.STRIP, "linewidth": 0, "zorder": 1.2}
    axes.add_patch(Rectangle((0, 0), 1, STRIP, transform=axes.transAxes, **look))
    for row, entry in enumerate(entries):
        zero = np.flatnonzero(_raw(entry) == 0) + 1
        height = np.full(len(zero), STRIP * (row + 0.5) / len(entries))
        look = {"color": entry.look["color"], "linewidth": 1.8, "gid": "zero", "label": entry.look["label"]}
        axes.hlines(height, zero - 0.5, zero + 0.5, transform=axes.get_xaxis_transform(), **look)
    look = {"ha": "right", "va": "center", "fontsize": style.SMALL - 1, "color": style.MUTED}
    axes.text(-0.02, STRIP / 2, "exactly 0", transform=axes.transAxes, **look)
