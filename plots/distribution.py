"""Histograms at a few checks: of the gradient through time, and of the saturation distance of units and gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plots import style
from plots.arrangement import Entry, Selection, arrange
from plots.data import Histogram, Trace
from plots.through_time import FAR, LOG_G, SEPARATE_SCALE

SHARE = "share of values"
MARGIN = 1.5  # decades beyond each limit that are always in view

Limits = tuple[float, float]  # log10 g below which a gradient vanished, and from which on it exploded


def gradient_histogram(
    runs: Sequence[Histogram | Trace],
    *,
    limits: Limits | None = None,
    checks: int = 4,
    at: Sequence[float] | None = None,
    most: int = 6,
    overlay: bool = False,
    groups: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw the histogram of log10 g_t at a few checks, early (light) to late (dark), one panel per run.

    Heights are shares of all values of a check. Exact zeros have a separate bar beside the histogram, and so have
    overflows if there are any. A trace is first counted over its time steps (`Histogram.from_trace`).

    limits: log10 g below the first counts as vanished, from the second on as exploded; both regions are shaded. Other
    arguments and errors as for `plots.gradient_through_time`.
    """
    counted = [run if isinstance(run, Histogram) else Histogram.from_trace(run) for run in runs]
    selection = Selection(checks, at, most, overlay, groups)
    arrangement = arrange("gradient_histogram", title, counted, selection)
    if arrangement is None:
        return style.text_figure(title, "No gradients to draw.")
    top = _top(arrangement.entries)
    infinite = any(entry.record.infinite[entry.row] for entry in arrangement.entries)
    far = [any(is_far(entry.record) for entry in panel.entries) for panel in arrangement.panels]
    drawn = []
    for panel, panel_is_far in zip(arrangement.panels, far, strict=True):
        same_scale = [
            entry.record
            for other, other_is_far in zip(arrangement.panels, far, strict=True)
            if other_is_far == panel_is_far
            for entry in other.entries
        ]
        overflow = any(record.infinite.any() for record in same_scale)
        frame = _Frame(*limits_in_view(same_scale, limits), top, overflow, limits)
        axes = arrangement.add_axes(panel, xlabel=LOG_G, ylabel=SHARE, grid="y")
        _gradient_axes(axes, frame)
        for number, entry in enumerate(panel.entries):
            _outline(axes, entry)
            _separate_bars(axes, entry, number / len(panel.entries), 1 / len(panel.entries), frame)
        drawn.append(axes)
    bars = "exact zeros are separate bars at the left" + (", overflows at the right" if infinite else "")
    scale = SEPARATE_SCALE if len(set(far)) > 1 else ""
    return arrangement.finish(drawn, bars, limits_in_words("shaded", limits), scale)


def distance_histogram(
    runs: Sequence[Histogram],
    *,
    xlabel: str,
    ends: tuple[str, str] = ("saturated", "not saturated"),
    threshold: float | None = None,
    checks: int = 4,
    at: Sequence[float] | None = None,
    most: int = 6,
    overlay: bool = False,
    groups: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw the histogram of the saturation distance at a few checks, early (light) to late (dark), one panel per run
    and quantity.

    Heights are shares of all values of a check. xlabel: name of the distance. ends: labels below 0 and below the
    greatest distance. threshold: the distance below which a value counts as saturated, drawn as a line. Other arguments
    and errors as for `plots.gradient_through_time`.
    """
    selection = Selection(checks, at, most, overlay, groups)
    arrangement = arrange("distance_histogram", title, runs, selection)
    if arrangement is None:
        return style.text_figure(title, "No distances to draw.")
    top = _top(arrangement.entries)
    drawn = []
    for panel in arrangement.panels:
        axes = arrangement.add_axes(panel, xlabel=xlabel, ylabel=SHARE, grid="y")
        limit = max(entry.record.edges[-1] for entry in panel.entries)
        axes.set_xlim(-0.02 * limit, 1.02 * limit)
        distance_axis(axes.xaxis, limit, ends)
        _share_axis(axes, top)
        if threshold is not None:
            axes.axvline(threshold, color=style.MUTED, linestyle=":", linewidth=1.2, gid="threshold")
        for entry in panel.entries:
            _outline(axes, entry)
        drawn.append(axes)
    note = "" if threshold is None else f"dotted line: values below {style.number(threshold)} count as saturated"
    return arrangement.finish(drawn, note)


def distance_axis(axis: Axis, limit: float, ends: tuple[str, str]) -> None:
    """Set ticks from 0 to the greatest distance, with `ends` in the labels of the first and the last."""
    ticks = np.linspace(0, limit, 6).tolist()
    names = [style.number(round(tick, 9)) for tick in ticks]
    for at, word in zip((0, -1), ends, strict=True):
        names[at] = f"{names[at]}\n{word}" if isinstance(axis, XAxis) else f"{word} {names[at]}".strip()
    axis.set_ticks(ticks, names)


def is_far(run: Histogram) -> bool:
    """Return whether some gradients of a run are so large that it needs a separate scale."""
    return bool(run.infinite.any() or run.counts[:, run.edges[1:] > FAR].any())


def limits_in_view(runs: Sequence[Histogram], limits: Limits | None) -> tuple[float, float]:
    """Return the range of log10 g that covers all counts of these runs and a margin beyond both limits."""
    used = [run.edges[np.r_[at, at[-1] + 1]] for run in runs if len(at := np.flatnonzero(run.counts.any(axis=0)))]
    low = [edges[0] for edges in used] + ([limits[0] - MARGIN] if limits else [])
    high = [edges[-1] for edges in used] + ([limits[1] + MARGIN] if limits else [])
    return (float(min(low)), float(max(high))) if low else (-1.0, 0.0)


def limits_in_words(how: str, limits: Limits | None) -> str:
    """Return the note that explains the limits, which are drawn `how`; empty without limits."""
    if limits is None:
        return ""
    return f"{how}: vanished (below $10^{{{limits[0]:g}}}$) and exploded ($10^{{{limits[1]:g}}}$ and more)"


@dataclass(frozen=True)
class _Frame:
    """The properties that panels on the same scale share."""

    low: float  # range of log10 g
    high: float
    top: float  # the highest share
    overflow: bool  # whether there are bars for overflows
    limits: Limits | None

    @property
    def aside(self) -> float:
        """Width of the space beside the histogram for bars of zeros or overflows, in decades."""
        return 0.11 * (self.high - self.low)


def _top(entries: Sequence[Entry[Histogram]]) -> float:
    """Return the upper limit of all panels, just above the highest share."""
    return 1.08 * max(0.01, *(float(share[entry.row].max()) for entry in entries for share in entry.record.shares))


def _share_axis(axes: Axes, top: float) -> None:
    axes.set_ylim(0, top)
    style.share_axis(axes.yaxis, top)


def _gradient_axes(axes: Axes, frame: _Frame) -> None:
    right = frame.high + (frame.aside if frame.overflow else 0.0)
    axes.set_xlim(frame.low - frame.aside, right)
    _share_axis(axes, frame.top)
    if frame.limits is not None:
        vanished, exploded = frame.limits
        axes.axvspan(frame.low, vanished, color=style.VANISHING, alpha=0.12, linewidth=0, zorder=0.5)
        axes.axvspan(exploded, frame.high, color=style.EXPLODING, alpha=0.10, linewidth=0, zorder=0.5)
    decades = np.asarray(MaxNLocator(nbins=6, integer=True).tick_values(frame.low, frame.high))
    space = 0.6 * frame.aside  # free space next to the labels at both sides
    decades = decades[(decades > frame.low + space) & (decades < frame.high - space)]
    ticks = [frame.low - frame.aside / 2, *decades]
    # A narrow range has ticks between whole decades, which would otherwise have equal labels.
    word = style.whole if np.all(decades == np.round(decades)) else style.decimal
    names = ["zero", *(word(decade) for decade in decades)]
    if frame.overflow:
        ticks, names = [*ticks, frame.high + frame.aside / 2], [*names, r"$\infty$"]
    for edge in (frame.low, frame.high)[: 1 + frame.overflow]:
        axes.axvline(edge, color="#9a9a9a", linewidth=0.8)
    axes.set_xticks(ticks, names)


def _outline(axes: Axes, entry: Entry[Histogram]) -> None:
    """Draw the histogram of one check, from its first to its last non-empty bin."""
    shares = entry.record.shares[0][entry.row]
    occupied = np.flatnonzero(shares)
    if len(occupied):
        first, last = occupied[0], occupied[-1] + 1
        edges = entry.record.edges[first : last + 1]
        axes.stairs(shares[first:last], edges, linewidth=1.5, gid="check", **entry.look)
        if entry.points:
            every = max(1, (last - first) // 6)
            middles = (edges[1:] + edges[:-1]) / 2
            look: style.Look = {"linestyle": "none", "color": entry.look["color"], "gid": "points"}
            axes.plot(middles[::every], shares[first:last][::every], **look, **entry.points)


def _separate_bars(axes: Axes, entry: Entry[Histogram], start: float, width: float, frame: _Frame) -> None:
    """Draw the bars of zeros and overflows. start, width: as shares of the space beside the histogram."""
    _, zeros, infinite = entry.record.shares
    look: style.Look = {"color": entry.look["color"], "label": entry.look["label"]}
    width *= 0.8 * frame.aside
    offset = (0.1 + 0.8 * start) * frame.aside + width / 2
    axes.bar(frame.low - frame.aside + offset, zeros[entry.row], width, gid="zero", **look)
    if frame.overflow:
        axes.bar(frame.high + offset, infinite[entry.row], width, gid="overflow", **look)
