"""Small multiples: the places of panels, the choice of runs and checks, the colours of early and late checks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType

from plots import style
from plots.data import Histogram, RecordT, Trace

COLUMNS = 3
PANEL = 2.7  # least width of a panel with its labels, in inches
NAMED_CHECKS = 6  # the greatest number of updates that have legend entries and evenly spaced colours


# --- places ----------------------------------------------------------------------------------------------------------


def grid(title: str, count: int, columns: int | None = None) -> tuple[Figure, list[SubplotSpec]]:
    """Return a figure with `count` panels and the place of each, by default three per row (four: two by two)."""
    columns = min(columns, count) if columns else 2 if count == 4 else min(_most_columns(), count)
    return table(title, [min(columns, count - start) for start in range(0, count, columns)])


def table(title: str, rows: Sequence[int]) -> tuple[Figure, list[SubplotSpec]]:
    """Return a figure with rows of these numbers of panels, and the place of each panel, row by row.

    On a narrow page a row goes on in the next one.
    """
    columns = max(rows) if style.page_width() >= style.WIDTH else _most_columns()
    lines = [min(columns, count - start) for count in rows for start in range(0, count, columns)]
    across, down = max(lines), len(lines)
    lowest = 3.2 if down == 1 else 2.4
    height = min(lowest, 0.62 * style.page_width() / across) if style.is_narrow() else lowest
    figure = style.new_figure(title, 0.9 + height * down)
    places = figure.add_gridspec(down, across)
    return figure, [places[line, right] for line, count in enumerate(lines) for right in range(count)]


def _most_columns() -> int:
    return max(1, min(COLUMNS, int(style.page_width() / PANEL)))


def rows(title: str, counts: Sequence[int]) -> tuple[Figure, list[SubplotSpec]]:
    """Return a figure with a row for each run if runs have several panels (`counts`), else with a grid."""
    return grid(title, len(counts)) if max(counts) == 1 else table(title, counts)


def is_left(place: SubplotSpec) -> bool:
    """Return whether a panel is the first of its row."""
    return place.colspan.start == 0


def across(places: Sequence[SubplotSpec]) -> int:
    """Return the number of panels side by side."""
    return 1 + max(place.colspan.start for place in places)


def is_lowest(place: SubplotSpec, places: Sequence[SubplotSpec]) -> bool:
    """Return whether no panel lies below this one."""
    return not any(other.colspan == place.colspan and other.rowspan.start > place.rowspan.start for other in places)


def title_of(record: Trace | Histogram, place: SubplotSpec) -> str:
    """Return the title of a record's panel: the run, only above the first of its panels, and the quantity."""
    run = style.shorten(record.label, 32)
    if not record.quantity:
        return run
    return f"{run}\n{record.quantity}" if is_left(place) else record.quantity


# --- choice of runs and checks ---------------------------------------------------------------------------------------


def choose_runs(figure: str, records: Sequence[RecordT], most: int) -> tuple[list[list[RecordT]], str]:
    """Return the records of at most `most` runs that have a check, run by run in the given order, and a note on how
    many runs were left out.

    The records of a run are adjacent: they have its label, and a quantity each. The first run of every group is chosen
    before the second of any group. Raises ValueError, naming the figure, for `most` below 1.
    """
    if most < 1:
        raise ValueError(f"{figure}: most is {most}, allowed: 1 or more")
    runs = _by_run(records)
    checked = [present for run in runs if (present := [record for record in run if len(record.updates)])]
    chosen = first_of_each([run[0].group for run in checked], most)
    left_out = len(runs) - len(chosen)
    note = f"{len(chosen)} of {len(runs)} runs shown, {left_out} left out" if left_out else ""
    return [checked[position] for position in chosen], note


def _by_run(records: Sequence[RecordT]) -> list[list[RecordT]]:
    runs: list[list[RecordT]] = []
    for record in records:
        same_label = bool(runs) and record.label == runs[-1][0].label
        if same_label and record.quantity not in [other.quantity for other in runs[-1]]:
            runs[-1].append(record)
        else:
            runs.append([record])
    return runs


def first_of_each(groups: Sequence[Hashable], most: int) -> list[int]:
    """Return the positions of at most `most` entries, in order: the first of every group before the second of any."""
    seen: dict[Hashable, int] = {}
    ranked = []
    for position, group in enumerate(groups):
        seen[group] = seen.get(group, -1) + 1
        ranked.append((seen[group], position))
    return sorted(position for _, position in sorted(ranked)[:most])


def choose_checks(figure: str, updates: np.ndarray, checks: int, at: Sequence[float] | None = None) -> np.ndarray:
    """Return the indices of some of a run's checks, in order, each once.

    They are the checks nearest to the updates `at` (inf: the last), or at most `checks` checks, evenly spaced, the
    first and the last included (for 1, the last). Raises ValueError, naming the figure, for `checks` below 1 and for
    invalid updates.
    """
    if at is not None:
        return np.unique([nearest_check(figure, updates, update) for update in at])
    if checks < 1:
        raise ValueError(f"{figure}: checks is {checks}, allowed: 1 or more")
    last = len(updates) - 1
    if checks == 1:
        return np.array([last])
    return np.unique(np.linspace(0, last, min(checks, len(updates))).round().astype(int))


def nearest_check(figure: str, updates: np.ndarray, update: float) -> int:
    """Return the index of the check nearest to an update, of two the later. Raise ValueError for update < 0 or NaN."""
    if not update >= 0:
        raise ValueError(f"{figure}: at is {update:g}, allowed: updates of 0 or more, inf for the last check")
    if update >= int(updates[-1]):
        return len(updates) - 1
    distances = np.abs(updates - update)
    return int(np.flatnonzero(distances == distances.min())[-1])


# --- colours of checks -----------------------------------------------------------------------------------------------


def update_norm(updates: np.ndarray) -> Normalize:
    """Return the scale from updates to the colour ramp; a single update gets the dark end."""
    return Normalize(updates.min() if updates.min() < updates.max() else updates.min() - 1, updates.max())


class Shades:
    """Colours of checks, from light (early) to dark (late), explained by a legend if they are few, else by a bar.

    updates: (n,), those of all checks that are drawn.
    """

    def __init__(self, updates: np.ndarray) -> None:
        self.updates = np.unique(updates)
        self.norm = update_norm(self.updates)

    def __call__(self, update: float) -> ColorType:
        """Return the colour of the check at an update."""
        if len(self.updates) > NAMED_CHECKS:
            return style.RAMP(self.norm(update))
        # By rank, because the colours of updates 0 and 1,000 beside 50,000 would be nearly the same.
        rank = float(np.searchsorted(self.updates, update))
        return style.RAMP(1.0 if len(self.updates) == 1 else rank / (len(self.updates) - 1))

    def explain(self, figure: Figure, axes: Sequence[Axes]) -> tuple[list[Line2D], str]:
        """Return legend entries and a note on the update if there is only one; draw a colour bar for many updates."""
        if len(self.updates) == 1:
            return [], f"at update {self.updates[0]:,.0f}"
        if len(self.updates) > NAMED_CHECKS:
            bar = style.ramp_bar(figure, axes, self.norm, "updates")
            style.count_axis(bar.ax.yaxis)
            return [], ""
        return [Line2D([], [], color=self(u), label=f"update {u:,.0f}", linewidth=2.2) for u in self.updates], ""
