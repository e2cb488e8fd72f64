"""Values of hidden units: their percentiles, and their size by time step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from plots import style

WIDE = 5.0  # values beyond it, or whose sizes differ by more than its square, get a logarithmic axis


@dataclass(frozen=True, eq=False)
class StateCurves:
    """Hidden units of a run, or means over the runs of a configuration.

    percentiles: (n,), the values below which 0, ..., 100 % of all values lie, evenly spaced. rms: (T,), the root mean
    square at each time step.
    """

    label: str
    group: str
    percentiles: np.ndarray
    rms: np.ndarray
    runs: int = 1


def hidden_state(
    shown: Sequence[StateCurves], *, groups: Sequence[str] = (), title: str = "", notes: Sequence[str] = ()
) -> Figure:
    """Draw the percentiles of hidden units (left), and their root mean square at each time step (right).

    Axes are linear, or logarithmic beyond 1 if values are large. groups: all groups of the study, so that a group looks
    the same in every figure.
    """
    if not shown:
        return style.text_figure(title, "No run was probed.")
    figure = style.new_figure(title, 4.2)
    left, right = figure.subplots(1, 2)
    style.set_up_axes(left, xlabel="share of values below", ylabel="value of a hidden unit $h$")
    style.set_up_axes(right, xlabel="time step $t$", ylabel="root mean square of $h_t$")
    shown_groups = [states.group for states in shown for _ in range(states.runs)]
    looks = style.looks(shown_groups, groups)
    for states in shown:
        group = looks[states.group]
        look: style.Look = {"color": group.colour, "linestyle": group.dash, "linewidth": 1.6, "label": states.label}
        shares = np.linspace(0, 1, len(states.percentiles))
        left.plot(shares, states.percentiles, gid="percentiles", **look)
        right.plot(np.arange(1, len(states.rms) + 1), states.rms, gid="rms", **look)
    _value_axis(left, left.yaxis, np.concatenate([states.percentiles for states in shown]))
    _value_axis(right, right.yaxis, np.concatenate([states.rms for states in shown]))
    left.set_xlim(0, 1)
    style.share_axis(left.xaxis, 1.0)
    style.count_axis(right.xaxis, 2)
    style.footer(figure, style.group_keys(looks, shown_groups), notes)
    return figure


def _value_axis(axes: Axes, axis: Axis, values: np.ndarray) -> None:
    if np.abs(values).max() <= WIDE:
        return
    axes.set_yscale("symlog", linthresh=1.0)
    axis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value).replace("-", "\N{MINUS SIGN}")))
