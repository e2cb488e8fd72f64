"""Tasks: where batches come from, one module a family. `make_task` turns the task section of a spec into its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnctl.tasks.base import Batch, Task
from rnnctl.tasks.temporal_order import TemporalOrder

if TYPE_CHECKING:
    from rnnctl.spec.run import TemporalOrder as TemporalOrderSpec

__all__ = ["Batch", "Task", "make_task"]


def make_task(spec: TemporalOrderSpec) -> Task:
    return TemporalOrder(spec.name, spec.min_length, spec.max_length)
