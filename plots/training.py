"""Figures with the training updates on the x axis: curves of any scalar, in one panel or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from plots import marks, panels, scales, style
from plots.data import Series
from plots.marks import Level

BANDS = 6  # more bands than this hide each other
ALONE = 4.8  # inches: the height of a figure with one panel
NOTHING = "No runs to draw."


@dataclass(frozen=True)
class Curves:
    """What one panel shows: runs, and lines to compare them with.

    floor: the loss that the best predictor without memory reaches, drawn (dashed) and named at the line. levels:
    further lines (dotted) as (value, text), such as plateaus or a chance error; those above a floor are drawn where the
    runs reach them. scale: "auto", "linear" or "log", see `plots.scales.value_axis`.
    """

    series: Sequence[Series]
    ylabel: str
    title: str = ""
    floor: float | None = None
    floor_label: str | None = None
    levels: Sequence[Level] = ()
    scale: str = "auto"


def curves(
    shown: Sequence[Curves],
    *,
    separate: bool = False,
    same_scale: bool = False,
    columns: int | None = None,
    groups: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Training curves: a panel for each of `shown`, all in the same colours.

    Up to 12 groups have a colour (and a dash) each and are named in the legend; of more, each run is
    coloured by its last finite value. A run's end is marked by its outcome; where values are not finite the
    line breaks, and a run that never had a finite value is a cross at the top edge. Bands are drawn where there are up
    to 6 in a panel.

    separate: a panel for each group of each of `shown`, of 12 panels at most, all of one scale.
    same_scale: all panels have the same y axis. columns: panels in a row, if not what `panels.grid` takes.
    groups: all groups of which these are some, so that one has the same colour in every figure.
    Raises ValueError for a floor or level that is not finite and for a scale that is not known or does not
    fit.
    """
    for each in shown:
        _reference(each)
    given = [each for each in shown if each.series]
    if not given:
        return style.say(title, NOTHING)
    looks = style.shared_looks([one.group for each in given for one in each.series], groups)
    parts, note = _separated(given) if separate else (given, "")
    figure, places = panels.grid(title, len(parts), columns)
    if len(parts) == 1:
        figure.set_figheight(ALONE)
    named = len(looks) <= style.NAMED_GROUPS or separate
    together = np.concatenate([_extent(each) for each in parts]) if same_scale or separate else None
    drawn, references = [], []
    for i, (place, each) in enumerate(zip(places, parts, strict=True)):
        left = parts[i - 1] if not panels.is_left(place) else None
        right = parts[i + 1] if i + 1 < len(parts) and not panels.is_left(places[i + 1]) else None
        xlabel = "updates" if panels.is_lowest(place, places) else ""
        axes = style.dress(figure.add_subplot(place), title=each.title, xlabel=xlabel)
        _bands(axes, each.series, looks)
        if named:
            marks.run_lines(axes, each.series, [looks[one.group] for one in each.series])
        else:
            _by_last_value(figure, axes, each.series, each.ylabel)
        levels, floor = _reference(each)
        # What lies above the floor is no progress, and must not take the room below it.
        lines = [value for value, _ in levels if floor is None or value <= floor[0]] + ([floor[0]] if floor else [])
        values = _extent(each) if together is None else together
        scales.value_axis(axes, values, figure="curves", label=each.ylabel, levels=lines, scale=each.scale)
        style.count_axis(axes.xaxis, panels.across(places))
        low, high = axes.get_ylim()
        levels = [level for level in levels if low <= level[0] <= high]
        if left is not None and left.ylabel == each.ylabel:
            axes.set_ylabel("")
        # The same lines in several panels are named once, at the end of a row.
        here = (right is None or _reference(right) != _reference(each)) and _reference(each) not in references
        references += [_reference(each)] * here
        marks.draw_levels(axes, levels, floor=floor, named=here)
        drawn.append(axes)
    if together is not None:
        limits = [edge for axes in drawn for edge in axes.get_xlim()]
        for axes in drawn:
            axes.set_xlim(min(limits), max(limits))
    runs = _runs(given)
    keys = style.group_keys(looks, [group for _, group in runs]) if named and not separate else []
    keys += marks.end_keys([one for each in given for one in each.series])
    style.footer(figure, keys, [note, _about_bands(parts), *_about_gaps(given)])
    return figure


def saturation(
    shown: Sequence[Curves],
    *,
    threshold: float | None = None,
    separate: bool = False,
    groups: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Saturation distance through training; a line is a run's mean, 0 is saturated.

    Bands are the 10th to the 90th percentile. threshold: the distance below which a value counts as saturated, drawn
    as a line. Other arguments and errors as for `curves`.
    """
    levels = []
    if threshold is not None:
        levels.append(marks.level("saturation", "threshold", threshold, f"saturated\nbelow {style.number(threshold)}"))
    measured = [replace(each, levels=[*each.levels, *levels], scale="linear") for each in shown]
    return curves(measured, separate=separate, same_scale=True, groups=groups, title=title)


def spectral(
    rho: Sequence[Series],
    sigma_max: Sequence[Series] = (),
    *,
    separate: bool = False,
    groups: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Spectral radius and largest singular value of W_hh through training, with 1 marked.

    For a tanh network sigma_max < 1 is sufficient for the gradient to vanish and sigma_max > 1 necessary for
    it to explode (Pascanu, Mikolov and Bengio 2013, section 2.1). A quantity without runs has no panel.
    """
    one = {"floor": 1.0, "floor_label": "1"}
    shown = [
        Curves(rho, r"$\rho(W_{hh})$", title="spectral radius", **one),
        Curves(sigma_max, r"$\sigma_{\max}(W_{hh})$", title="largest singular value", **one),
    ]
    return curves(shown, separate=separate, groups=groups, title=title)


def _reference(each: Curves) -> tuple[list[Level], Level | None]:
    """Levels and floor of a panel; ValueError for those that are not finite."""
    levels = [marks.level("curves", f"level {text!r}", value, text) for value, text in each.levels]
    if each.floor is None:
        return levels, None
    return levels, marks.level("curves", "floor", each.floor, each.floor_label or f"floor {style.number(each.floor)}")


def _separated(shown: Sequence[Curves]) -> tuple[list[Curves], str]:
    """A panel for each group of each panel, and the note on how many were left out."""
    parts = []
    for each in shown:
        for group in dict.fromkeys(one.group for one in each.series):
            series = [one for one in each.series if one.group == group]
            words = [style.shorten(group, 30) + style.counted(len(series)), each.title]
            parts.append(replace(each, series=series, title=", ".join(word for word in words if word)))
    most = style.NAMED_GROUPS
    return parts[:most], f"{most} of {len(parts)} panels shown, {len(parts) - most} left out" * (len(parts) > most)


def _extent(each: Curves) -> np.ndarray:
    """All values that must be in view."""
    edges = [edge for one in _banded(each.series) for edge in (one.low, one.high)]
    return np.concatenate([*(one.values for one in each.series), *edges])


def _banded(series: Sequence[Series]) -> list[Series]:
    """The runs whose bands are drawn."""
    banded = [one for one in series if one.low is not None]
    return banded if len(banded) <= BANDS else []


def _bands(axes: Axes, series: Sequence[Series], looks: dict) -> None:
    for one in _banded(series):
        colour, _ = looks[one.group]
        axes.fill_between(one.updates, one.low, one.high, color=colour, alpha=0.13, linewidth=0, label=one.label)


def _by_last_value(figure: Figure, axes: Axes, series: Sequence[Series], what: str) -> None:
    """The lowest last value is darkest and on top; runs that never had a finite value are grey."""
    last = np.array([one.last for one in series])
    known = last[np.isfinite(last)]
    if not len(known):
        marks.run_lines(axes, series, [(style.MUTED, "-")] * len(series))
        return
    # A few runs that blew up must not take all the colours.
    high = float(np.percentile(known, 95))
    norm = Normalize(known.min(), max(high, known.min() + max(0.01 * abs(known.min()), 1e-12)), clip=True)
    cmap = style.RAMP.reversed()
    order = np.argsort(np.where(np.isfinite(last), -last, -np.inf), kind="stable")
    looks = [(cmap(norm(last[i])) if np.isfinite(last[i]) else style.MUTED, "-") for i in order]
    marks.run_lines(axes, [series[i] for i in order], looks)
    extend = "max" if known.max() > norm.vmax else "neither"
    style.ramp_bar(figure, [axes], norm, f"last {what}", cmap=cmap, extend=extend)


def _runs(shown: Sequence[Curves]) -> list[tuple[str, str]]:
    """Label and group of every run, each once."""
    return list(dict.fromkeys((one.label, one.group) for each in shown for one in each.series))


def _about_bands(parts: Sequence[Curves]) -> str:
    most = max(sum(one.low is not None for one in each.series) for each in parts)
    if most > BANDS:
        return f"percentile bands are left out: {most} would hide each other"
    return "bands: 10th to 90th percentile" if most else ""


def _about_gaps(shown: Sequence[Curves]) -> list[str]:
    """Notes on the runs that never were finite, and on those without a check."""
    runs, notes = len(_runs(shown)), []
    empty = [replace(each, series=[one for one in each.series if not len(one.values)]) for each in shown]
    never = [
        replace(each, series=[one for one in each.series if len(one.values) and not np.isfinite(one.values).any()])
        for each in shown
    ]
    if count := len(_runs(never)):
        notes.append(f"{count} of {runs} runs never had a finite value: crosses at the top edge")
    if count := len(_runs(empty)):
        notes.append(f"{count} of {runs} runs have no check yet")
    return notes
