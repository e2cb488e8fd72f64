"""The units of losses, as figures and tables name them, and which runs can be compared by a measure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from rnnctl.measures import MEASURES

if TYPE_CHECKING:
    from rnnctl.report.results import Result


class Comparable(NamedTuple):
    """What runs have in common whose losses can be compared: the name of the task, and the unit of the losses."""

    task: str
    unit: str


def by_task(results: Iterable[Result], key: str = "loss") -> dict[Comparable, list[Result]]:
    """Return these runs by task and unit of a measure, in order of first appearance.

    Losses of different tasks are never ranked together, nor averaged: they differ in what can be reached.
    """
    groups: dict[Comparable, list[Result]] = {}
    for run in results:
        groups.setdefault(Comparable(run.task.name, unit_of(key, run)), []).append(run)
    return groups


def unit_of(key: str, run: Result) -> str:
    """Return the unit of a measure of a run."""
    unit = MEASURES[key].unit
    return run.loss_unit if unit == "loss" else unit


def loss_units(results: Iterable[Result]) -> list[str]:
    """Return the different units of these runs' losses, in order of first appearance."""
    return list(dict.fromkeys(run.loss_unit for run in results))


def best_measure(results: Iterable[Result]) -> str:
    """Return the measure by which the best of these runs is found.

    That is the loss, or bits per byte if all have bits per byte and their losses have several units.
    """
    trained = [run for run in results if run.loss is not None]
    if any(run.bits_per_byte is None for run in trained):
        return "loss"
    return "bits_per_byte" if len(loss_units(trained)) > 1 else "loss"


def check_comparable(key: str, results: Iterable[Result]) -> None:
    """Raise ValueError, in one line, if these runs have a loss in several units, or of several tasks."""
    if MEASURES[key].unit != "loss":
        return
    results = list(results)
    units, tasks = loss_units(results), list(dict.fromkeys(run.task.name for run in results))
    if len(units) > 1:
        instead = "bits_per_byte can" if all(run.task.symbol for run in results) else "errors can"
        raise ValueError(f"losses in {' and '.join(units)} cannot be compared; {instead}")
    if len(tasks) > 1:
        raise ValueError(f"losses of {' and '.join(tasks)} cannot be compared; errors can")


def with_loss_unit(label: str, results: Iterable[Result]) -> str:
    """Return the label of a loss with the unit that these runs share: `validation loss (nats)`."""
    units = loss_units(results)
    return f"{label} ({', '.join(units)})" if units else label


def measure_label(key: str, results: Iterable[Result]) -> str:
    """Return an axis label of a measure, with the unit of these runs' losses: `best validation loss (nats)`."""
    measure = MEASURES[key]
    return with_loss_unit(measure.label, results) if measure.unit == "loss" else measure.label
