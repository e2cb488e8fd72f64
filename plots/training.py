"""Figures with the training updates on the x axis: curves of any scalar, saturation, the spectrum of W_hh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots import marks, scales, style
from plots.data import Series
from plots.marks import Level

BANDS = 6  # more bands than this hide each other
NOTHING = "No runs to draw."


def curves(
    series: Sequence[Series],
    ylabel: str,
    *,
    floor: float | None = None,
    floor_label: str | None = None,
    levels: Sequence[Level] = (),
    scale: str = "auto",
    title: str = "",
) -> Figure:
    """All training curves in one panel.

    Up to 12 groups have a colour (and a dash) each and are named in the legend; of more, each run is
    coloured by its last finite value. A run's end is marked by its outcome; where values are not finite the
    line breaks, and a run that never had a finite value is a cross at the top edge.

    floor: the loss that the best predictor without learning reaches, drawn and named at the line.
    levels: further lines as (value, text), such as plateaus or a chance error.
    scale: "auto", "linear" or "log", see `plots.scales.value_axis`.
    Raises ValueError for a floor or level that is not finite and for a scale that is not known or does not
    fit.
    """
    levels = [marks.level("curves", f"level {text!r}", value, text) for value, text in levels]
    lowest = None
    if floor is not None:
        lowest = marks.level("curves", "floor", floor, floor_label or f"floor {style.number(floor)}")
    if not series:
        return style.say(title, NOTHING)
    figure = style.new_figure(title, 4.8)
    axes = style.dress(figure.subplots(), xlabel="updates")
    keys = _runs(figure, axes, series, ylabel)
    lines = [value for value, _ in levels] + ([] if lowest is None else [lowest[0]])
    scales.value_axis(axes, _values(series), figure="curves", label=ylabel, levels=lines, scale=scale)
    marks.name_levels(axes, levels, floor=lowest)
    style.footer(figure, keys, _notes(series))
    return figure


def saturation(
    series: Sequence[Series],
    *,
    threshold: float | None = None,
    ylabel: str = "mean saturation distance",
    title: str = "",
) -> Figure:
    """Saturation distance through training: 1 - |h| for tanh, min(v, 1 - v) for sigmoids; 0 is saturated.

    A line is a run's mean. Bands (low to high: the 10th to the 90th percentile) are drawn for up to 6 runs.
    threshold: the distance below which a unit counts as saturated, drawn as a line. Raises ValueError for a
    threshold that is not finite.
    """
    levels = []
    if threshold is not None:
        text = f"saturated\nbelow {style.number(threshold)}"
        levels.append(marks.level("saturation", "threshold", threshold, text))
    if not series:
        return style.say(title, NOTHING)
    figure = style.new_figure(title, 4.2)
    axes = style.dress(figure.subplots(), xlabel="updates")
    banded = [one for one in series if one.low is not None]
    shown = banded if len(banded) <= BANDS else []
    look = style.looks([one.group for one in series])
    for one in shown:
        colour, _ = look[one.group]
        axes.fill_between(one.updates, one.low, one.high, color=colour, alpha=0.13, linewidth=0, label=one.label)
    keys = _runs(figure, axes, series, ylabel)
    values = np.concatenate([_values(series), *(edge for one in shown for edge in (one.low, one.high))])
    lines = [value for value, _ in levels]
    scales.value_axis(axes, values, figure="saturation", label=ylabel, levels=lines, scale="linear")
    marks.name_levels(axes, levels)
    bands = "bands: 10th to 90th percentile" if shown else ""
    if len(banded) > BANDS:
        bands = f"percentile bands are left out: {len(banded)} would hide each other"
    style.footer(figure, keys, [bands, *_notes(series)])
    return figure


def spectral(rho: Sequence[Series], sigma_max: Sequence[Series] = (), *, title: str = "") -> Figure:
    """Spectral radius and largest singular value of W_hh through training, with 1 marked.

    For a tanh network sigma_max < 1 is sufficient for the gradient to vanish and sigma_max > 1 necessary for
    it to explode (Pascanu, Mikolov and Bengio 2013, section 2.1). A quantity without runs has no panel.
    """
    quantities = [
        (r"spectral radius $\rho(W_{hh})$", rho),
        (r"largest singular value $\sigma_{\max}(W_{hh})$", sigma_max),
    ]
    quantities = [(name, series) for name, series in quantities if series]
    if not quantities:
        return style.say(title, NOTHING)
    figure = style.new_figure(title, 4.0)
    grid = figure.subplots(1, len(quantities), squeeze=False)[0]
    for axes, (name, series) in zip(grid, quantities, strict=True):
        style.dress(axes, xlabel="updates")
        keys = _runs(figure, axes, series, name)
        scales.value_axis(axes, _values(series), figure="spectral", label=name, levels=[1.0])
        marks.name_levels(axes, [], floor=(1.0, "1"))
    style.footer(figure, keys, _notes(series))
    return figure


def _values(series: Sequence[Series]) -> np.ndarray:
    return np.concatenate([one.values for one in series])


def _runs(figure: Figure, axes: Axes, series: Sequence[Series], what: str) -> list[Line2D]:
    """Draw the runs, coloured by group or, of too many groups, by last value; returns the legend's entries."""
    sizes = Counter(one.group for one in series)
    if len(sizes) > style.NAMED_GROUPS:
        _by_last_value(figure, axes, series, what)
        return marks.end_keys(series)
    look = style.looks([one.group for one in series])
    marks.run_lines(axes, series, [look[one.group] for one in series])
    keys = []
    for group, (colour, dash) in look.items():
        name = style.shorten(group) + (f" ({sizes[group]} runs)" if sizes[group] > 1 else "")
        keys.append(Line2D([], [], color=colour, linestyle=dash, linewidth=1.8, label=name))
    return keys + marks.end_keys(series)


def _by_last_value(figure: Figure, axes: Axes, series: Sequence[Series], what: str) -> None:
    """The lowest last value is darkest and on top; runs that never had a finite value are grey."""
    last = np.array([one.last for one in series])
    known = last[np.isfinite(last)]
    if not len(known):
        marks.run_lines(axes, series, [(style.MUTED, "-")] * len(series))
        return
    # A few runs that blew up must not take all the colours.
    high = float(np.percentile(known, 95))
    norm = Normalize(known.min(), max(high, known.min() + 1e-12), clip=True)
    cmap = style.RAMP.reversed()
    order = np.argsort(np.where(np.isfinite(last), -last, -np.inf), kind="stable")
    looks = [(cmap(norm(last[i])) if np.isfinite(last[i]) else style.MUTED, "-") for i in order]
    marks.run_lines(axes, [series[i] for i in order], looks)
    extend = "max" if known.max() > norm.vmax else "neither"
    style.ramp_bar(figure, [axes], norm, f"last {what}", cmap=cmap, extend=extend)


def _notes(series: Sequence[Series]) -> list[str]:
    notes = []
    if never := sum(len(one.values) > 0 and not np.isfinite(one.values).any() for one in series):
        notes.append(f"{never} of {len(series)} runs never had a finite value: crosses at the top edge")
    if empty := sum(not len(one.values) for one in series):
        notes.append(f"{empty} of {len(series)} runs have no check yet")
    return notes
