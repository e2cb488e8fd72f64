"""The axis of a hyper-parameter: numbers on a linear or log axis, other values as categories, runs spread sideways."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from plots import style
from plots.values import category_order

FEW = 12  # up to this number of distinct values, each has a tick, and runs at one value are spread
ROOM = 0.8  # width for the runs at one value, as a share of the distance to the next value


def place(
    axes: Axes, values: Sequence[float | str], heights: np.ndarray, marker: tuple[float, float]
) -> tuple[np.ndarray, dict[float | str, float]]:
    """Set up the x axis for these values (see `plain`), at least two of which differ.

    heights: (n,), the positions of the runs; marker: width and height of the largest marker, all as shares of the
    panel. Returns the x of every run, (n,), spread sideways around its value, and value -> x of its centre.
    """
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) == len(values):
        return _numbers(axes, numbers, heights, marker)
    return _categories(axes, values, heights, marker)


def ratio_spaced(distinct: np.ndarray) -> bool:
    """Return whether these numbers, (n,) ascending, belong on a log axis.

    They do if all are positive and they span a decade, or if there are three or more with nearly equal ratios between
    neighbours.
    """
    if len(distinct) < 2 or distinct[0] <= 0:
        return False
    ratios = distinct[1:] / distinct[:-1]
    even = len(distinct) >= 3 and ratios.min() >= 1.5 and ratios.max() <= 1.1 * ratios.min()
    return bool(even or distinct[-1] >= 10 * distinct[0])


def spread(values: Sequence[float | str], heights: np.ndarray, *, width: float, height: float) -> np.ndarray:
    """Return sideways offsets in (-ROOM / 2, ROOM / 2) of a column, (n,), that keep runs at one value apart.

    The layout is deterministic. A column has lanes: the middle, one to its right, one to its left, and so on. From the
    lowest run up, each run takes the first lane whose last marker ends below it, so that single runs are in the middle
    and equal runs side by side. Lanes are a marker wide; if the column has no room left, further lanes lie halfway
    between the first ones, then halfway between these, and so on.

    heights: (n,), of the runs as shares of the panel. width, height: of a marker, as shares of column and panel.
    """
    pitch = min(width, ROOM / 2)
    room = max(1, int(ROOM / pitch) - 2)
    at: dict[float | str, list[int]] = {}
    for i in np.argsort(heights, kind="stable"):
        at.setdefault(values[i], []).append(int(i))
    shares = np.empty(len(values))
    for runs in at.values():
        lanes = 0
        taken: deque[tuple[float, int]] = deque()  # height and lane of the runs that still block their lane
        free: list[int] = []
        for i in runs:
            while taken and heights[i] - taken[0][0] >= height:
                heapq.heappush(free, taken.popleft()[1])
            lane = heapq.heappop(free) if free else lanes
            lanes = max(lanes, lane + 1)
            taken.append((heights[i], lane))
            layer, lane = divmod(lane, room)
            shares[i] = ((lane + 1) // 2 * (1 if lane % 2 else -1) + _between(layer)) * pitch
    return shares


def _between(layer: int) -> float:
    """Return the van der Corput sequence 0, 1/2, 1/4, 3/4, 1/8, ...: binary digits reversed after the point."""
    share, digit = 0.0, 0.5
    while layer:
        share += digit * (layer % 2)
        layer, digit = layer // 2, digit / 2
    return share


def _numbers(
    axes: Axes, values: Sequence[float], heights: np.ndarray, marker: tuple[float, float]
) -> tuple[np.ndarray, dict[float | str, float]]:
    array = np.array(values)
    distinct = np.unique(array)
    if ratio_spaced(distinct):
        axes.set_xscale("log")
    elif distinct[0] == 0 and ratio_spaced(distinct[1:]):
        axes.set_xscale("symlog", linthresh=distinct[1])
    # Distances are measured on the paper, so that spread and margins look the same on every scale.
    to_paper = axes.xaxis.get_transform()
    to_value = to_paper.inverted()
    paper = to_paper.transform(distinct)
    width = paper[-1] - paper[0]
    nearest = np.diff(paper).min()
    few = len(distinct) <= FEW
    margin = 0.5 * nearest if few else 0.06 * width
    axes.set_xlim(*to_value.transform(np.array([paper[0] - margin, paper[-1] + margin])))
    middles: dict[float | str, float] = {value: value for value in distinct.tolist()}
    if not few:
        if axes.get_xscale() == "linear":
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        return array, middles
    named = [paper[0]]
    for tick in paper[1:]:
        if tick - named[-1] >= 0.11 * width:  # the labels of closer ticks would touch
            named.append(tick)
    axes.xaxis.set_major_locator(FixedLocator(to_value.transform(np.array(named)).tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    shares = spread(values, heights, width=marker[0] * (width + 2 * margin) / nearest, height=marker[1])
    return to_value.transform(to_paper.transform(array) + nearest * shares), middles


def _categories(
    axes: Axes, values: Sequence[float | str], heights: np.ndarray, marker: tuple[float, float]
) -> tuple[np.ndarray, dict[float | str, float]]:
    middles = {value: float(i) for i, value in enumerate(sorted(set(values), key=category_order))}
    shown = list(middles)[:: -(-len(middles) // (2 * FEW))]  # more than two dozen labels would overlap
    names = [style.number(value) if isinstance(value, float) else style.shorten(value, 18) for value in shown]
    axes.set_xticks([middles[value] for value in shown], names)
    if sum(len(name) + 1 for name in names) > 36:
        for text in axes.get_xticklabels():
            text.set(rotation=35, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, len(middles) - 0.4)
    shares = spread(values, heights, width=marker[0] * (len(middles) + 0.2), height=marker[1])
    return np.array([middles[value] for value in values]) + shares, middles
