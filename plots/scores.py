"""Scores of configurations side by side: a point for each run, a bar at the mean, a panel for each score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from plots import style

ROW = 0.28  # inches for each configuration


@dataclass(frozen=True)
class Score:
    """A score of the runs of several configurations: the values of each configuration, NaN where a run has none.

    is_share: the axis is from 0 to 1. level: value and name of a line to compare with.
    """

    name: str
    values: Sequence[Sequence[float]]
    is_share: bool = False
    level: tuple[float, str] | None = None


def score_figure(
    configurations: Sequence[tuple[str, str]], panels: Sequence[Score], *, groups: Sequence[str] = (), title: str = ""
) -> Figure:
    """Draw a panel for each score, with a row for each configuration.

    configurations: label and group of each. groups: all groups of the study, so that a group looks the same in every
    figure. Raises ValueError if a score has values for another number of configurations.
    """
    if not configurations or not panels:
        return style.text_figure(title, "No run has a score.")
    for panel in panels:
        if len(panel.values) != len(configurations):
            raise ValueError(
                f"score_figure: {panel.name} has {len(panel.values)} configurations, allowed: {len(configurations)}"
            )
    figure = style.new_figure(title, 1.3 + ROW * len(configurations))
    axes_of = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    looks = style.looks([group for _, group in configurations], groups)
    rows = np.arange(len(configurations))
    for axes, panel in zip(axes_of, panels, strict=True):
        style.set_up_axes(axes, xlabel=panel.name, grid="x")
        for row, (label, group), values in zip(rows, configurations, panel.values, strict=True):
            colour = looks[group].colour
            shape: style.Look = {"linestyle": "none", "marker": "o", "markersize": 5, "alpha": 0.7, "clip_on": False}
            axes.plot(values, [row] * len(values), color=colour, label=label, gid="runs", **shape)
            known = np.array(values, dtype=float)
            if (known := known[np.isfinite(known)]).size > 1:
                bar: style.Look = {"marker": "|", "markersize": 13, "markeredgewidth": 2, "color": style.INK}
                axes.plot([known.mean()], [row], gid="mean", **bar)
        if panel.is_share:
            axes.set_xlim(0, 1)
        if panel.level is not None:
            value, name = panel.level
            axes.axvline(value, color=style.INK, linestyle=(0, (6, 4)), linewidth=1.1, label=name)
            axes.text(value, 1.0, f" {name}", fontsize=style.SMALL, va="bottom", transform=axes.get_xaxis_transform())
    names = style.shorten_apart([label for label, _ in configurations], 32)
    axes_of[0].set_yticks(rows, [names[label] for label, _ in configurations])
    axes_of[0].set_ylim(len(rows) - 0.5, -0.5)
    if any(len(values) > 1 for values in panels[0].values):
        style.footer(figure, [], ["a point for each run, a bar at their mean"])
    return figure
