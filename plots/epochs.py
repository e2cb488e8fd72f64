"""A training history by epochs: loss, metric, learning rate and gradient norm, two by two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots import panels, style

# Titles of the panels, each with the lines in it: the key in the history, and the name in the legend.
PANELS = (
    ("loss", {"train_loss": "training", "val_loss": "validation"}),
    ("metric", {"train_metric": "training", "val_metric": "validation"}),
    ("learning rate", {"learning_rates": "training"}),
    ("gradient norm before clipping", {"grad_norms": "training"}),
)
COLOURS = {"training": style.HUES[0], "validation": style.HUES[1]}


def training_history(history: Mapping[str, Sequence[float]], title: str = "") -> Figure:
    """Draw a history in four panels. Epochs count from 1; a line without values is left out.

    history: the keys of PANELS, each with a value for every epoch, or empty.
    """
    if not any(len(history[key]) for _, lines in PANELS for key in lines):
        return style.text_figure(title, "There is no epoch to draw.")
    figure, places = panels.grid(title, len(PANELS))
    drawn: dict[str, Line2D] = {}
    for place, (name, lines) in zip(places, PANELS, strict=True):
        xlabel = "epoch" if panels.is_lowest(place, places) else ""
        axes = style.set_up_axes(figure.add_subplot(place), title=name, xlabel=xlabel)
        for key, label in lines.items():
            values = history[key]
            if len(values):
                marker = "o" if len(values) == 1 else None
                (line,) = axes.plot(
                    range(1, len(values) + 1), values, color=COLOURS[label], label=label, marker=marker, gid=key
                )
                drawn.setdefault(label, line)
        style.count_axis(axes.xaxis, panels.across(places))
    style.footer(figure, list(drawn.values()))
    return figure
