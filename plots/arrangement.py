"""The content of each panel of a figure: the checks of one run, or all runs at one check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D

from plots import style
from plots.data import RecordT
from plots.panels import (
    Shades,
    choose_checks,
    choose_runs,
    grid,
    is_left,
    is_lowest,
    nearest_check,
    rows,
    table,
    title_of,
)


@dataclass(frozen=True)
class Selection:
    """The checks and runs that a figure shows.

    By default a panel shows the checks of one record, early ones light and late ones dark, and the quantities of a run
    are in one row. checks, at: as for `panels.choose_checks`; most: as for `panels.choose_runs`.
    overlay: a panel shows all runs at one check, coloured by group, for each of `at` (None: the last check) and each
    quantity. groups: all groups of the study, so that a group has the same colour in every figure.
    """

    checks: int
    at: Sequence[float] | None
    most: int
    overlay: bool
    groups: Sequence[str]


@dataclass(frozen=True)
class Entry(Generic[RecordT]):
    """One check of one run, and how it is drawn."""

    record: RecordT
    row: int  # index of the check in the record
    look: style.Look  # color, linestyle, label
    points: style.Look = field(default_factory=dict)  # the marker of its group, where lines alone do not tell groups

    @property
    def update(self) -> float:
        return float(self.record.updates[self.row])


@dataclass(frozen=True)
class Panel(Generic[RecordT]):
    """The place, the title and the content of a panel."""

    place: SubplotSpec
    title: str
    entries: list[Entry[RecordT]]


@dataclass
class Arrangement(Generic[RecordT]):
    """A figure with its panels, before anything is drawn in them."""

    figure: Figure
    panels: list[Panel[RecordT]]
    note: str
    shades: Shades | None = None  # if colours stand for checks
    keys: list[Line2D] = field(default_factory=list)  # if colours stand for groups

    @property
    def entries(self) -> list[Entry[RecordT]]:
        return [entry for panel in self.panels for entry in panel.entries]

    def add_axes(
        self, panel: Panel[RecordT], *, xlabel: str, ylabel: str, grid: Literal["both", "x", "y"] = "both"
    ) -> Axes:
        """Add and return the axes of a panel, with labels only at the left and lower edges of the figure."""
        places = [other.place for other in self.panels]
        return style.set_up_axes(
            self.figure.add_subplot(panel.place),
            title=panel.title,
            grid=grid,
            xlabel=xlabel if is_lowest(panel.place, places) else "",
            ylabel=ylabel if is_left(panel.place) else "",
        )

    def finish(self, axes: Sequence[Axes], *notes: str) -> Figure:
        """Draw the legend and the notes below the panels, and return the figure. Call this after drawing the panels."""
        keys, note = self.shades.explain(self.figure, axes) if self.shades else (self.keys, "")
        style.footer(self.figure, keys, [note, *notes, self.note])
        return self.figure


def arrange(figure: str, title: str, records: Sequence[RecordT], selection: Selection) -> Arrangement[RecordT] | None:
    """Return the panels of these records, or None if none of them has a check.

    figure: the name of the figure in error messages. Raises ValueError as `choose_checks` and `choose_runs` do.
    """
    runs, note = choose_runs(figure, records, selection.most)
    if not runs:
        return None
    if selection.overlay:
        return _overlaid(figure, title, runs, selection, note)
    shown = [
        (record, choose_checks(figure, record.updates, selection.checks, selection.at))
        for run in runs
        for record in run
    ]
    shades = Shades(np.concatenate([record.updates[chosen] for record, chosen in shown]))
    sheet, places = rows(title, [len(run) for run in runs])
    panels = []
    for place, (record, chosen) in zip(places, shown, strict=True):
        looks: list[style.Look] = [
            {"color": shades(update), "linestyle": "-", "label": f"update {update:,.0f}"}
            for update in record.updates[chosen]
        ]
        entries = [Entry(record, row, look) for row, look in zip(chosen, looks, strict=True)]
        panels.append(Panel(place, title_of(record, place), entries))
    return Arrangement(sheet, panels, note, shades)


def _overlaid(
    figure: str, title: str, runs: list[list[RecordT]], selection: Selection, note: str
) -> Arrangement[RecordT]:
    groups = [run[0].group for run in runs]
    looks = style.looks(groups, selection.groups)
    marked = style.need_markers(looks.values())
    quantities = list(dict.fromkeys(record.quantity for run in runs for record in run))
    updates = list(dict.fromkeys([np.inf] if selection.at is None else selection.at))
    shown = []
    for quantity in quantities:
        for update in updates:
            entries = []
            for record in (record for run in runs for record in run if record.quantity == quantity):
                group = looks[record.group]
                look: style.Look = {"color": group.colour, "linestyle": group.dash, "label": record.label}
                points = style.point_marker(group) if marked else {}
                entries.append(Entry(record, nearest_check(figure, record.updates, update), look, points))
            words = [quantity, _when(update, {entry.update for entry in entries})]
            shown.append((", ".join(word for word in words if word), entries))
    if len(updates) > 1 and len(quantities) > 1:
        sheet, places = table(title, [len(updates)] * len(quantities))
    else:
        sheet, places = grid(title, len(shown))
    panels = [Panel(place, name, entries) for place, (name, entries) in zip(places, shown, strict=True)]
    return Arrangement(sheet, panels, note, keys=style.group_keys(looks, groups))


def _when(update: float, drawn: set[float]) -> str:
    if len(drawn) == 1:
        return f"update {drawn.pop():,.0f}"
    return "last check" if np.isinf(update) else f"check nearest to update {update:,.0f}"
