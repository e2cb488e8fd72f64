"""The units of losses, as figures and tables name them, and whether runs can be compared by a measure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rnnctl.measures import MEASURES

if TYPE_CHECKING:
    from rnnctl.report.results import Result
    from rnnctl.study.run import RunSpec
    from rnnctl.study.tasks import TaskSpec
    from rnnctl.tasks.base import Task

UNITS = {"cross_entropy": "nats", "squared_error": "mean squared error"}


def symbol(spec: RunSpec) -> str | None:
    """Return what a target of a text stands for: byte, character, token of 512; None for other tasks."""
    task = spec.task
    if task.name != "text":
        return None
    return {"bytes": "byte", "chars": "character", "bpe": f"token of {task.vocabulary}"}[task.level]


def loss_unit(spec: RunSpec) -> str:
    """Return the unit of a run's loss: nats, nats per symbol, or mean squared error."""
    if name := symbol(spec):
        return f"nats per {name}"
    return UNITS[task_of(spec).question.loss]


def task_of(spec: RunSpec) -> Task:
    """Return the task of a run. Thousands of runs share a few."""
    return _task(spec.task)


@lru_cache(maxsize=256)
def _task(section: TaskSpec) -> Task:

    return section.make()


def loss_units(results: Iterable[Result]) -> list[str]:
    """Return the different units of these runs' losses, in order of first appearance."""
    configurations = {run.config: run for run in results}
    return list(dict.fromkeys(loss_unit(run.spec) for run in configurations.values()))


def best_measure(results: Sequence[Result]) -> str:
    """Return the measure by which the best of these runs is found.

    That is the loss, or bits per byte if all have bits per byte and their losses have several units.
    """
    trained = [run for run in results if run.loss is not None]
    if any(run.bits_per_byte is None for run in trained):
        return "loss"
    return "bits_per_byte" if len(loss_units(trained)) > 1 else "loss"


def check_comparable(key: str, results: Iterable[Result]) -> None:
    """Raise ValueError, in one line, if these runs have a measure in several units."""
    units = loss_units(results) if MEASURES[key].unit == "loss" else []
    if len(units) > 1:
        instead = "bits_per_byte can" if all(unit.startswith("nats per") for unit in units) else "errors can"
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
