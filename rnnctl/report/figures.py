"""The figures of an examination: which there are, and what of the histories goes into each.

Loss and error curves take up to MOST_CURVES runs; figures with a panel a run take MOST_PANELS, the first replicate of
every configuration before the second of any. A figure that leaves runs out says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import plots
from plots import Histogram, Point, Series, Trace
from rnnctl.diagnostics.histogram import LOG10_EDGES
from rnnctl.report.parameters import varying

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from store.history import History

NAMES = (
    "loss",
    "error",
    "train_loss",
    "hyperparameters",
    "hyperparameters_below",
    "saturation",
    "spectrum",
    "reach",
    "gradient",
    "gradient_image",
    "gradient_histogram",
    "saturation_through_time",
)
MOST_CURVES = 300
MOST_PANELS = 6

Result = Mapping[str, Any]
Histories = Callable[[Sequence[str], bool], Mapping[str, "History"]]  # run ids, traces wanted -> histories


def choose(results: Sequence[Result], most: int) -> list[Result]:
    """At most `most` runs, the first replicate of every configuration before the second of any, order kept."""
    positions = plots.first_of_each([(run["study"], run["config"]) for run in results], most)
    return [results[position] for position in positions]


def figures(
    results: Sequence[Result],
    parameters: Sequence[Mapping[str, Any]],
    read: Histories,
    *,
    title: str,
    below: float | None,
    plateaus: Sequence[tuple[float, str]],
) -> Iterator[tuple[str, Figure]]:
    """Name and figure, one after the other. results and parameters run by run; below: a threshold on the loss."""
    if len({run["study"] for run in results}) > 1:
        results = [{**run, "label": _within(run, "label"), "group": _within(run, "group")} for run in results]
    # A run has been checked once it knows its floor; one that diverged at once has no loss to show, and is shown.
    started = [run for run in results if run["floor"] is not None]
    if not started:
        return
    drawn = choose(started, MOST_CURVES)
    histories = read([run["run"] for run in drawn], False)
    note = "" if len(drawn) == len(started) else f" ({len(drawn)} of {len(started)} runs)"
    floor, chance = _common(results, "floor"), _common(results, "chance_error")

    def series(*keys: str, diagnosed: bool = False) -> list[Series]:
        """One figure (and the edges of its band) of every run; of a diagnosis only where one was made."""
        found = []
        for run in drawn:
            history = histories.get(run["run"])
            if history is None or keys[0] not in history.scalars:
                continue
            at = np.isfinite(history.scalars["reach"]) if diagnosed else slice(None)
            values, *band = (history.scalars[key][at] for key in keys)
            found.append(Series(run["label"], run["group"], history.steps[at], values, _end(run), *band))
        return found

    def losses(key: str, which: str) -> Figure:
        return plots.curves(
            series(key),
            f"{which} loss (nats)",
            floor=floor,
            floor_label=_floor_label(floor),
            levels=plateaus,
            title=f"{title}: {which} loss{note}",
        )

    yield "loss", losses("valid_loss", "validation")
    yield (
        "error",
        plots.curves(
            series("valid_error"),
            "validation error",
            levels=[(chance, "chance")] if chance is not None else [],
            title=f"{title}: validation error{note}",
        ),
    )
    yield "train_loss", losses("train_loss", "training")
    points = [_point(run, of) for run, of in zip(results, parameters, strict=True)]
    yield "hyperparameters", _scatter(points, floor, below, f"{title}: hyper-parameters")
    if below is not None:
        chosen = [point for point in points if point.loss < below]
        yield (
            "hyperparameters_below",
            _scatter(chosen, floor, below, f"{title}: the {len(chosen)} of {len(points)} runs below {below:g}"),
        )
    yield (
        "saturation",
        plots.saturation(
            series("saturation", "saturation_p10", "saturation_p90", diagnosed=True),
            title=f"{title}: hidden saturation{note}",
        ),
    )
    yield (
        "spectrum",
        plots.spectral(
            series("rho", diagnosed=True), series("sigma_max", diagnosed=True), title=f"{title}: spectrum of W_hh{note}"
        ),
    )
    yield (
        "reach",
        plots.curves(
            series("reach", diagnosed=True),
            "share of steps that the gradient reaches",
            title=f"{title}: reach of the gradient{note}",
        ),
    )
    yield from _per_run(started, read, title)


def _per_run(started: Sequence[Result], read: Histories, title: str) -> Iterator[tuple[str, Figure]]:
    """The figures that have a panel for each run, made from its traces."""
    drawn = choose(started, MOST_PANELS)
    histories = read([run["run"] for run in drawn], True)
    shown = [(run, h) for run in drawn if (h := histories.get(run["run"])) is not None and h.traces]
    note = "" if len(drawn) == len(started) else f" ({len(drawn)} of {len(started)} runs)"
    gradients = [_trace(run, history, "grad_time") for run, history in shown]
    yield (
        "gradient",
        plots.gradient_through_time(gradients, most=MOST_PANELS, title=f"{title}: gradient through time{note}"),
    )
    yield (
        "gradient_image",
        plots.gradient_image(gradients, most=MOST_PANELS, title=f"{title}: gradient through time and training{note}"),
    )
    yield (
        "gradient_histogram",
        plots.gradient_histogram(
            [_histogram(run, history) for run, history in shown],
            most=MOST_PANELS,
            title=f"{title}: gradient norms over steps and sequences{note}",
        ),
    )
    distances = [_trace(run, h, "saturation_time") for run, h in shown if "saturation_time" in h.traces]
    if distances:
        yield (
            "saturation_through_time",
            plots.saturation_through_time(
                distances, most=MOST_PANELS, title=f"{title}: hidden saturation through time{note}"
            ),
        )


def _scatter(points: Sequence[Point], floor: float | None, below: float | None, title: str) -> Figure:
    names = varying([point.parameters for point in points])
    return plots.hyperparameters(
        points,
        names or None,
        floor=floor,
        floor_label=_floor_label(floor),
        threshold=below,
        ylabel="best validation loss (nats)",
        title=title,
    )


def _floor_label(floor: float | None) -> str | None:
    return None if floor is None else f"floor {floor:.4g}"


def _within(run: Result, name: str) -> str:
    """A label that is unique over several studies."""
    return f"{run['study']}/{run[name]}"


def _end(run: Result) -> str | None:
    return run["ended"] if run["ended"] in plots.ENDS else None


def _common(results: Sequence[Result], key: str) -> float | None:
    """A figure that all runs share; None where they differ: one line in a figure would then be wrong for some."""
    values = {run[key] for run in results if run[key] is not None}
    return values.pop() if len(values) == 1 else None


def _point(run: Result, parameters: Mapping[str, Any]) -> Point:
    loss = float("nan") if run["loss"] is None else run["loss"]
    return Point(run["label"], run["group"], run["seed"], loss, parameters, _end(run))


def _trace(run: Result, history: History, name: str) -> Trace:
    rows = {step: row for step, row in zip(history.steps, history.traces[name], strict=True) if row is not None}
    values = np.full((len(rows), max(map(len, rows.values()))), np.nan)
    for line, row in zip(values, rows.values(), strict=True):
        line[: len(row)] = row
    return Trace(run["label"], run["group"], list(rows), values)


def _histogram(run: Result, history: History) -> Histogram:
    at = [i for i, row in enumerate(history.traces["grad_hist"]) if row is not None]
    counts = np.stack([np.asarray(history.traces["grad_hist"][i], dtype=float) for i in at])
    used = np.flatnonzero(counts.any(0))
    bins = slice(used[0], used[-1] + 1) if len(used) else slice(0, 1)
    positive = counts.sum(1)
    # The share of exact zeros is kept; their number follows from it and from the number of values that are none.
    share = np.nan_to_num(history.scalars["grad_zero_share"][at])
    zeros = np.where(share < 1, positive * share / np.where(share < 1, 1 - share, 1), 1)
    return Histogram(
        run["label"], run["group"], history.steps[at], LOG10_EDGES[bins.start : bins.stop + 1], counts[:, bins], zeros
    )
