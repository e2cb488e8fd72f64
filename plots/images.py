"""Images: the whole training of a run in one panel, with values or shares as colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import ListedColormap, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, MaxNLocator

from plots import panels, style
from plots.data import Histogram, Trace
from plots.distribution import Limits, distance_axis, is_far, limits_in_view, limits_in_words
from plots.through_time import FAR, LOG_G, NOTHING, SEPARATE_SCALE, TIME, log10, refuse_negative

ZERO = "#c4c4c4"  # colour of exact zeros
ROWS = 500  # greatest number of checks drawn: a panel has no pixels for more
SHARE = "share of a check's values"


def gradient_image(traces: Sequence[Trace], *, most: int = 6, title: str = "") -> Figure:
    """Draw log10 g_t as colour over time step (x) and training update (y), one panel per run.

    All panels share the colour scale, which ends at 1e10 unless all values lie above. Exact zeros are grey, overflows
    (inf) red, missing values (NaN) blank. Of more than 500 checks, 500 are drawn, evenly spaced, and a note says so.
    most: greatest number of runs, chosen as in `gradient_through_time`. Raises ValueError for negative values and for
    `most` below 1.
    """
    refuse_negative("gradient_image", traces)
    chosen, note = panels.choose_runs("gradient_image", traces, most)
    if not chosen:
        return style.text_figure(title, NOTHING)
    shown = [_thinned(trace) for run in chosen for trace in run]
    logs = [log10(trace.values) for trace in shown]
    finite = np.concatenate([log[np.isfinite(log)] for log in logs])
    near = finite[finite <= FAR] if (finite <= FAR).any() else finite
    norm = Normalize(near.min(), max(near.max(), near.min() + 1e-9)) if len(finite) else Normalize(0, 1)
    figure, places = panels.grid(title, len(shown))
    drawn: list[Axes] = []
    special: dict[str, Patch] = {}
    for place, trace, log in zip(places, shown, logs, strict=True):
        axes = _panel(figure, place, places, trace, TIME, "updates")
        x, y = np.arange(log.shape[1] + 1) + 0.5, _edges(trace.updates)
        look: style.Look = {"cmap": style.RAMP.reversed(), "norm": norm, "gid": "log g"}
        axes.pcolormesh(x, y, np.ma.masked_invalid(log), rasterized=True, **look)
        zero, overflow = trace.values == 0, np.isinf(trace.values)
        for name, where, colour in (("exactly 0", zero, ZERO), ("overflow", overflow, style.EXPLODING)):
            if where.any():
                look = {"cmap": ListedColormap([colour]), "gid": name}
                axes.pcolormesh(x, y, np.ma.masked_equal(where, False), rasterized=True, **look)
                special[name] = Patch(color=colour, label=name)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(y[0], y[-1])
        style.count_axis(axes.xaxis)
        _update_axis(axes.yaxis, trace.updates, 1)
        drawn.append(axes)
    if len(finite):
        ramp = style.RAMP.reversed()
        style.ramp_bar(figure, drawn, norm, LOG_G, cmap=ramp, extend="max" if len(near) < len(finite) else "neither")
    longest = max(len(trace.updates) for run in chosen for trace in run)
    thinned = f"at most {ROWS} checks per run are drawn, of up to {longest:,}" if longest > ROWS else ""
    style.footer(figure, list(special.values()), [thinned, note])
    return figure


def gradient_histogram_image(
    runs: Sequence[Histogram], *, limits: Limits | None = None, most: int = 6, title: str = ""
) -> Figure:
    """Draw the histogram of log10 g (y) through training (x), shares of a check's values as colour, one panel per run.

    Exact zeros have a separate row at the bottom, and overflows, if there are any, one at the top. limits: as for
    `gradient_histogram`, drawn as dashed lines. A run's remark is above its panel. Of more than 500 checks, neighbours
    are added up. `most` and errors as for `gradient_image`.
    """
    chosen, note = panels.choose_runs("gradient_histogram_image", runs, most)
    if not chosen:
        return style.text_figure(title, "No gradients to draw.")
    shown = [_summed(record) for run in chosen for record in run]
    figure, places = panels.grid(title, len(shown))
    top = _top_share(shown)
    norm = _share_norm(top)
    drawn = []
    far = [is_far(run) for run in shown]
    for place, run, run_is_far in zip(places, shown, far, strict=True):
        same_scale = [other for other, other_is_far in zip(shown, far, strict=True) if other_is_far == run_is_far]
        low, high = limits_in_view(same_scale, limits)
        aside, infinite = 0.09 * (high - low), any(other.infinite.any() for other in same_scale)
        axes = _panel(figure, place, places, run, "updates", LOG_G)
        shares, zeros, overflows = run.shares
        x = _edges(run.updates)
        _shares(axes, x, run.edges, shares.T, norm, "shares")
        _shares(axes, x, np.array([low - aside, low]), zeros[None], norm, "zero")
        if infinite:
            _shares(axes, x, np.array([high, high + aside]), overflows[None], norm, "overflow")
        for edge in (low, high)[: 1 + infinite]:
            axes.axhline(edge, color="#9a9a9a", linewidth=0.8)
        for limit in limits or ():
            axes.axhline(limit, color=style.INK, linewidth=0.9, linestyle=(0, (5, 4)), gid="limit")
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(low - aside, high + aside * infinite)
        _decades(axes, low, high, aside, infinite)
        _update_axis(axes.xaxis, run.updates, panels.across(places))
        if run.remark:
            look: style.Look = {"fontsize": style.SMALL - 1, "color": style.MUTED, "va": "bottom", "linespacing": 1.3}
            axes.text(0, 1.02, run.remark, transform=axes.transAxes, **look)
            lines = run.remark.count("\n") + 1
            axes.set_title(axes.get_title(loc="left"), fontsize=style.TEXT, loc="left", pad=6 + 11 * lines)
        drawn.append(axes)
    _share_bar(figure, drawn, norm, top)
    scale = SEPARATE_SCALE if len(set(far)) > 1 else ""
    style.footer(figure, [], [limits_in_words("dashed lines", limits), scale, note])
    return figure


def distance_image(
    runs: Sequence[Histogram],
    *,
    ylabel: str,
    ends: tuple[str, str] = ("saturated", "not"),
    most: int = 6,
    title: str = "",
) -> Figure:
    """Draw the histogram of the saturation distance (y) through training (x), shares as colour, one panel per run and
    quantity.

    Arguments and errors as for `distance_histogram` and `gradient_histogram_image`.
    """
    chosen, note = panels.choose_runs("distance_image", runs, most)
    if not chosen:
        return style.text_figure(title, "No distances to draw.")
    figure, places = panels.rows(title, [len(run) for run in chosen])
    shown = [_summed(record) for run in chosen for record in run]
    top = _top_share(shown)
    norm = _share_norm(top)
    drawn = []
    for place, run in zip(places, shown, strict=True):
        axes = _panel(figure, place, places, run, "updates", ylabel)
        x = _edges(run.updates)
        _shares(axes, x, run.edges, run.shares[0].T, norm, "shares")
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(run.edges[0], run.edges[-1])
        distance_axis(axes.yaxis, run.edges[-1], ends if panels.is_left(place) else ("", ""))
        _update_axis(axes.xaxis, run.updates, panels.across(places))
        drawn.append(axes)
    _share_bar(figure, drawn, norm, top)
    style.footer(figure, [], [note])
    return figure


def _top_share(runs: Sequence[Histogram]) -> float:
    """Return the greatest share of all checks, or 1 % if it is less."""
    return max(0.01, *(float(share.max()) for run in runs for share in run.shares))


def _share_norm(top: float) -> PowerNorm:
    """Return a colour scale over square roots of shares from 0 to `top`, so that 1 % can be seen beside 100 %."""
    return PowerNorm(0.5, 0, top)


def _share_bar(figure: Figure, drawn: Sequence[Axes], norm: PowerNorm, top: float) -> None:
    bar = style.ramp_bar(figure, drawn, norm, SHARE)
    style.share_axis(bar.ax.yaxis, top)


def _shares(axes: Axes, x: np.ndarray, y: np.ndarray, shares: np.ndarray, norm: PowerNorm, gid: str) -> None:
    """Draw cells of shares, blank where a share is 0."""
    look: style.Look = {"cmap": style.RAMP, "norm": norm, "gid": gid, "rasterized": True}
    axes.pcolormesh(x, y, np.ma.masked_equal(shares, 0), **look)


def _decades(axes: Axes, low: float, high: float, aside: float, infinite: bool) -> None:
    """Set ticks at whole decades, and labels for the rows of zeros and overflows."""
    decades = np.asarray(MaxNLocator(nbins=6, integer=True).tick_values(low, high))
    decades = decades[(decades > low + 0.5 * aside) & (decades < high - 0.5 * aside * infinite)]
    ticks, names = [low - aside / 2, *decades], ["zero", *map(style.whole, decades)]
    if infinite:
        ticks, names = [*ticks, high + aside / 2], [*names, r"$\infty$"]
    axes.set_yticks(ticks, names)


def _panel(
    figure: Figure,
    place: SubplotSpec,
    places: Sequence[SubplotSpec],
    record: Trace | Histogram,
    xlabel: str,
    ylabel: str,
) -> Axes:
    """Add the axes of a panel, with labels only at the left and lower edges of the figure."""
    return style.set_up_axes(
        figure.add_subplot(place),
        title=panels.title_of(record, place),
        grid=None,
        xlabel=xlabel if panels.is_lowest(place, places) else "",
        ylabel=ylabel if panels.is_left(place) else "",
    )


def _update_axis(axis: Axis, updates: np.ndarray, across: int) -> None:
    style.count_axis(axis, across)
    if len(updates) == 1:  # its cell is narrower than the distance between two whole numbers
        axis.set_major_locator(FixedLocator(updates.tolist()))


def _thinned(trace: Trace) -> Trace:
    """Return a trace with at most ROWS checks, evenly spaced."""
    rows = panels.choose_checks("gradient_image", trace.updates, ROWS)
    return Trace(trace.label, trace.group, trace.updates[rows], trace.values[rows], trace.quantity)


def _summed(run: Histogram) -> Histogram:
    """Return a histogram with at most ROWS checks: counts of neighbours are added up, at the last of their updates."""
    if len(run.updates) <= ROWS:
        return run
    starts = np.linspace(0, len(run.updates), ROWS + 1).astype(int)[:-1]
    lasts = np.r_[starts[1:], len(run.updates)] - 1
    return replace(
        run,
        updates=run.updates[lasts],
        counts=np.add.reduceat(run.counts, starts),
        zeros=np.add.reduceat(run.zeros, starts),
        infinite=np.add.reduceat(run.infinite, starts),
    )


def _edges(updates: np.ndarray) -> np.ndarray:
    """Return the cell borders, (n + 1,): halfway between updates, the outer cells symmetric around their updates."""
    if len(updates) == 1:
        return np.array([updates[0] - 0.5, updates[0] + 0.5])
    middle = (updates[1:] + updates[:-1]) / 2
    return np.concatenate([[2 * updates[0] - middle[0]], middle, [2 * updates[-1] - middle[-1]]])
