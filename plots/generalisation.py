"""Error or loss against sequence length, for runs that were evaluated beyond their training lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from plots import marks, style

TICKS = 9  # greatest number of ticks


@dataclass(frozen=True, eq=False)
class ByLength:
    """One run's values at several sequence lengths.

    lengths: (n,) in time steps, positive and strictly increasing. values: (n,), NaN or inf if not finite. Raises
    ValueError for other arrays.
    """

    label: str
    group: str
    lengths: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        lengths, values = np.array(self.lengths, dtype=float), np.array(self.values, dtype=float)
        if lengths.ndim != 1 or lengths.shape != values.shape or not len(lengths):
            raise ValueError(f"ByLength {self.label!r}: {lengths.shape} lengths for {values.shape} values")
        if lengths[0] <= 0 or np.any(np.diff(lengths) <= 0):
            raise ValueError(f"ByLength {self.label!r}: lengths are not positive and strictly increasing")
        object.__setattr__(self, "lengths", lengths)
        object.__setattr__(self, "values", values)


def generalisation(
    runs: Sequence[ByLength],
    quantity: str,
    *,
    trained: tuple[float, float] | None = None,
    without: tuple[float, str] | None = None,
    samples: int | None = None,
    groups: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw `quantity` of each run against sequence length, on a logarithmic axis; replicates share a colour.

    groups: all groups of the study, so that a group looks the same in every figure.

    samples: the number of answers, if the quantity is a share of them. The axis is then logarithmic down to one wrong
    answer and linear below, so that 0 is visible. trained: the shortest and longest training length, shaded. without:
    value and name of the floor or chance, drawn as a line. Raises ValueError if that value is not finite.
    """
    if not runs:
        return style.text_figure(title, "No run was evaluated.")
    figure = style.new_figure(title, 4.4)
    axes = style.set_up_axes(figure.subplots(), xlabel="sequence length", ylabel=quantity)
    if trained is not None:
        axes.axvspan(*trained, color=style.STRIP, zorder=0, label="training lengths", gid="trained")
    shown_groups = [run.group for run in runs]
    looks = style.looks(shown_groups, groups)
    for run in runs:
        group = looks[run.group]
        look: style.Look = {
            "color": group.colour,
            "linestyle": group.dash,
            "linewidth": 1.6,
            "alpha": 0.9,
            "zorder": 2.5,
        }
        axes.plot(run.lengths, run.values, label=run.label, gid="run", **look, **style.point_marker(group))
    axes.set_xscale("log")
    lengths = np.unique(np.concatenate([run.lengths for run in runs]))
    if len(lengths) > TICKS:
        lengths = lengths[np.linspace(0, len(lengths) - 1, TICKS).round().astype(int)]
    axes.xaxis.set_major_locator(FixedLocator(lengths.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    values = np.concatenate([[] if without is None else without[:1], *(run.values for run in runs)])
    values = values[np.isfinite(values)]
    lowest, highest = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    if samples is not None:
        axes.set_yscale("symlog", linthresh=1 / samples, linscale=0.4)
        axes.set_ylim(-0.3 / samples, max(1.6 * highest, 2 / samples))
        axes.yaxis.set_major_locator(FixedLocator([0.0, *10.0 ** np.arange(np.ceil(np.log10(2 / samples)), 1)]))
    else:
        margin = 0.05 * (highest - lowest) or 0.1
        axes.set_ylim(lowest - margin, highest + margin)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
    if without is not None:
        marks.draw_levels(axes, [], floor=without)
    note = "" if trained is None else "shaded: training lengths"
    style.footer(figure, style.group_keys(looks, shown_groups, points=True), [note])
    return figure
