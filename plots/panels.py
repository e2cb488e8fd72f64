"""Small multiples: places for panels, which runs and checks get one, the colours of early and late."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D

from plots import style

COLUMNS = 3
NAMED_CHECKS = 6  # up to so many different updates are named in a legend, and have colours of even distances


# --- places ----------------------------------------------------------------------------------------------------------


def grid(title: str, count: int, columns: int | None = None) -> tuple[Figure, list[SubplotSpec]]:
    """A figure with room for `count` panels, and the place of each; by default three a row (four: two by two)."""
    columns = min(columns, count) if columns else 2 if count == 4 else min(COLUMNS, count)
    return table(title, [min(columns, count - start) for start in range(0, count, columns)])


def table(title: str, rows: Sequence[int]) -> tuple[Figure, list[SubplotSpec]]:
    """A figure with rows of so many panels each, and the place of each panel, row after row."""
    figure = style.new_figure(title, 0.9 + (3.2 if len(rows) == 1 else 2.4) * len(rows))
    places = figure.add_gridspec(len(rows), max(rows))
    return figure, [places[down, right] for down, count in enumerate(rows) for right in range(count)]


def rows(title: str, counts: Sequence[int]) -> tuple[Figure, list[SubplotSpec]]:
    """A row for each run where runs have several panels, a grid where each has one."""
    return grid(title, len(counts)) if max(counts) == 1 else table(title, counts)


def is_left(place: SubplotSpec) -> bool:
    return place.colspan.start == 0


def across(places: Sequence[SubplotSpec]) -> int:
    """How many panels stand side by side."""
    return 1 + max(place.colspan.start for place in places)


def is_lowest(place: SubplotSpec, places: Sequence[SubplotSpec]) -> bool:
    """Whether no panel lies below this one."""
    return not any(other.colspan == place.colspan and other.rowspan.start > place.rowspan.start for other in places)


def name_of(record: Any, place: SubplotSpec) -> str:
    """What stands above a panel of one record: the run, above the first of its parts, and the part."""
    run = style.shorten(record.label, 32)
    if not record.part:
        return run
    return f"{run}\n{record.part}" if is_left(place) else record.part


# --- which runs, which checks ----------------------------------------------------------------------------------------


def choose_runs(figure: str, records: Sequence, most: int) -> tuple[list[list], str]:
    """The records of at most `most` runs that have a check, run by run in their own order, and the note on how many
    were left out.

    Records of one run follow one another, with its label and a part each. The first run of every group goes before the
    second of any. ValueError (naming the figure) for most below 1.
    """
    if most < 1:
        raise ValueError(f"{figure}: most is {most}, allowed: 1 and more")
    runs = _by_run(records)
    checked = [present for run in runs if (present := [record for record in run if len(record.updates)])]
    chosen = first_of_each([run[0].group for run in checked], most)
    left_out = len(runs) - len(chosen)
    note = f"{len(chosen)} of {len(runs)} runs shown, {left_out} left out" if left_out else ""
    return [checked[position] for position in chosen], note


def _by_run(records: Sequence) -> list[list]:
    runs: list[list] = []
    for record in records:
        goes_on = runs and record.label == runs[-1][0].label and record.part not in [one.part for one in runs[-1]]
        if goes_on:
            runs[-1].append(record)
        else:
            runs.append([record])
    return runs


def first_of_each(groups: Sequence[Hashable], most: int) -> list[int]:
    """Positions of at most `most` entries, in order: the first of every group goes before the second of any."""
    seen: dict[Hashable, int] = {}
    ranked = []
    for position, group in enumerate(groups):
        seen[group] = seen.get(group, -1) + 1
        ranked.append((seen[group], position))
    return sorted(position for _, position in sorted(ranked)[:most])


def choose_checks(figure: str, updates: np.ndarray, checks: int, at: Sequence[float] | None = None) -> np.ndarray:
    """Indices of some of a run's checks, in order, each once.

    Those nearest to the updates `at` (inf: the last), or at most `checks`, evenly over them, first and last included
    (for checks = 1 the last). ValueError (naming the figure) for checks below 1 and for updates that are none.
    """
    if at is not None:
        return np.unique([nearest_check(figure, updates, update) for update in at])
    if checks < 1:
        raise ValueError(f"{figure}: checks is {checks}, allowed: 1 and more")
    last = len(updates) - 1
    if checks == 1:
        return np.array([last])
    return np.unique(np.linspace(0, last, min(checks, len(updates))).round().astype(int))


def nearest_check(figure: str, updates: np.ndarray, update: float) -> int:
    """The index of the check nearest to an update, the later of two; ValueError for what is no update."""
    if not update >= 0:
        raise ValueError(f"{figure}: at is {update:g}, allowed: updates of 0 and more, inf for the last check")
    if np.isinf(update):
        return len(updates) - 1
    distances = np.abs(updates - update)
    return int(np.flatnonzero(distances == distances.min())[-1])


# --- colours of checks -----------------------------------------------------------------------------------------------


def update_norm(updates: np.ndarray) -> Normalize:
    """From update number to the ramp's range; a lone update gets the dark end."""
    return Normalize(updates.min() if updates.min() < updates.max() else updates.min() - 1, updates.max())


class Shades:
    """Colours from light to dark for checks from early to late: few are told apart by a legend, many by a bar."""

    def __init__(self, updates: Sequence[float]) -> None:
        self.updates = np.unique(updates)
        self.norm = update_norm(self.updates)

    def __call__(self, update: float) -> Any:
        if len(self.updates) > NAMED_CHECKS:
            return style.RAMP(self.norm(update))
        # By rank: of updates 0, 1,000 and 50,000 the first two would look alike.
        rank = np.searchsorted(self.updates, update)
        return style.RAMP(1.0 if len(self.updates) == 1 else rank / (len(self.updates) - 1))

    def explain(self, figure: Figure, axes: Sequence[Axes]) -> tuple[list[Line2D], str]:
        """Legend entries, or a colour bar beside these panels, or for a single update the note that says which."""
        if len(self.updates) == 1:
            return [], f"at update {self.updates[0]:,.0f}"
        if len(self.updates) > NAMED_CHECKS:
            bar = style.ramp_bar(figure, axes, self.norm, "updates")
            style.count_axis(bar.ax.yaxis)
            return [], ""
        look = {"linewidth": 2.2}
        return [Line2D([], [], color=self(u), label=f"update {u:,.0f}", **look) for u in self.updates], ""
