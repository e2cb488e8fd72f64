"""Kinds of figures with a line, or a point, for each run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

import plots
from plots import Curves, Point, Series
from rnnctl.measures import MEASURES
from rnnctl.report.effects.levels import at
from rnnctl.report.effects.trials import Trials
from rnnctl.report.figures.kind import kind
from rnnctl.report.figures.runs import NothingToDraw, Runs, end, gates_of
from rnnctl.report.results import Result, common_value
from rnnctl.report.units import measure_label, with_loss_unit


@kind("validation loss, with the floor that takes no learning", examined=True, layouts=True)
def loss(runs: Runs) -> Figure:
    return _losses(runs, "valid_loss", "validation")


@kind("validation error, with the chance error", examined=True, layouts=True)
def error(runs: Runs) -> Figure:
    shown = []
    for part in runs.parts():
        levels = [(part.chance, "chance")] if part.chance is not None else []
        shown.append(
            Curves(runs.series("valid_error", of=part.runs), "validation error", title=part.title, levels=levels)
        )
    return plots.curves(shown, **_alike(runs), title=runs.heading("validation error"))


@kind("training loss, a mean since the last check, with the floor", examined=True, layouts=True)
def train_loss(runs: Runs) -> Figure:
    return _losses(runs, "train_loss", "training")


def _losses(runs: Runs, key: str, which: str) -> Figure:
    parts = runs.parts()
    between = "\n(" if len(parts) > 1 else " ("  # small panels have no room for a long unit beside the word
    shown = [
        Curves(
            runs.series(key, of=part.runs),
            with_loss_unit(f"{which} loss", part.runs).replace(" (", between),
            title=part.title,
            floor=part.floor,
            floor_label=_floor_label(part.floor),
            levels=runs.plateaus(part),
        )
        for part in parts
    ]
    return plots.curves(shown, **_alike(runs), title=runs.heading(f"{which} loss"))


@kind("best loss against each hyper-parameter that varies", examined=True)
def hyperparameters(runs: Runs) -> Figure:
    return _scatter(runs, runs.all, f"{runs.title}: hyper-parameters")


@kind("the same, of runs below a threshold", examined=True, plotted=False)
def hyperparameters_below(runs: Runs) -> Figure:
    if runs.below is None:
        raise NothingToDraw("no threshold was given")
    chosen = [run for run in runs.all if run.is_below(runs.below, runs.by)]
    return _scatter(runs, chosen, f"{runs.title}: the {len(chosen)} of {len(runs.all)} runs below {runs.below:g}")


def _scatter(runs: Runs, chosen: Sequence[Result], title: str) -> Figure:
    """Hyper-parameters that only follow from others have no panel; a note names them."""
    if len(runs.all) < 2:
        raise NothingToDraw("one run has nothing to be compared with")
    reference = MEASURES[runs.by].reference
    floor = common_value(runs.checked, reference.field)
    trials = Trials.of(chosen, runs.by, empty=True)
    return plots.hyperparameters(
        [_point(run, runs.by) for run in chosen],
        [factor.name for factor in trials.factors] or None,
        floor=floor,
        floor_label=None if floor is None else f"{reference.label} {floor:.4g}",
        threshold=runs.below,
        ylabel=measure_label(runs.by, runs.checked),
        title=title,
        means={
            factor.name: {
                level.value: (each.mean, each.error)
                for level in factor.levels
                if (each := at(trials, level)) is not None and each.runs > 1
            }
            for factor in trials.factors
            if not factor.drawn
        },
        notes=[factor.remark for factor in trials.factors if factor.follow],
    )


@kind("gradient norm before and after clipping, means since the last check", layouts=True)
def gradient_norm(runs: Runs) -> Figure:
    words = {"grad_norm": "gradient norm before clipping", "grad_norm_clipped": "gradient norm after clipping"}
    shown = [Curves(runs.series(key), label, scale="log") for key, label in words.items()]
    return plots.curves(shown, **_alike(runs), same_scale=True, title=runs.heading("gradient norm"))


@kind("share of updates that were clipped, and of those that the guard stopped", examined=True, layouts=True)
def clip_share(runs: Runs) -> Figure:
    clipping = [run for run in runs.drawn if run.spec.train.clip.style != "none"]
    if not clipping:
        raise NothingToDraw("train.clip is none, so that no update is clipped")
    words = {"clip_share": "share of updates clipped", "guard_share": "share of updates guarded"}
    shown = [Curves(runs.series(key, of=clipping), label) for key, label in words.items()]
    return plots.curves(shown, **_alike(runs), title=runs.heading("clipping"))


@kind("Omega in training, where it has a weight, and on the diagnostic batch", layouts=True)
def omega(runs: Runs) -> Figure:
    shown = [
        Curves(runs.series("train_omega"), "Omega in training"),
        Curves(runs.series("omega", diagnosed=True), "Omega on the diagnostic batch"),
    ]
    if not any(each.series for each in shown):
        raise NothingToDraw("Omega is defined for the vanilla RNN alone")
    return plots.curves(shown, **_alike(runs), title=runs.heading("the regulariser Omega"))


@kind("hidden saturation: mean distance to the limits, 10th to 90th percentile", examined=True, layouts=True)
def saturation(runs: Runs) -> Figure:
    series = _measured(runs, "saturation", "saturation_p10", "saturation_p90")
    shown = [Curves(series, "mean saturation distance")]
    return plots.saturation(shown, threshold=threshold(runs), **_alike(runs), title=runs.heading("hidden saturation"))


@kind("share of saturated units, and of steps whose mean unit is saturated", layouts=True)
def saturated(runs: Runs) -> Figure:
    shown = [
        Curves(_measured(runs, "saturated_units"), "share of saturated units"),
        Curves(_measured(runs, "saturated_steps"), "share of saturated steps"),
    ]
    return plots.curves(shown, **_alike(runs), title=runs.heading("saturated units and steps"))


def _measured(runs: Runs, *keys: str) -> list[Series]:
    series = runs.series(*keys, diagnosed=True)
    if not series:
        raise NothingToDraw("no diagnosis has a saturation distance: relu and identity have no two limits")
    return series


@kind("mean value of each gate", layouts=True)
def gates(runs: Runs) -> Figure:
    shown = [Curves(series, "mean value", title=f"gate {gate}") for gate, (series,) in _of_gates(runs, "").items()]
    return plots.curves(shown, **_alike(runs), same_scale=True, title=runs.heading("gates"))


@kind("gate distance min(v, 1 - v): mean, 10th to 90th percentile", examined=True, layouts=True)
def gate_saturation(runs: Runs) -> Figure:
    found = _of_gates(runs, "_distance", bands=True)
    shown = [Curves(series, "mean gate distance", title=f"gate {gate}") for gate, (series,) in found.items()]
    return plots.saturation(shown, threshold=threshold(runs), **_alike(runs), title=runs.heading("gate saturation"))


@kind("share of saturated units of each gate, and of steps", layouts=True)
def gate_saturated(runs: Runs) -> Figure:
    found = _of_gates(runs, "_saturated_units", "_saturated_steps")
    shown = [
        Curves(series[i], f"share of saturated {what}", title=f"gate {gate}")
        for i, what in enumerate(("units", "steps"))
        for gate, series in found.items()
    ]
    title = runs.heading("saturated gates")
    return plots.curves(shown, **_alike(runs), same_scale=True, columns=len(found), title=title)


def _of_gates(runs: Runs, *endings: str, bands: bool = False) -> dict[str, list[list[Series]]]:
    """Gate -> for each ending of a scalar's name, its series in the runs whose cells have the gate."""
    if not runs.gated():
        raise NothingToDraw(NO_GATES)
    found = {}
    for gate in dict.fromkeys(gate for run in runs.gated() for gate in gates_of(run)):
        keys = [
            (f"gate_{gate}{e}", *((f"gate_{gate}{e}_p10", f"gate_{gate}{e}_p90") if bands else ())) for e in endings
        ]
        series = [runs.series(*each, diagnosed=True) for each in keys]
        if all(series):
            found[gate] = series
    if not found:
        raise NothingToDraw("no check measured the gates")
    return found


def _alike(runs: Runs) -> dict[str, Any]:
    """Arguments that all curves have in common."""
    return {"separate": runs.separate, "groups": runs.groups}


NO_GATES = "only a gru or an lstm has gates"


def threshold(runs: Runs) -> float | None:
    """The distance below which a value counts as saturated, if all runs have the same."""
    thresholds = {run.spec.check.saturation for run in runs.checked}
    return thresholds.pop() if len(thresholds) == 1 else None


@kind("spectral radius and largest singular value of W_hh", examined=True, layouts=True)
def spectrum(runs: Runs) -> Figure:
    rho, sigma_max = (_diagnosed(runs, name) for name in ("rho", "sigma_max"))
    return plots.spectral(rho, sigma_max, **_alike(runs), title=runs.heading("spectrum of W_hh"))


@kind("share of time steps that the gradient reaches", examined=True, layouts=True)
def reach(runs: Runs) -> Figure:
    shown = Curves(_diagnosed(runs, "reach"), "share of steps that the gradient reaches")
    return plots.curves([shown], **_alike(runs), title=runs.heading("reach of the gradient"))


def _diagnosed(runs: Runs, key: str) -> list[Series]:
    series = runs.series(key, diagnosed=True)
    if not series:
        raise NothingToDraw("no check of these runs has made a diagnosis")
    return series


def _floor_label(floor: float | None) -> str | None:
    return None if floor is None else f"floor {floor:.4g}"


def _point(run: Result, by: str) -> Point:
    value = run.value(by)
    return Point(run.label, run.group, run.seed, math.nan if value is None else value, run.parameters, end(run))
