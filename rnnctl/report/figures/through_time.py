"""Kinds of figures that are made from traces: a panel for each run, or all runs at one check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

import plots
from plots import Histogram, Trace
from rnnctl.diagnostics.verdict import EXPLODED, VANISHED
from rnnctl.report.figures.kind import kind
from rnnctl.report.figures.runs import GATE_LIMIT, NothingToDraw, Runs, distances, gates_of, gradients, trace
from rnnctl.report.figures.training import NO_GATES, threshold
from rnnctl.report.results import Result

if TYPE_CHECKING:
    from store.history import History

LIMITS = (VANISHED, EXPLODED)
GATE_DISTANCE = "gate distance min(v, 1 \N{MINUS SIGN} v)"
GATE_ENDS = ("saturated", "undecided")
MOST_GATED = 4  # runs, of two or three panels each


@kind("log10 of the gradient's norm g_t against the time step", examined=True, at=True, layouts=True)
def gradient(runs: Runs) -> Figure:
    shown = _traced(runs, "grad_time")
    title = runs.panel_heading("gradient through time", shown)
    return plots.gradient_through_time(_traces(shown, "grad_time"), **runs.places, title=title)


@kind("log10 g_t as colour, time step against training", examined=True)
def gradient_image(runs: Runs) -> Figure:
    shown = _traced(runs, "grad_time")
    title = runs.panel_heading("gradient through time and training", shown)
    return plots.gradient_image(_traces(shown, "grad_time"), title=title)


@kind("histogram of log10 g over steps and sequences, exact zeros apart", examined=True, at=True, layouts=True)
def gradient_histogram(runs: Runs) -> Figure:
    shown = _traced(runs, "grad_hist")
    title = runs.panel_heading("gradient norms over steps and sequences", shown)
    return plots.gradient_histogram([gradients(*each) for each in shown], limits=LIMITS, **runs.places, title=title)


@kind("that histogram through training, with a verdict: vanished, exploded, exactly zero")
def gradient_histogram_image(runs: Runs) -> Figure:
    shown = _traced(runs, "grad_hist")
    title = runs.panel_heading("gradient norms through training, with a verdict on the last check", shown)
    return plots.gradient_histogram_image([gradients(*each) for each in shown], limits=LIMITS, title=title)


@kind("mean saturation distance against the time step", examined=True, at=True, layouts=True)
def saturation_through_time(runs: Runs) -> Figure:
    shown = _traced(runs, "saturation_time")
    title = runs.panel_heading("hidden saturation through time", shown)
    limit = max(hidden_limit(run) for run, _ in shown)
    return plots.saturation_through_time(_traces(shown, "saturation_time"), **runs.places, limit=limit, title=title)


@kind("histogram of the hidden saturation distance", at=True, layouts=True)
def saturation_histogram(runs: Runs) -> Figure:
    shown = _traced(runs, "saturation_hist")
    return plots.distance_histogram(
        [distances(run, history, "saturation_hist", hidden_limit(run)) for run, history in shown],
        xlabel=_distance(run for run, _ in shown),
        threshold=threshold(runs),
        **runs.places,
        title=runs.panel_heading("hidden saturation over units, steps and sequences", shown),
    )


@kind("that histogram through training: distance against updates")
def saturation_image(runs: Runs) -> Figure:
    shown = _traced(runs, "saturation_hist")
    return plots.distance_image(
        [distances(run, history, "saturation_hist", hidden_limit(run)) for run, history in shown],
        ylabel=_distance(run for run, _ in shown),
        title=runs.panel_heading("hidden saturation through training", shown),
    )


@kind("mean distance of each gate against the time step", at=True, layouts=True)
def gate_through_time(runs: Runs) -> Figure:
    shown = _gated(runs)
    return plots.saturation_through_time(
        [trace(run, history, f"gate_{gate}_time", f"gate {gate}") for run, history in shown for gate in gates_of(run)],
        **runs.places,
        ylabel=GATE_DISTANCE,
        limit=GATE_LIMIT,
        title=runs.panel_heading("gates through time (0: saturated, 0.5: undecided)", shown, runs.gated()),
    )


@kind("histogram of the distance of each gate", examined=True, at=True, layouts=True)
def gate_histogram(runs: Runs) -> Figure:
    shown = _gated(runs)
    return plots.distance_histogram(
        _gate_histograms(shown),
        xlabel=GATE_DISTANCE,
        ends=GATE_ENDS,
        threshold=threshold(runs),
        **runs.places,
        title=runs.panel_heading("gates over units, steps and sequences", shown, runs.gated()),
    )


@kind("those histograms through training: distance against updates")
def gate_image(runs: Runs) -> Figure:
    shown = _gated(runs)
    return plots.distance_image(
        _gate_histograms(shown),
        ylabel=GATE_DISTANCE,
        ends=GATE_ENDS,
        title=runs.panel_heading("gates through training", shown, runs.gated()),
    )


def hidden_limit(run: Result) -> float:
    """The greatest saturation distance of a run's hidden units."""
    return 0.5 if getattr(run.spec.model, "activation", "") == "sigmoid" else 1.0


def _distance(runs: Sequence[Result]) -> str:
    """What the distance is; of runs with different ones only what they have in common."""
    formulas = {1.0: "1 \N{MINUS SIGN} |h|", 0.5: "min(h, 1 \N{MINUS SIGN} h)"}
    found = {formulas[hidden_limit(run)] for run in runs}
    return f"distance {found.pop()}" if len(found) == 1 else "distance to the limits"


def _traced(runs: Runs, name: str) -> list[tuple[Result, History]]:
    shown = runs.traced(name)
    if not shown:
        raise NothingToDraw(f"no check of these runs has kept {name}")
    return shown


def _gated(runs: Runs) -> list[tuple[Result, History]]:
    gated = runs.gated()
    if not gated:
        raise NothingToDraw(NO_GATES)
    shown = [
        (run, history)
        for run, history in runs.traced("grad_time", gated, MOST_GATED)
        if all(f"gate_{gate}_hist" in history.traces for gate in gates_of(run))
    ]
    if not shown:
        raise NothingToDraw("no check of these runs has kept its gates")
    return shown


def _traces(shown: Sequence[tuple[Result, History]], name: str) -> list[Trace]:
    return [trace(run, history, name) for run, history in shown]


def _gate_histograms(shown: Sequence[tuple[Result, History]]) -> list[Histogram]:
    return [
        distances(run, history, f"gate_{gate}_hist", GATE_LIMIT, f"gate {gate}")
        for run, history in shown
        for gate in gates_of(run)
    ]
