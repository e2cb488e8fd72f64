"""How a network does on its own text, by position, and how an error spreads, by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from plots import style

BINS = 20  # greatest number of points of a curve of surprise: single positions are noisy

Curve = tuple[str, str, np.ndarray]  # label, group, and the values (L,)


@dataclass(frozen=True, eq=False)
class SplitCurves:
    """What is drawn of one part of a text.

    free: surprise (nats) of what each configuration writes, by position. forced: that of the true text, (L,).
    variation: total variation by step after an error.
    """

    name: str
    free: Sequence[Curve]
    forced: np.ndarray
    variation: Sequence[Curve]


def exposure_figure(
    splits: Sequence[SplitCurves], *, margin: float, groups: Sequence[str] = (), title: str = ""
) -> Figure:
    """Draw a row for each part of a text: surprise by position at the left, total variation by step at the right.

    Surprise is averaged over neighbouring positions. margin: total variation below which an error has recovered.
    groups: all groups of the study, so that a group looks the same in every figure.
    """
    if not splits or not splits[0].free:
        return style.text_figure(title, "No run was probed.")
    figure = style.new_figure(title, 1.0 + 2.5 * len(splits))
    rows = figure.subplots(len(splits), 2, squeeze=False, sharex="col", sharey="col")
    shown_groups = [group for _, group, _ in splits[0].free]
    looks = style.looks(shown_groups, groups)
    for (left, right), split in zip(rows, splits, strict=True):
        last = split is splits[-1]
        style.set_up_axes(left, title=split.name, ylabel="surprise (nats)", xlabel="characters written" if last else "")
        style.set_up_axes(right, ylabel="total variation", xlabel="steps after an error" if last else "")
        for curves, axes, gid in ((split.free, left, "free"), (split.variation, right, "variation")):
            for label, group, values in curves:
                x, y = binned(values) if axes is left else (np.arange(1, len(values) + 1), values)
                _line(axes, x, y, looks[group], label, gid)
        x, y = binned(split.forced)
        left.plot(x, y, color=style.INK, linestyle=(0, (6, 4)), linewidth=1.2, label="true text", gid="forced")
        right.axhline(margin, color=style.MUTED, linestyle=":", linewidth=1.2, label="margin")
        right.set_xscale("log")
        right.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
        right.xaxis.set_minor_locator(NullLocator())
        right.set_ylim(0, 1)
    names = [f"dashed: the true text; dotted: {style.number(margin)}, below which an error has recovered"]
    style.footer(figure, style.group_keys(looks, shown_groups), names)
    return figure


def binned(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of up to BINS stretches of positions, counted from 1, and the means of the values there."""
    parts = np.array_split(np.arange(len(values)), min(BINS, len(values)))
    return np.array([part.mean() + 1 for part in parts]), np.array([values[part].mean() for part in parts])


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, look: style.GroupLook, label: str, gid: str) -> None:
    axes.plot(x, y, color=look.colour, linestyle=look.dash, linewidth=1.6, alpha=0.9, label=label, gid=gid)
