"""Histograms at a few checks: of the gradient through time, and of the distance of units and gates to their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plots import style
from plots.arrangement import Entry, arrange
from plots.data import Histogram, Trace
from plots.through_time import FAR, LOG_G, OWN_SCALE

SHARE = "share of values"
MARGIN = 1.5  # decades of a limit's region that are in view at least

Limits = tuple[float, float]


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
    """The histogram of log10 g_t at a few checks, early (light) to late (dark), one panel a run.

    Heights are shares of all values of a check. Exact zeros have a bar of their own beside the histogram, and
    so have overflows where they occur. A trace is counted over its time steps first (`Histogram.of`).

    limits: log10 g below the first counts as vanished, from the second on as exploded; both regions are
    shaded. Other arguments and errors as for `plots.gradient_through_time`.
    """
    counted = [run if isinstance(run, Histogram) else Histogram.of(run) for run in runs]
    places = {"checks": checks, "at": at, "most": most, "overlay": overlay, "groups": groups}
    arranged = arrange("gradient_histogram", title, counted, **places)
    if arranged is None:
        return style.say(title, "No gradients to draw.")
    top = _top(arranged.entries)
    infinite = any(entry.record.infinite[entry.row] for entry in arranged.entries)
    far = [any(is_far(entry.record) for entry in panel.entries) for panel in arranged.panels]
    drawn = []
    for panel, so in zip(arranged.panels, far, strict=True):
        alike = [entry.record for other, far_too in zip(arranged.panels, far, strict=True) if far_too == so
                 for entry in other.entries]  # fmt: skip
        overflow = any(record.infinite.any() for record in alike)
        frame = _Frame(*limits_in_view(alike, limits), top, overflow, limits)
        axes = arranged.dress(panel, xlabel=LOG_G, ylabel=SHARE, grid="y")
        _gradient_axes(axes, frame)
        for number, entry in enumerate(panel.entries):
            _outline(axes, entry)
            _beside(axes, entry, number / len(panel.entries), 1 / len(panel.entries), frame)
        drawn.append(axes)
    beside = "exact zeros are bars of their own at the left" + (", overflows at the right" if infinite else "")
    return arranged.finish(drawn, beside, limits_in_words("shaded", limits), OWN_SCALE if len(set(far)) > 1 else "")


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
    """The histogram of the distance to the limits at a few checks, early (light) to late (dark), one panel a run and
    part.

    Heights are shares of all values of a check; xlabel says what the distance is, and `ends` stand below 0 and below
    the greatest distance. threshold: the distance below which a value counts as saturated, drawn as a line. Other
    arguments and errors as for `plots.gradient_through_time`.
    """
    places = {"checks": checks, "at": at, "most": most, "overlay": overlay, "groups": groups}
    arranged = arrange("distance_histogram", title, runs, **places)
    if arranged is None:
        return style.say(title, "No distances to draw.")
    top = _top(arranged.entries)
    drawn = []
    for panel in arranged.panels:
        axes = arranged.dress(panel, xlabel=xlabel, ylabel=SHARE, grid="y")
        limit = max(entry.record.edges[-1] for entry in panel.entries)
        axes.set_xlim(-0.02 * limit, 1.02 * limit)
        distance_axis(axes.xaxis, limit, ends)
        _share_axis(axes, top)
        if threshold is not None:
            axes.axvline(threshold, color=style.MUTED, linestyle=":", linewidth=1.2, gid="threshold")
        for entry in panel.entries:
            _outline(axes, entry)
        drawn.append(axes)
    said = "" if threshold is None else f"dotted: below {style.number(threshold)} a value counts as saturated"
    return arranged.finish(drawn, said)


def distance_axis(axis: Axis, limit: float, ends: tuple[str, str]) -> None:
    """Ticks from 0 to the greatest distance, whose labels say what the two ends mean."""
    ticks = np.linspace(0, limit, 6)
    names = [style.number(round(tick, 9)) for tick in ticks]
    for at, word in zip((0, -1), ends, strict=True):
        names[at] = f"{names[at]}\n{word}" if axis.axis_name == "x" else f"{word} {names[at]}".strip()
    axis.set_ticks(ticks, names)


def is_far(run: Histogram) -> bool:
    """Whether some of the gradients reach so far that the run needs a scale of its own."""
    return bool(run.infinite.any() or run.counts[:, run.edges[1:] > FAR].any())


def limits_in_view(runs: Sequence[Histogram], limits: Limits | None) -> tuple[float, float]:
    """The range of log10 g that holds all counts of these runs and a stretch beyond both limits."""
    used = [run.edges[np.r_[at, at[-1] + 1]] for run in runs if len(at := np.flatnonzero(run.counts.any(axis=0)))]
    low = [edges[0] for edges in used] + ([limits[0] - MARGIN] if limits else [])
    high = [edges[-1] for edges in used] + ([limits[1] + MARGIN] if limits else [])
    return (float(min(low)), float(max(high))) if low else (-1.0, 0.0)


def limits_in_words(how: str, limits: Limits | None) -> str:
    if limits is None:
        return ""
    return f"{how}: vanished (below $10^{{{limits[0]:g}}}$) and exploded ($10^{{{limits[1]:g}}}$ and more)"


@dataclass(frozen=True)
class _Frame:
    """What panels of one scale share."""

    low: float  # range of log10 g
    high: float
    top: float  # the highest share
    overflow: bool  # whether overflows need a place
    limits: Limits | None

    @property
    def aside(self) -> float:
        """Width of the place beside the histogram for what has no logarithm, in decades."""
        return 0.11 * (self.high - self.low)


def _top(entries: Sequence[Entry]) -> float:
    """The height of all panels: the highest share of what they show."""
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
    decades = MaxNLocator(nbins=6, integer=True).tick_values(frame.low, frame.high)
    room = 0.6 * frame.aside  # next to the words at both sides
    decades = decades[(decades > frame.low + room) & (decades < frame.high - room)]
    ticks = [frame.low - frame.aside / 2, *decades]
    names = ["zero", *(style.whole(decade) for decade in decades)]
    if frame.overflow:
        ticks, names = [*ticks, frame.high + frame.aside / 2], [*names, r"$\infty$"]
    for edge in (frame.low, frame.high)[: 1 + frame.overflow]:
        axes.axvline(edge, color="#9a9a9a", linewidth=0.8)
    axes.set_xticks(ticks, names)


def _outline(axes: Axes, entry: Entry) -> None:
    """The histogram of one check from its first to its last bin that is not empty."""
    shares = entry.record.shares[0][entry.row]
    occupied = np.flatnonzero(shares)
    if len(occupied):
        first, last = occupied[0], occupied[-1] + 1
        edges = entry.record.edges[first : last + 1]
        axes.stairs(shares[first:last], edges, linewidth=1.5, gid="check", **entry.look)


def _beside(axes: Axes, entry: Entry, start: float, width: float, frame: _Frame) -> None:
    """Bars for what has no logarithm; start and width as shares of the place for it."""
    _, zeros, infinite = entry.record.shares
    look = {"color": entry.look["color"], "label": entry.look["label"]}
    width *= 0.8 * frame.aside
    offset = (0.1 + 0.8 * start) * frame.aside + width / 2
    axes.bar(frame.low - frame.aside + offset, zeros[entry.row], width, gid="zero", **look)
    if frame.overflow:
        axes.bar(frame.high + offset, infinite[entry.row], width, gid="overflow", **look)
