"""What each panel of a figure shows: a run's checks, or all runs at a check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D

from plots import panels, style


@dataclass(frozen=True)
class Entry:
    """One check of one run, and how it is drawn."""

    record: Any  # has a label, a group, a part and updates
    row: int  # of the record's checks
    look: dict[str, Any]  # color, linestyle, label

    @property
    def update(self) -> float:
        return float(self.record.updates[self.row])


@dataclass(frozen=True)
class Panel:
    place: SubplotSpec
    title: str
    entries: list[Entry]


@dataclass
class Arrangement:
    """A figure with its panels, before anything is drawn in them."""

    figure: Figure
    panels: list[Panel]
    note: str
    shades: panels.Shades | None = None  # where colours are checks
    keys: list[Line2D] = field(default_factory=list)  # where colours are configurations

    @property
    def entries(self) -> list[Entry]:
        return [entry for panel in self.panels for entry in panel.entries]

    def dress(self, panel: Panel, *, xlabel: str, ylabel: str, grid: str = "both") -> Axes:
        """The axes of a panel, with labels at the left and at the lower edge of the figure only."""
        places = [each.place for each in self.panels]
        return style.dress(
            self.figure.add_subplot(panel.place),
            title=panel.title,
            grid=grid,
            xlabel=xlabel if panels.is_lowest(panel.place, places) else "",
            ylabel=ylabel if panels.is_left(panel.place) else "",
        )

    def finish(self, axes: Sequence[Axes], *notes: str) -> Figure:
        """Legend and notes below the panels, once these are drawn."""
        keys, note = self.shades.explain(self.figure, axes) if self.shades else (self.keys, "")
        style.footer(self.figure, keys, [note, *notes, self.note])
        return self.figure


def arrange(
    figure: str,
    title: str,
    records: Sequence,
    *,
    checks: int,
    at: Sequence[float] | None,
    most: int,
    overlay: bool,
    groups: Sequence[str] = (),
) -> Arrangement | None:
    """Panels for records with a label, a group, a part and updates; None if none of them has a check.

    A panel shows the checks of one record, early ones light and late ones dark; the parts of a run stand in one row.
    overlay: a panel shows all runs at one check, coloured by configuration, for each of `at` (the last check, if None)
    and each part. groups: all groups of which these are some, so that one has the same colour in every figure.
    checks, at, most and errors as for `panels.choose_checks` and `panels.choose_runs`.
    """
    runs, note = panels.choose_runs(figure, records, most)
    if not runs:
        return None
    if overlay:
        return _overlaid(figure, title, runs, at if at is not None else [np.inf], note, groups)
    shown = [(record, panels.choose_checks(figure, record.updates, checks, at)) for run in runs for record in run]
    shades = panels.Shades(np.concatenate([record.updates[rows] for record, rows in shown]))
    sheet, places = panels.rows(title, [len(run) for run in runs])
    arranged = []
    for place, (record, rows) in zip(places, shown, strict=True):
        looks = [
            {"color": shades(update), "linestyle": "-", "label": f"update {update:,.0f}"}
            for update in record.updates[rows]
        ]
        entries = [Entry(record, row, look) for row, look in zip(rows, looks, strict=True)]
        arranged.append(Panel(place, panels.name_of(record, place), entries))
    return Arrangement(sheet, arranged, note, shades)


def _overlaid(
    figure: str, title: str, runs: list[list], at: Sequence[float], note: str, known: Sequence[str]
) -> Arrangement:
    groups = [run[0].group for run in runs]
    looks = style.shared_looks(groups, known)
    parts = list(dict.fromkeys(record.part for run in runs for record in run))
    shown = []
    for part in parts:
        for update in dict.fromkeys(at):
            entries = []
            for record in (record for run in runs for record in run if record.part == part):
                colour, dash = looks[record.group]
                look = {"color": colour, "linestyle": dash, "label": record.label}
                entries.append(Entry(record, panels.nearest_check(figure, record.updates, update), look))
            words = [part, _when(update, {entry.update for entry in entries})]
            shown.append((", ".join(word for word in words if word), entries))
    count = len(shown) // len(parts)
    if count > 1 and len(parts) > 1:
        sheet, places = panels.table(title, [count] * len(parts))
    else:
        sheet, places = panels.grid(title, len(shown))
    arranged = [Panel(place, *each) for place, each in zip(places, shown, strict=True)]
    return Arrangement(sheet, arranged, note, keys=style.group_keys(looks, groups))


def _when(update: float, found: set[float]) -> str:
    if len(found) == 1:
        return f"update {found.pop():,.0f}"
    return "last check" if np.isinf(update) else f"check nearest to update {update:,.0f}"
