"""What a task's loss is measured in, and how figures and tables name it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnctl.tasks import Task

UNITS = {"cross_entropy": "nats", "squared_error": "mean squared error"}


def loss_unit(spec: Mapping[str, Any]) -> str:
    """The unit of the loss of a canonical spec: nats, or mean squared error."""
    return UNITS[task_of(spec).question.loss]


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
    from rnnctl.spec.run import RunSpec
    from rnnctl.tasks import make_task

    return make_task(RunSpec.model_validate({"task": json.loads(text)}).task)


RESULTS = {"loss": "best validation", "last_loss": "last validation", "error": "best validation",
           "last_error": "last validation"}  # fmt: skip


def result_label(figure: str, specs: Iterable[Mapping[str, Any]]) -> str:
    """An axis label of a figure of rnnctl.report.leaderboard.result: `best validation loss (nats)`."""
    return f"{RESULTS[figure]} error" if figure.endswith("error") else loss_label(RESULTS[figure], specs)
