"""What a task's loss is measured in, and how figures and tables name it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

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


def best_figure(specs: Sequence[Mapping[str, Any]]) -> str:
    """What tells the best of these runs: their loss, or bits per byte of texts whose losses have several units."""
    texts = all(spec["task"]["name"] == "text" for spec in specs)
    return "bits_per_byte" if texts and len(set(map(loss_unit, specs))) > 1 else "loss"


def check_comparable(figure: str, specs: Iterable[Mapping[str, Any]]) -> None:
    """Raises ValueError, in one line, where a figure of these runs (see rnnctl.report.leaderboard.result) is measured
    in several units.
    """
    units = dict.fromkeys(map(loss_unit, specs)) if figure.endswith("loss") else {}
    if len(units) > 1:
        instead = "bits_per_byte can" if all(unit.startswith("nats per") for unit in units) else "errors can"
        raise ValueError(f"losses in {' and '.join(units)} cannot be compared; {instead}")


def loss_label(which: str, specs: Iterable[Mapping[str, Any]]) -> str:
    """An axis label such as `validation loss (nats)`; of runs with different losses it names each."""
    units = dict.fromkeys(map(loss_unit, specs))
    between = "\n" if len(units) > 1 else " "
    return f"{which} loss{between}({' or '.join(units)})" if units else f"{which} loss"


def task_of(spec: Mapping[str, Any]) -> Task:
    """The task of a canonical spec. Thousands of runs share a few."""
    return _task(json.dumps(spec["task"], sort_keys=True))


@lru_cache(maxsize=256)
def _task(text: str) -> Task:
    from rnnctl.study.run import RunSpec
    from rnnctl.tasks import make_task

    return make_task(RunSpec.model_validate({"task": json.loads(text)}).task)


# Of the figures of rnnctl.report.leaderboard.result: in words, and the figure of what is reached without learning.
RESULTS = {"loss": "best validation", "bits_per_byte": "best bits per byte", "last_loss": "last validation",
           "error": "best validation", "last_error": "last validation"}  # fmt: skip
FLOORS = {"loss": "floor", "bits_per_byte": "floor_bits_per_byte", "last_loss": "floor", "error": "chance_error",
          "last_error": "chance_error"}  # fmt: skip


def result_label(figure: str, specs: Iterable[Mapping[str, Any]]) -> str:
    """An axis label of a figure of rnnctl.report.leaderboard.result: `best validation loss (nats)`."""
    if figure.endswith("loss"):
        return loss_label(RESULTS[figure], specs)
    return f"{RESULTS[figure]} error" if figure.endswith("error") else RESULTS[figure]
