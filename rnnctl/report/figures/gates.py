"""Kinds of figures about the gates of cells. Which gates a run has is asked of its cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

import plots
from plots import Curves, Histogram, Series
from rnnctl.diagnostics.histogram import GATE_LIMIT
from rnnctl.report.figures.kind import kind
from rnnctl.report.figures.records import distances, trace
from rnnctl.report.figures.runs import NothingToDraw, Runs
from rnnctl.report.figures.training import threshold
from rnnctl.report.results import Result

if TYPE_CHECKING:
    from store.history import History

DISTANCE = "distance min(v, 1 \N{MINUS SIGN} v)"
ENDS = ("saturated", "undecided")
MOST_GATED = 4  # runs of a figure with a panel for each gate


# --- a line for each run


@kind("mean value of each gate", curves=True)
def gates(runs: Runs) -> Figure:
    by_gate = _series(runs, [""])
    shown = [Curves(series, "mean value", title=f"gate {gate}") for gate, (series,) in by_gate.items()]
    return plots.curves(shown, **runs.curves, same_scale=True, title=runs.heading("gates"))


@kind("gate distance min(v, 1 - v): mean, 10th to 90th percentile", examined=True, curves=True)
def gate_saturation(runs: Runs) -> Figure:
    by_gate = _series(runs, ["_distance"], bands=True)
    shown = [Curves(series, "mean gate distance", title=f"gate {gate}") for gate, (series,) in by_gate.items()]
    return plots.saturation(shown, threshold=threshold(runs), **runs.curves, title=runs.heading("gate saturation"))


@kind("share of saturated units of each gate, and of steps", curves=True)
def gate_saturated(runs: Runs) -> Figure:
    by_gate = _series(runs, ["_saturated_units", "_saturated_steps"])
    shown = [
        Curves(series[i], f"share of saturated {what}", title=f"gate {gate}")
        for i, what in enumerate(("units", "steps"))
        for gate, series in by_gate.items()
    ]
    title = runs.heading("saturated gates")
    return plots.curves(shown, **runs.curves, same_scale=True, columns=len(by_gate), title=title)


def _series(runs: Runs, endings: Sequence[str], bands: bool = False) -> dict[str, list[list[Series]]]:
    """Return, for each gate, the curves of each scalar `gate_NAME` + ending, of the runs whose cells have the gate."""
    by_gate = {}
    for gate in dict.fromkeys(gate for run in _gated(runs) for gate in run.spec.model.gates):
        scalars = [f"gate_{gate}{ending}" for ending in endings]
        edges = ("_p10", "_p90") if bands else ()
        series = [runs.series(name, *(name + edge for edge in edges), diagnosed=True) for name in scalars]
        if all(series):
            by_gate[gate] = series
    if not by_gate:
        raise NothingToDraw("no check has measured the gates")
    return by_gate


# --- a panel for each gate of a run


@kind("mean distance of each gate against the time step", at=True, layouts=True)
def gate_through_time(runs: Runs) -> Figure:
    shown = _traced(runs)
    traces = [
        trace(run, history, f"gate_{gate}_time", f"gate {gate}")
        for run, history in shown
        for gate in run.spec.model.gates
    ]
    return plots.saturation_through_time(
        traces,
        **runs.at_checks,
        ylabel=DISTANCE,
        limit=GATE_LIMIT,
        title=runs.panel_heading("gates through time (0: saturated, 0.5: undecided)", shown, runs.gated()),
    )


@kind("histogram of the distance of each gate", examined=True, at=True, layouts=True)
def gate_histogram(runs: Runs) -> Figure:
    shown = _traced(runs)
    return plots.distance_histogram(
        _histograms(shown),
        xlabel=DISTANCE,
        ends=ENDS,
        threshold=threshold(runs),
        **runs.at_checks,
        title=runs.panel_heading("gates over units, steps and sequences", shown, runs.gated()),
    )


@kind("histogram of the distance of each gate through training: distance against updates")
def gate_image(runs: Runs) -> Figure:
    shown = _traced(runs)
    return plots.distance_image(
        _histograms(shown),
        ylabel=DISTANCE,
        ends=ENDS,
        title=runs.panel_heading("gates through training", shown, runs.gated()),
    )


def _gated(runs: Runs) -> list[Result]:
    gated = runs.gated()
    if not gated:
        raise NothingToDraw("the cells of these runs have no gates")
    return gated


def _traced(runs: Runs) -> list[tuple[Result, History]]:
    shown = [
        (run, history)
        for run, history in runs.traced("grad_time", _gated(runs), MOST_GATED)
        if all(f"gate_{gate}_hist" in history.traces for gate in run.spec.model.gates)
    ]
    if not shown:
        raise NothingToDraw("no check of these runs has kept its gates")
    return shown


def _histograms(shown: Sequence[tuple[Result, History]]) -> list[Histogram]:
    return [
        distances(run, history, f"gate_{gate}_hist", GATE_LIMIT, f"gate {gate}")
        for run, history in shown
        for gate in run.spec.model.gates
    ]
