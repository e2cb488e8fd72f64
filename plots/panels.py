"""Small multiples: which runs and checks get a place, the grid of panels, the colours of early and late."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from plots import style

COLUMNS = 3


def grid(title: str, count: int) -> tuple[Figure, list[SubplotSpec]]:
    """A figure with room for `count` panels, three a row (four: two by two), and the place of each."""
    across = 2 if count == 4 else min(COLUMNS, count)
    down = -(-count // across)
    figure = style.new_figure(title, 0.9 + (3.2 if down == 1 else 2.4) * down)
    places = figure.add_gridspec(down, across)
    return figure, [places[i // across, i % across] for i in range(count)]


def is_left(place: SubplotSpec) -> bool:
    return place.colspan.start == 0


def is_lowest(place: SubplotSpec, places: Sequence[SubplotSpec]) -> bool:
    """Whether no panel lies below this one."""
    return not any(other.colspan == place.colspan and other.rowspan.start > place.rowspan.start for other in places)


def choose_runs(figure: str, records: Sequence, most: int) -> tuple[list, str]:
    """At most `most` records that have a check, in their own order, and the note on how many were left out.

    The first of every group goes before the second of any. ValueError (naming the figure) for most below 1.
    """
    if most < 1:
        raise ValueError(f"{figure}: most is {most}, allowed: 1 and more")
    checked = [record for record in records if len(record.updates)]
    chosen = first_of_each([record.group for record in checked], most)
    left_out = len(records) - len(chosen)
    note = f"{len(chosen)} of {len(records)} runs shown, {left_out} left out" if left_out else ""
    return [checked[position] for position in chosen], note


def first_of_each(groups: Sequence[Hashable], most: int) -> list[int]:
    """Positions of at most `most` entries, in order: the first of every group goes before the second of any."""
    seen: dict[Hashable, int] = {}
    ranked = []
    for position, group in enumerate(groups):
        seen[group] = seen.get(group, -1) + 1
        ranked.append((seen[group], position))
    return sorted(position for _, position in sorted(ranked)[:most])


def choose_checks(figure: str, total: int, checks: int) -> np.ndarray:
    """Indices of at most `checks` of `total` checks, evenly over them, first and last included.

    For checks = 1 the last. ValueError (naming the figure) for checks below 1.
    """
    if checks < 1:
        raise ValueError(f"{figure}: checks is {checks}, allowed: 1 and more")
    if checks == 1:
        return np.array([total - 1])
    return np.unique(np.linspace(0, total - 1, min(checks, total)).round().astype(int))


def update_norm(updates: np.ndarray) -> Normalize:
    """From update number to the ramp's range; a lone update gets the dark end."""
    return Normalize(updates.min() if updates.min() < updates.max() else updates.min() - 1, updates.max())


def explain_updates(figure: Figure, axes: Sequence[Axes], updates: np.ndarray) -> str:
    """A colour bar for the ramp over updates; for a single update the note that says which instead."""
    if len(np.unique(updates)) == 1:
        return f"at update {updates[0]:,.0f}"
    bar = style.ramp_bar(figure, axes, update_norm(updates), "updates")
    style.count_axis(bar.ax.yaxis)
    return ""
