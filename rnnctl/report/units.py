"""What a task's loss is measured in, and how figures and tables name it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rnnctl.measures import MEASURES

if TYPE_CHECKING:
    from rnnctl.tasks import Task

UNITS = {"cross_entropy": "nats", "squared_error": "mean squared error"}


def symbol(spec: Mapping[str, Any]) -> str | None:
    """What a target of a canonical spec's text is: byte, character, token of 512; None of what is no text."""
    task = spec["task"]
    if task["name"] != "text":
        return None
    return {"bytes": "byte", "chars": "character", "bpe": f"token of {task['vocabulary']}"}[task["level"]]


def loss_unit(spec: Mapping[str, Any]) -> str:
    """The unit of the loss of a canonical spec: nats, of text by what they are for, or mean squared error."""
    if of := symbol(spec):
        return f"nats per {of}"
    return UNITS[task_of(spec).question.loss]


def best_measure(specs: Sequence[Mapping[str, Any]]) -> str:
    """Return the measure of the best of these runs: their loss, or bits per byte of texts in several units."""
    texts = all(spec["task"]["name"] == "text" for spec in specs)
    return "bits_per_byte" if texts and len(set(map(loss_unit, specs))) > 1 else "loss"


def check_comparable(key: str, specs: Iterable[Mapping[str, Any]]) -> None:
    """Raise ValueError, in one line, if these runs have a measure in several units."""
    units = dict.fromkeys(map(loss_unit, specs)) if MEASURES[key].unit == "loss" else {}
    if len(units) > 1:
        instead = "bits_per_byte can" if all(unit.startswith("nats per") for unit in units) else "errors can"
        raise ValueError(f"losses in {' and '.join(units)} cannot be compared; {instead}")


def with_loss_unit(label: str, specs: Iterable[Mapping[str, Any]]) -> str:
    """Return the label of a loss with its unit, `validation loss (nats)`; where runs have several units, with each."""
    units = dict.fromkeys(map(loss_unit, specs))
    between = "\n" if len(units) > 1 else " "
    return f"{label}{between}({' or '.join(units)})" if units else label


def task_of(spec: Mapping[str, Any]) -> Task:
    """The task of a canonical spec. Thousands of runs share a few."""
    return _task(json.dumps(spec["task"], sort_keys=True))


@lru_cache(maxsize=256)
def _task(text: str) -> Task:
    from rnnctl.study.run import RunSpec
    from rnnctl.tasks import make_task

    return make_task(RunSpec.model_validate({"task": json.loads(text)}).task)


def measure_label(key: str, specs: Iterable[Mapping[str, Any]]) -> str:
    """Return an axis label of a measure, with the unit of these runs' losses: `best validation loss (nats)`."""
    measure = MEASURES[key]
    return with_loss_unit(measure.label, specs) if measure.unit == "loss" else measure.label
