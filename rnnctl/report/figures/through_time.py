"""Kinds of figures made from traces of gradients and hidden units: a panel for each run, or all runs at one check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

import plots
from plots import Histogram, Trace
from rnnctl.diagnostics.verdict import EXPLODED, VANISHED
from rnnctl.report.figures.kind import kind
from rnnctl.report.figures.records import distances, gradients, trace
from rnnctl.report.figures.runs import NothingToDraw, Runs
from rnnctl.report.figures.training import threshold
from rnnctl.report.results import Result

if TYPE_CHECKING:
    from store.history import History

LIMITS = (VANISHED, EXPLODED)


# --- gradients


@kind("log10 of the gradient's norm g_t against the time step", examined=True, at=True, layouts=True)
def gradient(runs: Runs) -> Figure:
    shown = _traced(runs, "grad_time")
    title = runs.panel_heading("gradient through time", shown)
    return plots.gradient_through_time(_traces(shown, "grad_time"), **runs.at_checks, title=title)


@kind("log10 g_t as colour, time step against training", examined=True)
def gradient_image(runs: Runs) -> Figure:
    shown = _traced(runs, "grad_time")
    title = runs.panel_heading("gradient through time and training", shown)
    return plots.gradient_image(_traces(shown, "grad_time"), most=runs.panels, title=title)


@kind("histogram of log10 g over steps and sequences, exact zeros apart", examined=True, at=True, layouts=True)
def gradient_histogram(runs: Runs) -> Figure:
    shown = _traced(runs, "grad_hist")
    title = runs.panel_heading("gradient norms over steps and sequences", shown)
    return plots.gradient_histogram(_gradients(shown), limits=LIMITS, **runs.at_checks, title=title)


@kind("histogram of log10 g through training, with a verdict: vanished, exploded, exactly zero")
def gradient_histogram_image(runs: Runs) -> Figure:
    shown = _traced(runs, "grad_hist")
    title = runs.panel_heading("gradient norms through training, with a verdict on the last check", shown)
    return plots.gradient_histogram_image(_gradients(shown), limits=LIMITS, most=runs.panels, title=title)


def _gradients(shown: Sequence[tuple[Result, History]]) -> list[Histogram]:
    return [gradients(run, history) for run, history in shown]


# --- saturation of hidden units


@kind("mean saturation distance against the time step", examined=True, at=True, layouts=True)
def saturation_through_time(runs: Runs) -> Figure:
    shown = _traced(runs, "saturation_time")
    title = runs.panel_heading("hidden saturation through time", shown)
    limit = max(_limit(run) for run, _ in shown)
    return plots.saturation_through_time(_traces(shown, "saturation_time"), **runs.at_checks, limit=limit, title=title)


@kind("histogram of the hidden saturation distance", at=True, layouts=True)
def saturation_histogram(runs: Runs) -> Figure:
    shown = _traced(runs, "saturation_hist")
    return plots.distance_histogram(
        _distances(shown),
        xlabel=_formula(shown),
        threshold=threshold(runs),
        **runs.at_checks,
        title=runs.panel_heading("hidden saturation over units, steps and sequences", shown),
    )


@kind("histogram of the hidden saturation distance through training: distance against updates")
def saturation_image(runs: Runs) -> Figure:
    shown = _traced(runs, "saturation_hist")
    title = runs.panel_heading("hidden saturation through training", shown)
    return plots.distance_image(_distances(shown), ylabel=_formula(shown), most=runs.panels, title=title)


def _distances(shown: Sequence[tuple[Result, History]]) -> list[Histogram]:
    return [distances(run, history, "saturation_hist", _limit(run)) for run, history in shown]


def _limit(run: Result) -> float:
    """Return the greatest saturation distance of a run that has kept such distances."""
    limit = run.spec.model.saturation_limit
    assert limit is not None
    return limit


def _formula(shown: Sequence[tuple[Result, History]]) -> str:
    """Return an axis label with the formula of the distance, if all runs have the same."""
    formulas = {run.spec.model.saturation_formula for run, _ in shown}
    return f"distance {formulas.pop()}" if len(formulas) == 1 else "distance to the limits"


def _traced(runs: Runs, name: str) -> list[tuple[Result, History]]:
    shown = runs.traced(name)
    if not shown:
        raise NothingToDraw(f"no check of these runs has kept {name}")
    return shown


def _traces(shown: Sequence[tuple[Result, History]], name: str) -> list[Trace]:
    return [trace(run, history, name) for run, history in shown]
