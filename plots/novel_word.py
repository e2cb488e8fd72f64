"""Similarity of a novel word to the word that it replaces, by place in the word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from plots import style


@dataclass(frozen=True, eq=False)
class WordPanel:
    """One replaced word.

    places: their names. curves: label, group and similarities by place, (P,), of each configuration. ends: the upper
    and the lower end of the scale by name, with similarities by place, (P,).
    """

    word: str
    places: Sequence[str]
    curves: Sequence[tuple[str, str, np.ndarray]]
    ends: Mapping[str, np.ndarray]


def novel_word_figure(
    panels: Sequence[WordPanel], novel: str, *, groups: Sequence[str] = (), title: str = ""
) -> Figure:
    """Draw a panel for each replaced word: cosine similarity by place, between the two ends of the scale.

    groups: all groups of the study, so that a group looks the same in every figure.
    """
    if not panels or not panels[0].curves:
        return style.text_figure(title, "No run was probed.")
    figure = style.new_figure(title, 4.2)
    axes_of = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    shown_groups = [group for _, group, _ in panels[0].curves]
    looks = style.looks(shown_groups, groups)
    for axes, panel in zip(axes_of, panels, strict=True):
        first = axes is axes_of[0]
        style.set_up_axes(
            axes,
            title=f"{novel} in the place of {panel.word}",
            xlabel="letter, counted from the last",
            ylabel="cosine similarity" if first else "",
        )
        places = np.arange(len(panel.places))
        for label, group, values in panel.curves:
            look = looks[group]
            line: style.Look = {"color": look.colour, "linestyle": look.dash, "linewidth": 1.6, "alpha": 0.9}
            axes.plot(places, values, label=label, gid="run", **line, **style.point_marker(look))
        for (name, values), dash in zip(panel.ends.items(), ("-", ":"), strict=True):
            axes.plot(places, values, color=style.INK, linestyle=dash, linewidth=1.1, label=name, gid="end")
        axes.set_xticks(places, panel.places)
    ends = ", ".join(f"{dash}: {name}" for name, dash in zip(panels[0].ends, ("solid black", "dotted"), strict=True))
    style.footer(figure, style.group_keys(looks, shown_groups, points=True), [ends])
    return figure
