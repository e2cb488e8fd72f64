"""The axis of a hyper-parameter: numbers on a linear or log axis, all else as categories, runs spread sideways."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from plots import style

FEW = 12  # up to this many distinct values get ticks of their own, and runs at one value are spread
NOT_SET = "not set"
GOLDEN = 0.6180339887498949


def plain(value: object) -> float | str:
    """A finite number as a float, everything else as the word that stands on the axis."""
    if value is None:
        return "none"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, Real) and np.isfinite(value):
        return float(value)
    return str(value)


def place(axes: Axes, values: Sequence[float | str]) -> tuple[np.ndarray, dict[float | str, float]]:
    """Set up the x axis for these values (see `plain`), of which at least two differ.

    Returns the place of every run, spread sideways around its value, and value -> the place of its middle.
    """
    if all(isinstance(value, float) for value in values):
        return _numbers(axes, values)
    return _categories(axes, values)


def ratio_spaced(distinct: np.ndarray) -> bool:
    """Whether these numbers (ascending) belong on a log axis.

    They do if all are positive and span a decade, or are three and more, each by about the same ratio above
    the one before.
    """
    if len(distinct) < 2 or distinct[0] <= 0:
        return False
    ratios = distinct[1:] / distinct[:-1]
    even = len(distinct) >= 3 and ratios.min() >= 1.5 and ratios.max() <= 1.1 * ratios.min()
    return bool(even or distinct[-1] >= 10 * distinct[0])


def spread(values: Sequence[float | str]) -> np.ndarray:
    """Sideways shares in (-0.5, 0.5) that keep runs at one value apart, the same each time.

    Even steps about 0, over less width for fewer runs, handed out in the order of the golden-ratio sequence,
    so that runs that follow one another (seeds, say) do not stand side by side.
    """
    at: dict[float | str, list[int]] = {}
    for i, value in enumerate(values):
        at.setdefault(value, []).append(i)
    shares = np.empty(len(values))
    for runs in at.values():
        rank = np.argsort(np.argsort(np.arange(len(runs)) * GOLDEN % 1.0))
        shares[runs] = ((rank + 0.5) / len(runs) - 0.5) * min(1.0, len(runs) / 4)
    return shares


def _numbers(axes: Axes, values: Sequence[float]) -> tuple[np.ndarray, dict[float, float]]:
    array = np.array(values)
    distinct = np.unique(array)
    if ratio_spaced(distinct):
        axes.set_xscale("log")
    elif distinct[0] == 0 and ratio_spaced(distinct[1:]):
        axes.set_xscale("symlog", linthresh=distinct[1])
    # Distances are those on the paper, so that spread and margins look alike on every scale.
    to_paper = axes.xaxis.get_transform()
    to_value = to_paper.inverted()
    paper = to_paper.transform(distinct)
    width = paper[-1] - paper[0]
    nearest = np.diff(paper).min()
    few = len(distinct) <= FEW
    margin = 0.5 * nearest if few else 0.06 * width
    axes.set_xlim(*to_value.transform(np.array([paper[0] - margin, paper[-1] + margin])))
    middles = {value: value for value in distinct.tolist()}
    if not few:
        if axes.get_xscale() == "linear":
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        return array, middles
    named = [paper[0]]
    for tick in paper[1:]:
        if tick - named[-1] >= 0.11 * width:  # nearer, and the labels would touch
            named.append(tick)
    axes.xaxis.set_major_locator(FixedLocator(to_value.transform(np.array(named))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    return to_value.transform(to_paper.transform(array) + 0.5 * nearest * spread(values)), middles


def _categories(axes: Axes, values: Sequence[float | str]) -> tuple[np.ndarray, dict[float | str, float]]:
    middles = {value: float(i) for i, value in enumerate(sorted(set(values), key=_category_order))}
    shown = list(middles)[:: -(-len(middles) // (2 * FEW))]  # names of more than two dozen would overlap
    names = [style.number(value) if isinstance(value, float) else style.shorten(value, 18) for value in shown]
    axes.set_xticks([middles[value] for value in shown], names)
    if sum(len(name) + 1 for name in names) > 36:
        for text in axes.get_xticklabels():
            text.set(rotation=35, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, len(middles) - 0.4)
    return np.array([middles[value] for value in values]) + 0.5 * spread(values), middles


def _category_order(value: float | str) -> tuple:
    """false and true, numbers, words, none, not set."""
    if isinstance(value, float):
        return (1, value)
    return ({"false": 0, "true": 0, "none": 3, NOT_SET: 4}.get(value, 2), value)
