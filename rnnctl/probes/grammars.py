"""Runs of task grammar: what the probes of generated text need to know about them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Task
from rnnctl.tasks.grammar import GrammarSection, GrammarText

if TYPE_CHECKING:
    from rnnctl.grammars.process import Process

# The surprise of a character that a grammar does not allow, in nats: that of a probability of 1e-4. It is finite, so
# that one such character does not decide a mean, and more than that of any character that is allowed.
IMPOSSIBLE = -math.log(1e-4)


def no_grammar(spec: RunSpec) -> str | None:
    """Return None for a run of task grammar, else why it has no grammar."""
    return None if isinstance(spec.task, GrammarSection) else f"task {spec.task.name} has no grammar"


def generated_text(task: Task) -> GrammarText:
    """Return the task of a run of task grammar."""
    assert isinstance(task, GrammarText)
    return task


def surprises(process: Process, before_T: np.ndarray, ids_T: np.ndarray, at_start: bool) -> np.ndarray:
    """Return the surprise of symbols that come after others, (T,) nats; infinite for impossible ones.

    at_start: whether a sentence begins at the first symbol of `before_T`; otherwise that is not known.
    """
    return process.surprisals(np.concatenate([before_T, ids_T]), at_start)[len(before_T) :]
