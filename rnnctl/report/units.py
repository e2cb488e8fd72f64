"""The units of losses, as figures and tables name them, and whether runs can be compared by a measure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rnnctl.measures import MEASURES

if TYPE_CHECKING:
    from rnnctl.report.results import Result
    from rnnctl.tasks.section import TaskSection


def loss_units(results: Iterable[Result]) -> list[str]:
    """Return the different units of these runs' losses, in order of first appearance."""
    return list(dict.fromkeys(task.loss_unit for task in _tasks(results)))


def _tasks(results: Iterable[Result]) -> list[TaskSection]:
    """Return the task of each configuration."""
    return [run.spec.task for run in {run.config: run for run in results}.values()]


def best_measure(results: Iterable[Result]) -> str:
    """Return the measure by which the best of these runs is found.

    That is the loss, or bits per byte if all have bits per byte and their losses have several units.
    """
    trained = [run for run in results if run.loss is not None]
    if any(run.bits_per_byte is None for run in trained):
        return "loss"
    return "bits_per_byte" if len(loss_units(trained)) > 1 else "loss"


def check_comparable(key: str, results: Iterable[Result]) -> None:
    """Raise ValueError, in one line, if these runs have a measure in several units."""
    tasks = _tasks(results) if MEASURES[key].unit == "loss" else []
    units = dict.fromkeys(task.loss_unit for task in tasks)
    if len(units) > 1:
        instead = "bits_per_byte can" if all(task.symbol for task in tasks) else "errors can"
        raise ValueError(f"losses in {' and '.join(units)} cannot be compared; {instead}")


def with_loss_unit(label: str, results: Iterable[Result]) -> str:
    """Return the label of a loss with its unit, `validation loss (nats)`; where runs have several units, with each."""
    units = loss_units(results)
    between = "\n" if len(units) > 1 else " "
    return f"{label}{between}({' or '.join(units)})" if units else label


def measure_label(key: str, results: Iterable[Result]) -> str:
    """Return an axis label of a measure, with the unit of these runs' losses: `best validation loss (nats)`."""
    measure = MEASURES[key]
    return with_loss_unit(measure.label, results) if measure.unit == "loss" else measure.label
