"""Error against the length of the sequences, for runs that were trained on some lengths and tried on more."""

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
    """One run's error, a share in [0, 1], at each of its lengths, (n,) strictly growing."""

    label: str
    group: str
    lengths: np.ndarray
    errors: np.ndarray

    def __post_init__(self) -> None:
        lengths, errors = np.array(self.lengths, dtype=float), np.array(self.errors, dtype=float)
        if lengths.ndim != 1 or lengths.shape != errors.shape or not len(lengths):
            raise ValueError(f"ByLength {self.label!r}: {lengths.shape} lengths for {errors.shape} errors")
        if lengths[0] <= 0 or np.any(np.diff(lengths) <= 0):
            raise ValueError(f"ByLength {self.label!r}: lengths are not positive and growing")
        object.__setattr__(self, "lengths", lengths)
        object.__setattr__(self, "errors", errors)


def generalisation(
    runs: Sequence[ByLength],
    *,
    trained: tuple[float, float] | None = None,
    chance: float | None = None,
    samples: int | None = None,
    title: str = "",
) -> Figure:
    """Error of each run by length, on logarithmic lengths; replicates share a colour.

    Errors are logarithmic down to one wrong answer in `samples` and linear below, so that none can be seen; linear
    throughout where that is not given. trained: the least and the greatest length of training, shaded. chance: the
    error of a predictor without memory, drawn.
    """
    if not runs:
        return style.say(title, "No run was evaluated.")
    figure = style.new_figure(title, 4.4)
    axes = style.dress(figure.subplots(), xlabel="length of the sequences", ylabel="share of wrong answers")
    if trained is not None:
        axes.axvspan(*trained, color=style.STRIP, zorder=0, label="lengths of training", gid="trained")
    groups = [one.group for one in runs]
    look = style.looks(groups)
    for one in runs:
        colour, dash = look[one.group]
        drawn = {"color": colour, "linestyle": dash, "linewidth": 1.6, "alpha": 0.9, "zorder": 2.5}
        axes.plot(one.lengths, one.errors, marker="o", markersize=4, label=one.label, gid="run", **drawn)
    axes.set_xscale("log")
    lengths = np.unique(np.concatenate([one.lengths for one in runs]))
    shown = lengths if len(lengths) <= TICKS else lengths[np.linspace(0, len(lengths) - 1, TICKS).round().astype(int)]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    highest = max([0.0 if chance is None else chance, *(float(np.nanmax(one.errors)) for one in runs)])
    if samples is not None:
        axes.set_yscale("symlog", linthresh=1 / samples, linscale=0.4)
        axes.set_ylim(-0.3 / samples, max(1.6 * highest, 2 / samples))
        axes.yaxis.set_major_locator(FixedLocator([0.0, *10.0 ** np.arange(np.ceil(np.log10(2 / samples)), 1)]))
    else:
        axes.set_ylim(-0.02, 1.05 * max(highest, 0.05))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
    if chance is not None:
        marks.draw_levels(axes, [], floor=(chance, "chance"))
    note = "" if trained is None else "shaded: lengths of training"
    style.footer(figure, style.group_keys(look, groups), [note])
    return figure
