"""The histogram of the gradient through time: what vanishes, explodes, or is exactly zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from plots import panels, style
from plots.data import Histogram, Trace
from plots.through_time import LOG_G

VANISHING, EXPLODING = -8.0, 2.0  # log10 g below the one counts as vanished, above the other as exploded


def gradient_histogram(runs: Sequence[Histogram | Trace], *, checks: int = 4, most: int = 6, title: str = "") -> Figure:
    """The histogram of log10 g_t at a few checks, early (light) to late (dark), one panel a run.

    Heights are shares of all values of a check. Exact zeros have a bar of their own beside the histogram, and
    so have overflows where they occur. The regions of vanished (below 1e-8) and exploded (above 100)
    gradients are shaded. A trace is counted over its time steps first (`Histogram.of`).

    checks: at how many checks, evenly over training, first and last included.
    most: how many runs; the first of every group comes first, and a note says how many were left out.
    Raises ValueError for checks or most below 1 and for negative gradients.
    """
    chosen, note = panels.choose_runs("gradient_histogram", runs, most)
    if not chosen:
        return style.say(title, "No gradients to draw.")
    shown = [_at_checks(run if isinstance(run, Histogram) else Histogram.of(run), checks) for run in chosen]
    updates = np.concatenate([run.updates for run in shown])
    norm = panels.update_norm(updates)
    frame = _Frame(
        min(VANISHING - 1.5, *(run.edges[0] for run in shown)),
        max(EXPLODING + 1.5, *(run.edges[-1] for run in shown)),
        1.08 * max(0.01, max(share.max() for run in shown for share in _shares(run))),
        any(run.infinite.any() for run in shown),
    )
    figure, places = panels.grid(title, len(shown))
    drawn = []
    for place, run in zip(places, shown, strict=True):
        axes = style.dress(
            figure.add_subplot(place),
            title=style.shorten(run.label, 38),
            grid="y",
            xlabel=LOG_G if panels.is_lowest(place, places) else "",
            ylabel="share of values" if panels.is_left(place) else "",
        )
        _limits(axes, frame)
        _draw(axes, run, norm, frame)
        drawn.append(axes)
    explained = panels.explain_updates(figure, drawn, updates)
    beside = "exact zeros are bars of their own at the left"
    if frame.overflow:
        beside += ", overflows at the right"
    style.footer(
        figure,
        [],
        [explained, f"{beside}; shaded: vanished (below $10^{{-8}}$) and exploded (above $10^{{2}}$)", note],
    )
    return figure


@dataclass(frozen=True)
class _Frame:
    """What all panels share: limits of log10 g, the highest share, whether overflows need a place."""

    low: float
    high: float
    top: float
    overflow: bool

    @property
    def aside(self) -> float:
        """Width of the place beside the histogram for what has no logarithm, in decades."""
        return 0.11 * (self.high - self.low)


def _limits(axes: Axes, frame: _Frame) -> None:
    right = frame.high + (frame.aside if frame.overflow else 0.0)
    axes.set_xlim(frame.low - frame.aside, right)
    axes.set_ylim(0, frame.top)
    axes.axvspan(frame.low, VANISHING, color=style.VANISHING, alpha=0.12, linewidth=0, zorder=0.5)
    axes.axvspan(EXPLODING, frame.high, color=style.EXPLODING, alpha=0.10, linewidth=0, zorder=0.5)
    decades = MaxNLocator(nbins=6, integer=True).tick_values(frame.low, frame.high)
    room = 0.6 * frame.aside  # next to the words at both sides
    decades = decades[(decades > frame.low + room) & (decades < frame.high - room)]
    ticks = [frame.low - frame.aside / 2, *decades]
    names = ["zero", *(f"{decade:.0f}".replace("-", "\N{MINUS SIGN}") for decade in decades)]
    if frame.overflow:
        ticks, names = [*ticks, frame.high + frame.aside / 2], [*names, r"$\infty$"]
    for edge in (frame.low, frame.high)[: 1 + frame.overflow]:
        axes.axvline(edge, color="#9a9a9a", linewidth=0.8)
    axes.set_xticks(ticks, names)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0 if frame.top > 0.05 else 1))


def _draw(axes: Axes, run: Histogram, norm: Normalize, frame: _Frame) -> None:
    """For each check an outline, and bars beside it for what has no logarithm."""
    shares, zeros, infinite = _shares(run)
    width = 0.8 * frame.aside / len(run.updates)
    for i, update in enumerate(run.updates):
        look = {"color": style.RAMP(norm(update)), "label": f"update {update:,.0f}"}
        occupied = np.flatnonzero(shares[i])
        if len(occupied):
            first, last = occupied[0], occupied[-1] + 1
            edges = run.edges[first : last + 1]
            axes.stairs(shares[i, first:last], edges, linewidth=1.5, gid="check", **look)
        offset = 0.1 * frame.aside + (i + 0.5) * width
        axes.bar(frame.low - frame.aside + offset, zeros[i], width, gid="zero", **look)
        if frame.overflow:
            axes.bar(frame.high + offset, infinite[i], width, gid="overflow", **look)


def _shares(run: Histogram) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts (n, bins), zeros (n,) and overflows (n,) as shares of a check's values; 0 where it has none."""
    total = np.maximum(run.counts.sum(axis=1) + run.zeros + run.infinite, 1)
    return run.counts / total[:, None], run.zeros / total, run.infinite / total


def _at_checks(run: Histogram, checks: int) -> Histogram:
    rows = panels.choose_checks("gradient_histogram", len(run.updates), checks)
    return Histogram(
        run.label,
        run.group,
        run.updates[rows],
        run.edges,
        run.counts[rows],
        run.zeros[rows],
        run.infinite[rows],
    )
