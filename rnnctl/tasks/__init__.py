"""Tasks: where batches come from, one module a family. `make_task` turns the task section of a spec into its task."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rnnctl.tasks.base import Baseline, Batch, Task
from rnnctl.tasks.marked import Marked
from rnnctl.tasks.memorization import Memorization
from rnnctl.tasks.permutation import Permutation
from rnnctl.tasks.temporal_order import TemporalOrder
from rnnctl.tasks.text import Text, known_text

if TYPE_CHECKING:
    from rnnctl.study.tasks import TaskSpec

__all__ = ["Baseline", "Batch", "Task", "make_task"]


def make_task(spec: TaskSpec) -> Task:
    """The task. One of text reads its corpus when that is first needed, and may raise ValueError then."""
    if spec.name == "text":
        of = spec.corpus, spec.sha256, spec.level, spec.vocabulary, spec.vocabulary_sha256
        return Text(partial(known_text, *of, spec.validation, spec.test), spec.window, spec.state == "carried")
    lengths = spec.min_length, spec.max_length
    match spec.name:
        case "temporal_order" | "temporal_order_3":
            return TemporalOrder(spec.name, *lengths)
        case "addition" | "multiplication":
            return Marked(spec.name, *lengths, spec.tolerance)
        case "xor":
            return Marked(spec.name, *lengths)
        case "permutation":
            return Permutation(*lengths, spec.symbols, spec.predict)
        case "memorization":
            return Memorization(*lengths, spec.values, spec.positions, spec.patterns, spec.judged)
