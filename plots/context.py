"""Loss against the length of the context that a network has read, and with its state replaced by others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from plots import marks, style

TICKS = 12  # greatest number of ticks


@dataclass(frozen=True, eq=False)
class ByContext:
    """One run's loss after contexts of several lengths, and with several states.

    contexts: (n,) in symbols, 0 or more and strictly increasing. losses, errors: (n,), the loss and its standard error,
    in one unit. states: name of the state -> (loss, standard error). Raises ValueError for other arrays.
    """

    label: str
    group: str
    contexts: np.ndarray
    losses: np.ndarray
    errors: np.ndarray
    states: Mapping[str, tuple[float, float]]

    def __post_init__(self) -> None:
        for name in ("contexts", "losses", "errors"):
            object.__setattr__(self, name, np.array(getattr(self, name), dtype=float))
        contexts, owner = self.contexts, f"ByContext {self.label!r}"
        if contexts.ndim != 1 or not len(contexts) or not contexts.shape == self.losses.shape == self.errors.shape:
            raise ValueError(
                f"{owner}: {contexts.shape} contexts, {self.losses.shape} losses, {self.errors.shape} errors"
            )
        if contexts[0] < 0 or np.any(np.diff(contexts) <= 0):
            raise ValueError(f"{owner}: contexts are negative or not strictly increasing")


def by_context(
    runs: Sequence[ByContext],
    *,
    floors: Sequence[marks.Level] = (),
    unit: str = "nats",
    groups: Sequence[str] = (),
    title: str = "",
    note: str = "",
) -> Figure:
    """Draw the loss of each run, left against context length on a logarithmic axis from 0, right with each state.

    Replicates share colour and line style, bars are standard errors, floors are drawn across both panels. unit: of all
    losses and floors. groups: all groups of the study, so that a group looks the same in every figure.
    """
    if not runs:
        return style.text_figure(title, "No run was probed.")
    figure = style.new_figure(title, 4.4)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[5, 2])
    style.set_up_axes(left, xlabel="context length (symbols before the current one)", ylabel=f"loss ({unit})")
    style.set_up_axes(right, grid="y")
    states = list(dict.fromkeys(name for run in runs for name in run.states))
    shown_groups = [run.group for run in runs]
    looks = style.looks(shown_groups, groups)
    for i, run in enumerate(runs):
        group = looks[run.group]
        look: style.Look = {"color": group.colour, "linewidth": 1.6, "elinewidth": 1.0, "alpha": 0.9, "zorder": 2.5}
        look |= {**style.point_marker(group), "label": run.label}
        _points(left, run.contexts, run.losses, run.errors, look | {"linestyle": group.dash}, "run")
        # Side by side, because the points of equal runs would cover each other.
        places = np.array([states.index(name) for name in run.states]) + 0.5 * ((i + 0.5) / len(runs) - 0.5)
        losses, errors = np.array(list(run.states.values()), dtype=float).reshape(-1, 2).T
        _points(right, places, losses, errors, look | {"linestyle": "none"}, "states")
    _context_axis(left, np.unique(np.concatenate([run.contexts for run in runs])))
    right.set_xlim(-0.5, len(states) - 0.5)
    right.set_xticks(range(len(states)), states)
    for value, _ in floors:
        left.update_datalim([(0, value)])
    left.autoscale_view(scalex=False)
    for axes in (left, right):
        marks.draw_levels(axes, floors, named=axes is right)
    style.footer(figure, style.group_keys(looks, shown_groups, points=True), [note])
    return figure


def _points(axes: Axes, x: np.ndarray, y: np.ndarray, errors: np.ndarray, look: style.Look, gid: str) -> None:
    line, _, _ = axes.errorbar(x, y, errors, **look)
    line.set_gid(gid)


def _context_axis(axes: Axes, contexts: np.ndarray) -> None:
    """Make the x axis linear in log2(1 + context length), which has a place for 0."""
    axes.set_xscale("function", functions=(lambda k: np.log2(1 + np.maximum(k, -0.5)), lambda x: 2.0**x - 1))
    axes.set_xlim(-0.04, max(1.08 * contexts[-1], 1))
    shown = contexts
    if len(contexts) > TICKS:
        shown = contexts[np.unique(np.linspace(0, len(contexts) - 1, TICKS).round().astype(int))]
    axes.xaxis.set_major_locator(FixedLocator(shown.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
