"""Loss against the context that a network's state was made of, beside what its state does for it as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from plots import marks, style

TICKS = 12  # more contexts than this would crowd the axis


@dataclass(frozen=True, eq=False)
class ByContext:
    """One run's loss and its standard error at each of its contexts, (n,) strictly growing from 0 on, and in some
    states: by their names, (loss, standard error).
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
            raise ValueError(f"{owner}: contexts are not growing from 0 on")


def by_context(
    runs: Sequence[ByContext],
    *,
    floors: Sequence[marks.Level] = (),
    unit: str = "nats",
    title: str = "",
    note: str = "",
) -> Figure:
    """Left the loss of each run by context, on logarithmic contexts from 0 on; right that in each of its states.
    Replicates share a look, bars are standard errors, floors are drawn across both.
    """
    if not runs:
        return style.say(title, "No run was asked.")
    figure = style.new_figure(title, 4.4)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[5, 2])
    style.dress(left, xlabel="symbols of context before the present one", ylabel=f"loss ({unit})")
    style.dress(right, grid="y")
    states = list(dict.fromkeys(name for run in runs for name in run.states))
    groups = [run.group for run in runs]
    look = style.looks(groups)
    for i, run in enumerate(runs):
        colour, dash = look[run.group]
        drawn = {"color": colour, "linewidth": 1.6, "elinewidth": 1.0, "alpha": 0.9, "zorder": 2.5}
        drawn |= _marker(colour, dash)
        _points(left, run.contexts, run.losses, run.errors, drawn | {"linestyle": dash, "label": run.label}, "run")
        # Side by side, or the points of equal runs would lie on one another.
        places = np.array([states.index(name) for name in run.states]) + 0.5 * ((i + 0.5) / len(runs) - 0.5)
        losses, errors = np.array(list(run.states.values()), dtype=float).reshape(-1, 2).T
        _points(right, places, losses, errors, drawn | {"linestyle": "none", "label": run.label}, "states")
    _context_axis(left, np.unique(np.concatenate([run.contexts for run in runs])))
    right.set_xlim(-0.5, len(states) - 0.5)
    right.set_xticks(range(len(states)), states)
    for value, _ in floors:
        left.update_datalim([(0, value)])
    left.autoscale_view(scalex=False)
    for axes in (left, right):
        marks.draw_levels(axes, floors, named=axes is right)
    keys = style.group_keys(look, groups)
    for key, one in zip(keys, look.values(), strict=True):
        key.set(**_marker(*one))
    style.footer(figure, keys, [note])
    return figure


def _marker(colour: str, dash: object) -> dict:
    """Hollow where lines are dashed: points without a line have nothing else to tell groups of one colour apart."""
    return {"marker": "o", "markersize": 4, "markerfacecolor": colour if dash == style.DASHES[0] else "white"}


def _points(axes: Axes, x: np.ndarray, y: np.ndarray, errors: np.ndarray, look: Mapping, gid: str) -> None:
    line, _, _ = axes.errorbar(x, y, errors, **look)
    line.set_gid(gid)


def _context_axis(axes: Axes, contexts: np.ndarray) -> None:
    """0 has a place, and from there on every doubling of the symbols read takes the same room."""
    axes.set_xscale("function", functions=(lambda k: np.log2(1 + np.maximum(k, -0.5)), lambda x: 2.0**x - 1))
    axes.set_xlim(-0.04, max(1.08 * contexts[-1], 1))
    shown = contexts
    if len(contexts) > TICKS:
        shown = contexts[np.unique(np.linspace(0, len(contexts) - 1, TICKS).round().astype(int))]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
