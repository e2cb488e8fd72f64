"""Kinds of figures with a line or a point for each run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

import plots
from plots import Curves, Point, Scatter, Series
from rnnctl.measures import MEASURES
from rnnctl.report.effects.levels import at
from rnnctl.report.effects.trials import Trials
from rnnctl.report.figures.kind import kind
from rnnctl.report.figures.records import end
from rnnctl.report.figures.runs import NothingToDraw, Runs
from rnnctl.report.results import Result, reference_of
from rnnctl.report.units import by_task, measure_label, with_loss_unit


@kind("validation loss, with the floor", examined=True, curves=True, topic="results", scalar="valid_loss")
def loss(runs: Runs) -> Figure:
    return _losses(runs, "valid_loss", "validation")


@kind("validation error, with the chance error", examined=True, curves=True, topic="results", scalar="valid_error")
def error(runs: Runs) -> Figure:
    return _errors(runs, "valid_error", "validation")


@kind(
    "training loss, a mean since the last check, with the floor",
    examined=True,
    curves=True,
    topic="results",
    scalar="train_loss",
)
def train_loss(runs: Runs) -> Figure:
    return _losses(runs, "train_loss", "training")


def _errors(runs: Runs, key: str, which: str) -> Figure:
    shown = [
        Curves(
            series,
            f"{which} error",
            title=group.title,
            levels=[] if group.chance is None else [(group.chance, "chance")],
        )
        for group in runs.comparable()
        if (series := runs.series(key, among=group.runs))
    ]
    if not shown:
        raise NothingToDraw(f"an earlier version trained these runs and did not record the {which} error")
    return plots.curves(shown, **runs.curves, title=runs.heading(f"{which} error"))


def _losses(runs: Runs, key: str, which: str) -> Figure:
    groups = runs.comparable()
    between = "\n(" if len(groups) > 1 else " ("  # small panels have no room for a long unit beside the word
    shown = [
        Curves(
            runs.series(key, among=group.runs),
            with_loss_unit(f"{which} loss", group.runs).replace(" (", between),
            title=group.title,
            floor=group.floor,
            floor_label=None if group.floor is None else group.floor_label,
            levels=runs.plateaus(group),
        )
        for group in groups
    ]
    return plots.curves(shown, **runs.curves, title=runs.heading(f"{which} loss"))


@kind("best loss against each hyper-parameter that varies", examined=True, topic="hyper-parameters")
def hyperparameters(runs: Runs) -> Figure:
    return _scatter(runs, runs.all, f"{runs.title}: hyper-parameters")


@kind("the same, of runs below a threshold", examined=True, plotted=False, topic="hyper-parameters")
def hyperparameters_below(runs: Runs) -> Figure:
    if runs.below is None:
        raise NothingToDraw("no threshold was given")
    chosen = [run for run in runs.all if run.is_below(runs.below, runs.by)]
    title = f"{runs.title}: the {len(chosen)} of {len(runs.all)} runs below {runs.below:g}"
    return _scatter(runs, chosen, title, threshold=runs.below)


def _scatter(runs: Runs, chosen: Sequence[Result], title: str, threshold: float | None = None) -> Figure:
    """Draw a measure against hyper-parameters, task by task.

    Hyper-parameters that follow from others have no panel; a note names them.
    """
    if len(runs.all) < 2:
        raise NothingToDraw("there is only one run, and nothing to compare it with")
    tasks = by_task(chosen, runs.by)
    names = Counter(task for task, _ in tasks)
    shown, notes = [], []
    for (task, unit), some in tasks.items():
        trials = Trials.of(some, runs.by, keys=runs.keys, empty=True)
        words = (f"{task}, {unit}" if names[task] > 1 else task) if len(tasks) > 1 else ""
        scatter = _compared(some, runs.by, trials, words)
        # Several rows of panels have no room for a long unit beside the word.
        shown.append(replace(scatter, ylabel=scatter.ylabel.replace(" (", "\n(")) if len(tasks) > 1 else scatter)
        notes += _following(trials)
    return plots.hyperparameters(
        shown, threshold=threshold, groups=runs.groups, title=title, notes=list(dict.fromkeys(notes))
    )


def _compared(some: Sequence[Result], by: str, trials: Trials, title: str) -> Scatter:
    """Return what is drawn of runs whose losses can be compared."""
    checked = [run for run in some if run.checked]
    floor, floor_label = reference_of(checked, MEASURES[by].reference)
    return Scatter(
        [_point(run, by, trials.parameters[run.config]) for run in some],
        floor=floor,
        floor_label=None if floor is None else floor_label,
        ylabel=measure_label(by, checked),
        means={
            factor.name: {
                level.value: (estimate.mean, estimate.error)
                for level in factor.levels
                if (estimate := at(trials, level)) is not None and estimate.runs > 1
            }
            for factor in trials.factors
            if not factor.drawn
        },
        title=title,
    )


@kind(
    "share of wrong answers on the training batches since the last check, with the chance error",
    curves=True,
    topic="results",
    scalar="train_error",
)
def train_error(runs: Runs) -> Figure:
    return _errors(runs, "train_error", "training")


@kind("gradient norm before and after clipping, means since the last check, and the largest norm", curves=True)
def gradient_norm(runs: Runs) -> Figure:
    words = {
        "grad_norm": "gradient norm before clipping",
        "grad_norm_clipped": "gradient norm after clipping",
        "grad_norm_max": "largest gradient norm",
    }
    shown = [Curves(runs.series(key), label, scale="log") for key, label in words.items()]
    return plots.curves(shown, **runs.curves, same_scale=True, title=runs.heading("gradient norm"))


@kind("learning rate of the update before each check", curves=True)
def rate(runs: Runs) -> Figure:
    shown = Curves(runs.series("rate"), "learning rate", scale="log")
    if not shown.series:
        raise NothingToDraw("the learning rate was not recorded: these runs are of an earlier version")
    if all(len(set(series.values[np.isfinite(series.values)].tolist())) < 2 for series in shown.series):
        raise NothingToDraw("the learning rate of each run is constant, and stands in its spec")
    return plots.curves([shown], **runs.curves, title=runs.heading("learning rate"))


@kind("shares of updates that were clipped, guarded, and skipped for an overflow", examined=True, curves=True)
def clip_share(runs: Runs) -> Figure:
    clipping = [run for run in runs.drawn if run.spec.train.clip.style != "none"]
    scaled = [run for run in runs.drawn if run.spec.train.scales_loss]
    if not clipping and not scaled:
        raise NothingToDraw("train.clip is none: no update is clipped")
    words = {"clip_share": "share of updates clipped", "guard_share": "share of updates guarded"}
    shown = [Curves(runs.series(key, among=clipping), label) for key, label in words.items() if clipping]
    if scaled:
        shown.append(Curves(runs.series("skip_share", among=scaled), "share of updates skipped"))
    return plots.curves(shown, **runs.curves, title=runs.heading("clipping"))


@kind("the regulariser Omega: in training, if it has a weight, and on the diagnostic batch", curves=True)
def omega(runs: Runs) -> Figure:
    shown = [
        Curves(runs.series("train_omega"), "Omega in training"),
        Curves(runs.series("omega", diagnosed=True), "Omega on the diagnostic batch"),
    ]
    if not any(curves.series for curves in shown):
        raise NothingToDraw("Omega is not defined for the cells of these runs")
    return plots.curves(shown, **runs.curves, title=runs.heading("the regulariser Omega"))


@kind("hidden saturation: mean distance to the limits, 10th to 90th percentile", examined=True, curves=True)
def saturation(runs: Runs) -> Figure:
    series = _measured(runs, "saturation", "saturation_p10", "saturation_p90")
    shown = [Curves(series, "mean saturation distance")]
    return plots.saturation(shown, threshold=threshold(runs), **runs.curves, title=runs.heading("hidden saturation"))


@kind("share of saturated units, and of steps whose mean unit is saturated", curves=True)
def saturated(runs: Runs) -> Figure:
    shown = [
        Curves(_measured(runs, "saturated_units"), "share of saturated units"),
        Curves(_measured(runs, "saturated_steps"), "share of saturated steps"),
    ]
    return plots.curves(shown, **runs.curves, title=runs.heading("saturated units and steps"))


def _measured(runs: Runs, *keys: str) -> list[Series]:
    series = runs.series(*keys, diagnosed=True)
    if not series:
        raise NothingToDraw("no check has measured a saturation distance, or the units have no two limits")
    return series


def threshold(runs: Runs) -> float | None:
    """Return the distance below which a value counts as saturated, if all runs have the same."""
    thresholds = {run.spec.check.saturation for run in runs.checked}
    return thresholds.pop() if len(thresholds) == 1 else None


@kind("spectral radius and largest singular value of W_hh", examined=True, curves=True)
def spectrum(runs: Runs) -> Figure:
    rho, sigma_max = (_diagnosed(runs, name) for name in ("rho", "sigma_max"))
    return plots.spectral(rho, sigma_max, **runs.curves, title=runs.heading("spectrum of W_hh"))


@kind("share of time steps that the gradient reaches", examined=True, curves=True)
def reach(runs: Runs) -> Figure:
    shown = Curves(_diagnosed(runs, "reach"), "share of steps that the gradient reaches")
    return plots.curves([shown], **runs.curves, title=runs.heading("reach of the gradient"))


def _diagnosed(runs: Runs, key: str) -> list[Series]:
    series = runs.series(key, diagnosed=True)
    if not series:
        raise NothingToDraw("no check of these runs has made a diagnosis")
    return series


def _point(run: Result, by: str, parameters: Mapping[str, object]) -> Point:
    value = run.value(by)
    return Point(run.label, run.group, run.seed, math.nan if value is None else value, parameters, end(run))


def _following(trials: Trials) -> list[str]:
    """Return a line for each group of hyper-parameters that follow from the same others."""
    names: dict[str, list[str]] = {}
    for follower in trials.varied.followers:
        names.setdefault(" and ".join(follower.leaders), []).append(follower.name)
    return [f"{', '.join(some)} follow{'s' * (len(some) == 1)} from {leaders}" for leaders, some in names.items()]
