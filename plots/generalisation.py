"""Error, or loss, against the length of the sequences, for runs that were trained on some and tried on more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from plots import marks, style

TICKS = 9  # more lengths than this would crowd the axis


@dataclass(frozen=True, eq=False)
class ByLength:
    """One run's figures at each of its lengths, (n,) strictly growing."""

    label: str
    group: str
    lengths: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        lengths, values = np.array(self.lengths, dtype=float), np.array(self.values, dtype=float)
        if lengths.ndim != 1 or lengths.shape != values.shape or not len(lengths):
            raise ValueError(f"ByLength {self.label!r}: {lengths.shape} lengths for {values.shape} values")
        if lengths[0] <= 0 or np.any(np.diff(lengths) <= 0):
            raise ValueError(f"ByLength {self.label!r}: lengths are not positive and growing")
        object.__setattr__(self, "lengths", lengths)
        object.__setattr__(self, "values", values)


def generalisation(
    runs: Sequence[ByLength],
    quantity: str,
    *,
    trained: tuple[float, float] | None = None,
    without: tuple[float, str] | None = None,
    samples: int | None = None,
    title: str = "",
) -> Figure:
    """`quantity` of each run by length, on logarithmic lengths; replicates share a colour.

    samples: given where it is a share of so many answers. It is then logarithmic down to one of them and linear below,
    so that none can be seen. trained: the least and the greatest length of training, shaded. without: what a predictor
    without memory has, and its name, drawn.
    """
    if not runs:
        return style.say(title, "No run was evaluated.")
    figure = style.new_figure(title, 4.4)
    axes = style.dress(figure.subplots(), xlabel="length of the sequences", ylabel=quantity)
    if trained is not None:
        axes.axvspan(*trained, color=style.STRIP, zorder=0, label="lengths of training", gid="trained")
    groups = [one.group for one in runs]
    look = style.looks(groups)
    for one in runs:
        colour, dash = look[one.group]
        drawn = {"color": colour, "linestyle": dash, "linewidth": 1.6, "alpha": 0.9, "zorder": 2.5}
        axes.plot(one.lengths, one.values, marker="o", markersize=4, label=one.label, gid="run", **drawn)
    axes.set_xscale("log")
    lengths = np.unique(np.concatenate([one.lengths for one in runs]))
    shown = lengths if len(lengths) <= TICKS else lengths[np.linspace(0, len(lengths) - 1, TICKS).round().astype(int)]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    values = np.concatenate([[] if without is None else without[:1], *(one.values for one in runs)])
    values = values[np.isfinite(values)]
    lowest, highest = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    if samples is not None:
        axes.set_yscale("symlog", linthresh=1 / samples, linscale=0.4)
        axes.set_ylim(-0.3 / samples, max(1.6 * highest, 2 / samples))
        axes.yaxis.set_major_locator(FixedLocator([0.0, *10.0 ** np.arange(np.ceil(np.log10(2 / samples)), 1)]))
    else:
        room = 0.05 * (highest - lowest) or 0.1
        axes.set_ylim(lowest - room, highest + room)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
    if without is not None:
        marks.draw_levels(axes, [], floor=without)
    note = "" if trained is None else "shaded: lengths of training"
    style.footer(figure, style.group_keys(look, groups), [note])
    return figure
