"""Words in hidden-state space: a dendrogram, and a projection onto two components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots import style

LINE = 0.135  # inches for each word of a dendrogram
NAME = style.SMALL - 2  # points, the size of the words in a projection
BESIDE = 5.0  # points between a word and its own marker, where there is room
AWAY = (12.0, 20.0, 30.0, 42.0, 56.0, 72.0)  # points, where there is none: a line leads to the marker


@dataclass(frozen=True, eq=False)
class WordMap:
    """The words of one run.

    categories: of each word. projection: (W, 2). merges: (W - 1, 3), the two clusters of each merge, words first, then
    clusters in the order of merging, and their distance. explained: share of the variance in the projection. Raises
    ValueError for arrays that do not fit the words.
    """

    label: str
    words: Sequence[str]
    categories: Sequence[str]
    projection: np.ndarray
    merges: np.ndarray
    explained: float

    def __post_init__(self) -> None:
        n = len(self.words)
        if n < 2 or len(self.categories) != n or self.projection.shape != (n, 2) or self.merges.shape != (n - 1, 3):
            raise ValueError(
                f"WordMap {self.label!r}: {n} words, {len(self.categories)} categories, a projection of "
                f"{self.projection.shape} and merges of {self.merges.shape}"
            )


def word_maps(maps: Sequence[WordMap], *, title: str = "", note: str = "") -> Figure:
    """Draw a row for each run: the dendrogram at the left, the projection at the right, words in category colours."""
    if not maps:
        return style.text_figure(title, "No run was probed.")
    names = list(dict.fromkeys(category for each in maps for category in each.categories))
    looks = style.looks(names, names)
    heights = [max(3.0, LINE * len(each.words) + 0.6) for each in maps]
    figure = style.new_figure(title, 0.9 + sum(heights))
    rows = figure.subplots(len(maps), 2, squeeze=False, height_ratios=heights)
    for (left, right), each in zip(rows, maps, strict=True):
        style.set_up_axes(left, title=style.shorten(each.label, 40), xlabel="distance of mean states", grid="x")
        _dendrogram(left, each, looks)
        share = f"{100 * each.explained:.0f} % of the variance"
        style.set_up_axes(right, title=f"two principal components, {share}")
        _projection(right, each, looks)
    keys = [
        Line2D([], [], color=look.colour, linestyle="none", label=name, **_marker(look)) for name, look in looks.items()
    ]
    style.footer(figure, keys, [note] if note else [])
    figure.draw_without_rendering()  # lays out the panels: the room for names is known after that only
    for (_, right), each in zip(rows, maps, strict=True):
        _name_words(right, each, looks, 72 / figure.dpi)
    return figure


def _marker(look: style.GroupLook) -> style.Look:
    return {"marker": look.marker, "markersize": 5, "markerfacecolor": style.face(look)}


def leaf_order(merges: np.ndarray) -> list[int]:
    """Return the words in the order of the leaves of a dendrogram, in which no lines cross."""
    n = len(merges) + 1
    members: list[list[int]] = [[i] for i in range(n)]
    for first, second, _ in merges:
        members.append([*members[int(first)], *members[int(second)]])
    return members[-1]


def _dendrogram(axes: Axes, each: WordMap, looks: dict[str, style.GroupLook]) -> None:
    """Draw the merges, a leaf for each word at distance 0, from top to bottom."""
    order = leaf_order(each.merges)
    heights = [float(order.index(i)) for i in range(len(order))]
    distances = [0.0] * len(order)
    for first, second, distance in each.merges:
        a, b = int(first), int(second)
        x = [distances[a], distance, distance, distances[b]]
        axes.plot(x, [heights[a]] * 2 + [heights[b]] * 2, color=style.MUTED, linewidth=1.0, gid="merge")
        heights.append((heights[a] + heights[b]) / 2)
        distances.append(float(distance))
    axes.set_yticks(range(len(order)), [each.words[i] for i in order])
    for tick, i in zip(axes.get_yticklabels(), order, strict=True):
        tick.set_color(looks[each.categories[i]].colour)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlim(left=0)


def _projection(axes: Axes, each: WordMap, looks: dict[str, style.GroupLook]) -> None:
    for word, category, (x, y) in zip(each.words, each.categories, each.projection, strict=True):
        look = looks[category]
        axes.plot([x], [y], color=look.colour, linestyle="none", gid="word", label=word, **_marker(look))
    axes.margins(0.12)


def _name_words(axes: Axes, each: WordMap, looks: dict[str, style.GroupLook], points: float) -> None:
    """Write each word beside its marker, or farther away with a line to it if other words or markers are there.

    points: the size of a pixel.
    """
    markers = axes.transData.transform(each.projection) * points
    names = zip(each.words, each.categories, each.projection, places_of_names(each.words, markers), strict=True)
    for word, category, at, (offset, is_away) in names:
        colour = looks[category].colour
        line: style.Look = {"arrowstyle": "-", "linewidth": 0.5, "color": colour, "shrinkA": 0, "shrinkB": 2}
        look: style.Look = {"ha": "center", "va": "center", "fontsize": NAME, "color": colour, "in_layout": False}
        axes.annotate(word, at, offset, textcoords="offset points", arrowprops=line if is_away else None, **look)


def places_of_names(words: Sequence[str], markers: np.ndarray) -> list[tuple[tuple[float, float], bool]]:
    """Return the centre of each word relative to its marker (points), and whether it is too far away to need no line.

    markers: (W, 2), in points. A word is at the nearest of some places where it covers no marker and no word before it,
    and beside its marker if all of these are taken.
    """
    angles = np.pi / 8 * np.array([1, 15, 7, 9, 3, 13, 5, 11, 0, 8, 4, 12])  # beside the marker, rather than above
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in markers]
    places = []
    for word, (x, y) in zip(words, markers, strict=True):
        half_width, half_height = 0.31 * NAME * len(word), 0.6 * NAME
        tried = []
        for distance in (BESIDE, *AWAY):
            for angle in angles:
                dx, dy = np.cos(angle) * (distance + half_width), np.sin(angle) * (distance + half_height)
                box = (x + dx - half_width, y + dy - half_height, x + dx + half_width, y + dy + half_height)
                tried.append(((float(dx), float(dy)), distance != BESIDE, box))
        offset, is_away, box = next((place for place in tried if not _covers(place[2], taken)), tried[0])
        taken.append(box)
        places.append((offset, is_away))
    return places


Box = tuple[float, float, float, float]  # left, bottom, right, top


def _covers(box: Box, others: Sequence[Box]) -> bool:
    left, bottom, right, top = np.array(others).T
    return bool(((box[0] < right) & (left < box[2]) & (box[1] < top) & (bottom < box[3])).any())
