"""Figures over training updates: curves of any scalar, in one or several panels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from plots import marks, panels, replicates, scales, style
from plots.data import Series
from plots.marks import Level

BANDS = 6  # greatest number of bands of single runs in a panel: more would hide each other
PERCENTILES, SEEDS = "10th to 90th percentile", "lowest to highest seed"
ALONE = 4.8  # height of a figure with one panel, in inches
NOTHING = "No runs to draw."
UNKNOWN = style.GroupLook(style.MUTED, "-")  # of runs that never had a finite value
MEANS = "lines: means over seeds; a run that has ended keeps its last value"


@dataclass(frozen=True)
class Curves:
    """The content of one panel: runs, and lines to compare them with.

    floor: the loss that the best predictor without memory reaches, a labelled dashed line. levels: further dotted lines
    as (value, text), such as plateaus or a chance error; levels above the floor are drawn only if the runs reach them.
    scale: "auto", "linear" or "log", see `plots.scales.value_axis`.
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
    chosen: Sequence[str] = (),
    each: bool = False,
    linear: bool = False,
    same_scale: bool = False,
    columns: int | None = None,
    groups: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw training curves: a panel for each of `shown`, with the same colours in all.

    Up to 12 groups have a colour and line style each, and legend entries; if there are more, each curve is coloured by
    its last finite value. The end of a run is marked by its outcome. Lines break where values are not finite, and a run
    that never had a finite value is a cross at the top edge. Bands of runs are drawn if a panel has at most 6.

    If a panel has more than 8 runs and some of them are replicates, a curve is the mean over the runs of a group, and
    its band goes from the lowest to the highest of them (see `plots.replicates`). each: draw each run's own curve.

    separate: draw a panel for each group of each of `shown`, at most 12, on the same scales. chosen: the groups to
    prefer if there are more. linear: all value axes are linear. same_scale: all panels have the same y axis. columns:
    panels per row, if not the default of `panels.grid`. groups: all groups of the study, so that a group has the same
    colour in every figure.
    Raises ValueError for a non-finite floor or level, and for an unknown or unsuitable scale.
    """
    for panel in shown:
        _reference(panel)
    given = [panel for panel in shown if panel.series]
    if not given:
        return style.text_figure(title, NOTHING)
    looks = style.looks([run.group for panel in given for run in panel.series], groups)
    contents, note = _separated(given, chosen) if separate else (given, "")
    means = not each and any(replicates.crowded(panel.series) for panel in contents)
    lines_of = [replicates.averaged(panel.series) if means else panel.series for panel in contents]
    most_bands = style.NAMED_GROUPS if means else BANDS
    extents = [_extent(panel, series, most_bands) for panel, series in zip(contents, lines_of, strict=True)]
    figure, places = panels.grid(title, len(contents), columns)
    if len(contents) == 1:
        figure.set_figheight(min(ALONE, 0.85 * style.page_width()))
    named = len(looks) <= style.NAMED_GROUPS or separate
    shared_values = np.concatenate(extents) if same_scale or separate else None
    drawn: list[Axes] = []
    labelled: list[tuple[list[Level], Level | None]] = []
    for i, (place, panel) in enumerate(zip(places, contents, strict=True)):
        left = contents[i - 1] if not panels.is_left(place) else None
        right = contents[i + 1] if i + 1 < len(contents) and not panels.is_left(places[i + 1]) else None
        xlabel = "updates" if panels.is_lowest(place, places) else ""
        axes = style.set_up_axes(figure.add_subplot(place), title=panel.title, xlabel=xlabel)
        series = lines_of[i]
        _bands(axes, series, looks, most_bands)
        if named:
            coloured = looks
            marks.run_lines(axes, series, [looks[run.group] for run in series])
        else:
            coloured = _by_last_value(figure, axes, series, panel.ylabel)
        if means:
            marks.run_ends(axes, panel.series, [coloured.get(run.group, UNKNOWN) for run in panel.series])
        levels, floor = _reference(panel)
        # Levels above the floor must not take space from the range below it, where progress is visible.
        lines = [value for value, _ in levels if floor is None or value <= floor[0]] + ([floor[0]] if floor else [])
        values = extents[i] if shared_values is None else shared_values
        scale = "linear" if linear else panel.scale
        scales.value_axis(axes, values, figure="curves", label=panel.ylabel, levels=lines, scale=scale)
        style.count_axis(axes.xaxis, panels.across(places))
        low, high = axes.get_ylim()
        if left is not None and left.ylabel == panel.ylabel:
            axes.set_ylabel("")
        # The same lines in several panels are labelled once, at the end of a row.
        reference = levels, floor
        with_labels = (right is None or _reference(right) != reference) and reference not in labelled
        if with_labels:
            labelled.append(reference)
        visible = [level for level in levels if low <= level[0] <= high]
        marks.draw_levels(axes, visible, floor=floor, named=with_labels)
        drawn.append(axes)
    if shared_values is not None:
        limits = [edge for axes in drawn for edge in axes.get_xlim()]
        for axes in drawn:
            axes.set_xlim(min(limits), max(limits))
    runs = _runs(given)
    keys = style.group_keys(looks, [group for _, group in runs]) if named and not separate else []
    keys += marks.end_keys([run for panel in given for run in panel.series])
    about = _about_bands(lines_of, most_bands, SEEDS if means else PERCENTILES)
    style.footer(figure, keys, [note, MEANS if means else "", about, *_about_gaps(given)])
    return figure


def saturation(
    shown: Sequence[Curves],
    *,
    threshold: float | None = None,
    separate: bool = False,
    chosen: Sequence[str] = (),
    each: bool = False,
    linear: bool = True,
    groups: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw the saturation distance through training; a line is the mean of a run, and 0 means saturated.

    Bands go from the 10th to the 90th percentile. threshold: the distance below which a value counts as saturated,
    drawn as a line. The axis is always linear. Other arguments and errors as for `curves`.
    """
    levels = []
    if threshold is not None:
        levels.append(marks.level("saturation", "threshold", threshold, f"saturated\nbelow {style.number(threshold)}"))
    measured = [replace(panel, levels=[*panel.levels, *levels], scale="linear") for panel in shown]
    return curves(
        measured,
        separate=separate,
        chosen=chosen,
        each=each,
        linear=linear,
        same_scale=True,
        groups=groups,
        title=title,
    )


def spectral(
    rho: Sequence[Series],
    sigma_max: Sequence[Series] = (),
    *,
    separate: bool = False,
    chosen: Sequence[str] = (),
    each: bool = False,
    linear: bool = False,
    groups: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw the spectral radius and the largest singular value of W_hh through training, with a line at 1.

    For a tanh network sigma_max < 1 is sufficient for the gradient to vanish and sigma_max > 1 necessary for it to
    explode (Pascanu, Mikolov and Bengio 2013, section 2.1). A quantity without runs has no panel. Other arguments and
    errors as for `curves`.
    """
    shown = [
        Curves(rho, r"$\rho(W_{hh})$", "spectral radius", floor=1.0, floor_label="1"),
        Curves(sigma_max, r"$\sigma_{\max}(W_{hh})$", "largest singular value", floor=1.0, floor_label="1"),
    ]
    return curves(shown, separate=separate, chosen=chosen, each=each, linear=linear, groups=groups, title=title)


def _reference(panel: Curves) -> tuple[list[Level], Level | None]:
    """Return levels and floor of a panel. Raise ValueError for a non-finite value."""
    levels = [marks.level("curves", f"level {text!r}", value, text) for value, text in panel.levels]
    if panel.floor is None:
        return levels, None
    label = panel.floor_label or f"floor {style.number(panel.floor)}"
    return levels, marks.level("curves", "floor", panel.floor, label)


def _separated(shown: Sequence[Curves], chosen: Sequence[str]) -> tuple[list[Curves], str]:
    """Return a panel for each group of each panel, and a note on how many were left out.

    chosen: the groups that have panels if not all can have them, the most wanted first.
    """
    groups = list(dict.fromkeys(run.group for panel in shown for run in panel.series))
    most = max(1, style.NAMED_GROUPS // len(shown))
    kept = set(list(dict.fromkeys([*(group for group in chosen if group in groups), *groups]))[:most])
    contents, count = [], 0
    sizes = Counter((panel.title, run.group) for panel in shown for run in panel.series)
    longest = max((len(style.counted(size)) for size in sizes.values()), default=0)
    names = style.shorten_apart([group for group in groups if group in kept], 30 - longest)
    for panel in shown:
        for group in dict.fromkeys(run.group for run in panel.series):
            count += 1
            if group in kept:
                series = [run for run in panel.series if run.group == group]
                words = [names[group] + style.counted(len(series)), panel.title]
                contents.append(replace(panel, series=series, title=", ".join(word for word in words if word)))
    left_out = count - len(contents)
    return contents, f"{len(contents)} of {count} panels shown, {left_out} left out" if left_out else ""


def _extent(panel: Curves, drawn: Sequence[Series], most_bands: int) -> np.ndarray:
    """Return all values that must be in view: of the lines, the bands, and the marked ends of runs."""
    edges = [edge for _, band in _bands_drawn(drawn, most_bands) for edge in band]
    ends = np.array([run.last for run in panel.series])
    return np.concatenate([*(run.values for run in drawn), *edges, ends])


def _bands_drawn(series: Sequence[Series], most: int) -> list[tuple[Series, tuple[np.ndarray, np.ndarray]]]:
    """Return the curves whose bands are drawn, and their bands: none if there are too many."""
    banded = [(run, band) for run in series if (band := run.band) is not None]
    return banded if len(banded) <= most else []


def _bands(axes: Axes, series: Sequence[Series], looks: Mapping[str, style.GroupLook], most: int) -> None:
    for run, (low, high) in _bands_drawn(series, most):
        colour = looks[run.group].colour
        axes.fill_between(run.updates, low, high, color=colour, alpha=0.13, linewidth=0, label=run.label)


def _by_last_value(figure: Figure, axes: Axes, series: Sequence[Series], what: str) -> dict[str, style.GroupLook]:
    """Colour curves by last value, the lowest darkest and on top; those that never had a finite value are grey.

    Return the look of each group's lowest curve.
    """
    last = np.array([run.last for run in series])
    known = last[np.isfinite(last)]
    if not len(known):
        marks.run_lines(axes, series, [UNKNOWN] * len(series))
        return {}
    # The scale ends at the 95th percentile, so that a few diverged runs do not take all the colours.
    low, high = float(known.min()), float(np.percentile(known, 95))
    high = max(high, low + max(0.01 * abs(low), 1e-12))
    norm = Normalize(low, high, clip=True)
    cmap = style.RAMP.reversed()
    order = np.argsort(np.where(np.isfinite(last), -last, -np.inf), kind="stable")
    looks = [style.GroupLook(cmap(norm(last[i])), "-") if np.isfinite(last[i]) else UNKNOWN for i in order]
    marks.run_lines(axes, [series[i] for i in order], looks)
    style.ramp_bar(figure, [axes], norm, f"last {what}", cmap=cmap, extend="max" if known.max() > high else "neither")
    return {series[i].group: look for i, look in zip(order, looks, strict=True)}


def _runs(shown: Sequence[Curves]) -> list[tuple[str, str]]:
    """Return label and group of every run, each once."""
    return list(dict.fromkeys((run.label, run.group) for panel in shown for run in panel.series))


def _about_bands(drawn: Sequence[Sequence[Series]], most: int, what: str) -> str:
    count = max(sum(run.band is not None for run in series) for series in drawn)
    if count > most:
        return f"bands ({what}) left out: {count} would hide each other"
    return f"bands: {what}" if count else ""


def _about_gaps(shown: Sequence[Curves]) -> list[str]:
    """Return notes on the runs without a finite value, and on the runs without a check."""
    runs, notes = len(_runs(shown)), []
    empty = [replace(panel, series=[run for run in panel.series if not len(run.values)]) for panel in shown]
    never = [
        replace(panel, series=[run for run in panel.series if len(run.values) and not np.isfinite(run.values).any()])
        for panel in shown
    ]
    if count := len(_runs(never)):
        notes.append(f"{count} of {runs} runs never had a finite value: crosses at the top edge")
    if count := len(_runs(empty)):
        notes.append(f"{count} of {runs} runs have no check yet")
    return notes
