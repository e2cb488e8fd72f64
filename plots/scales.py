"""The value axis: a scale that keeps the distances between plateaus and still shows runs that diverged."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from plots import style

SCALES = ("auto", "linear", "log")
FAR = 10.0  # "auto" bends the axis if values exceed this many times the highest level
MOST = 1e150  # of an axis: matplotlib looks for ticks far beyond its limits, and they have to be finite
LINEAR_SHARE = 0.62  # height of the linear range of a bent axis, as a share of the panel


def value_axis(
    axes: Axes,
    values: np.ndarray,
    *,
    figure: str,
    label: str,
    levels: Sequence[float] = (),
    scale: str = "auto",
    from_zero: bool = True,
) -> None:
    """Set scale, limits, ticks and label of a y axis that shows `values` and has lines at `levels`.

    scale:

    auto    linear. If values exceed ten times the highest level, linear up to just above that level and logarithmic
            beyond; the label says so. Without a level, logarithmic if all values are positive and span three decades.
    linear  linear.
    log     logarithmic; if some values are 0, linear below the smallest positive value, and the label says so.

    A linear axis starts at 0 if no value is negative; without `from_zero` only if the smallest value is at most half
    the greatest. Raises ValueError, naming `figure`, for an unknown scale, and for "log" with negative values.
    """
    if scale not in SCALES:
        raise ValueError(f"{figure}: scale is {scale!r}, allowed: {', '.join(SCALES)}")
    finite = values[np.isfinite(values)]
    if scale == "log" and np.any(finite < 0):
        least = style.number(float(finite.min()))
        raise ValueError(f"{figure}: scale is 'log' but {label} reaches {least}, allowed: auto, linear")
    shown = np.concatenate([finite, np.asarray(levels, dtype=float)])
    _label(axes, label)
    if not len(shown):
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_locator(NullLocator())
        return
    low, high = (float(np.clip(end, -MOST, MOST)) for end in (shown.min(), shown.max()))
    positive = shown[shown > 0]
    if low > 0 and (scale == "log" or scale == "auto" and not levels and high >= 1000 * low):
        axes.set_yscale("log")
        axes.set_ylim(max(low, 1 / MOST) / 1.3, max(high, 1 / MOST) * 1.3)
    elif scale == "log" and len(positive):
        bend = max(float(positive.min()), 1 / MOST)
        _bend(axes, [0.0, bend], high, share=0.12)
        _label(axes, _remarked(label, f"linear below {style.number(bend)}"))
    elif scale == "auto" and levels and low >= 0 and high > FAR * max(levels) > 0:
        bend = max(_round_up(1.15 * max(levels)), 1 / MOST)
        _bend(axes, MaxNLocator(nbins=4).tick_values(0, bend), high, share=LINEAR_SHARE, bend=bend)
        axes.axhline(bend, color=style.GRID, linewidth=2.5, zorder=0.9, gid="bend")
        _label(axes, _remarked(label, f"log above {style.number(bend)}"))
    else:
        bottom = low if not from_zero and low > high / 2 else min(low, 0.0)
        if low == high == 0:
            high = 1.0  # so that a curve of zeros is drawn at the bottom
        margin = 0.04 * (high - bottom) or 1.0
        axes.set_ylim(bottom - margin * (1.0 if bottom else 0.5), high + 1.5 * margin)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6))


def _label(axes: Axes, text: str) -> None:
    axes.set_ylabel(style.axis_label(text), fontsize=style.TEXT, color=style.INK)


def _remarked(label: str, remark: str) -> str:
    """Add a remark to the label, inside the brackets of its unit if it has one."""
    return f"{label[:-1]}, {remark})" if re.search(r" \([^()]*\)$", label) else f"{label} ({remark})"


def _round_up(value: float) -> float:
    """Return the next round number at or above a positive value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value))


def _bend(axes: Axes, ticks: Sequence[float], high: float, *, share: float, bend: float | None = None) -> None:
    """Make the axis linear from 0 to `bend` (the last tick if None) over `share` of its height, then logarithmic.

    ticks: those of the linear range; the logarithmic range gets a few powers of ten.
    """
    bend = ticks[-1] if bend is None else bend
    decades = max(np.log10(high) - np.log10(bend), 0.1) * 1.08
    top = min(np.log10(bend) + decades, np.log10(MOST) + 1)
    # symlog makes the linear range as long as linscale / (1 - 1/10) decades.
    axes.set_yscale("symlog", linthresh=bend, linscale=0.9 * decades * share / (1 - share))
    axes.set_ylim(-0.02 * bend, 10.0**top)
    powers = np.arange(np.ceil(np.log10(1.5 * bend)), np.floor(top) + 1)
    every = max(1, -(-len(powers) // 4))
    axes.yaxis.set_major_locator(
        FixedLocator([*(tick for tick in ticks if 0 <= tick <= bend), *10.0 ** powers[::every]])
    )
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
