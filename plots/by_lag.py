"""Curves by lag, the number of steps back in time: how far a gradient or a memory reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from matplotlib.typing import LineStyleType

from plots import marks, style

REFERENCE_DASHES: tuple[LineStyleType, ...] = ((0, (5, 3)), (0, (1, 1.5)), (0, (6, 1.5, 1, 1.5)))


@dataclass(frozen=True, eq=False)
class ByLag:
    """Values by lag of one run, or their mean over the runs of a configuration and a band around it.

    lags: (n,), strictly increasing. values, low, high: (n,), NaN for a missing value. Raises ValueError for arrays that
    do not fit.
    """

    label: str
    group: str
    lags: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    runs: int = 1

    def __post_init__(self) -> None:
        for name in ("lags", "values", "low", "high"):
            object.__setattr__(self, name, np.array(getattr(self, name), dtype=float))
        shapes = {array.shape for array in (self.lags, self.values, self.low, self.high)}
        if len(shapes) > 1 or self.lags.ndim != 1 or not len(self.lags):
            raise ValueError(f"ByLag {self.label!r}: arrays have shapes {shapes}, allowed: (n,) for all, n >= 1")
        if np.any(np.diff(self.lags) <= 0):
            raise ValueError(f"ByLag {self.label!r}: lags are not strictly increasing")


def by_lag(
    curves: Sequence[ByLag],
    ylabel: str,
    *,
    levels: Sequence[marks.Level] = (),
    references: Mapping[str, np.ndarray] | None = None,
    xlabel: str = "lag $k$ (steps back)",
    least: float | None = None,
    share: bool = False,
    groups: Sequence[str] = (),
    title: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """Draw a line for each curve, with its band, from lag to lag.

    levels: values of dotted lines, with their labels. references: name -> values at the lags of the first curve, which
    all curves are compared with, drawn in grey. least: the value axis is logarithmic, and ends at this
    value. share:
    values are shares, shown in per cent. groups: all groups of the study, so that a group looks the same in every
    figure.
    """
    if not curves:
        return style.text_figure(title, "No run was probed.")
    figure = style.new_figure(title, 4.4)
    axes = style.set_up_axes(figure.subplots(), xlabel=xlabel, ylabel=ylabel)
    shown_groups = [curve.group for curve in curves for _ in range(curve.runs)]
    looks = style.looks(shown_groups, groups)
    for curve in curves:
        _draw(axes, curve, looks[curve.group], least is not None)
    keys = []
    for (name, values), dash in zip((references or {}).items(), REFERENCE_DASHES * 9, strict=False):
        look: style.Look = {"color": style.MUTED, "linestyle": dash, "linewidth": 1.4}
        axes.plot(curves[0].lags, values, gid="reference", label=name, **look)
        keys.append(Line2D([], [], label=name, **look))
    if least is not None:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
    for value, _ in levels:
        axes.update_datalim([(curves[0].lags[0], value)])
    axes.autoscale_view()
    if least is not None:
        axes.set_ylim(bottom=least)
    if share:
        axes.set_ylim(0, max(1.0, axes.get_ylim()[1]) if axes.get_ylim()[1] > 0.8 else axes.get_ylim()[1])
        style.share_axis(axes.yaxis, axes.get_ylim()[1])
    lags = np.concatenate([curve.lags for curve in curves])
    margin = 0.02 * (lags.max() - lags.min()) or 0.5
    axes.set_xlim(lags.min() - margin, lags.max() + margin)
    style.count_axis(axes.xaxis)
    marks.draw_levels(axes, levels)
    bands = "bands: lowest to highest seed" if any(curve.runs > 1 for curve in curves) else ""
    style.footer(figure, [*style.group_keys(looks, shown_groups), *keys], [*notes, bands])
    return figure


def _draw(axes: Axes, curve: ByLag, group: style.GroupLook, logarithmic: bool) -> None:
    values, low, high = (
        np.where(array > 0, array, np.nan) if logarithmic else array for array in (curve.values, curve.low, curve.high)
    )
    if curve.runs > 1:
        look: style.Look = {"color": group.colour, "alpha": 0.13, "linewidth": 0, "label": curve.label}
        axes.fill_between(curve.lags, low, high, gid="band", **look)
    look = {"color": group.colour, "linestyle": group.dash, "linewidth": 1.7, "zorder": 2.5, "label": curve.label}
    axes.plot(curve.lags, values, gid="run", **look)
    marks.isolated_dots(axes, curve.lags, values, group.colour)
