"""Tasks that say that their answers are their next inputs: a network can be fed its own symbols there."""

from __future__ import annotations

import random

import numpy as np
import pytest

from rnnctl.tasks.catalogue import TASKS
from tests.language import drawn_spec

NEXT_INPUT = [name for name in TASKS.names if TASKS[name].predicts_next_input]


@pytest.mark.parametrize("name", NEXT_INPUT)
def test_every_target_is_the_next_input(name):
    section = drawn_spec(random.Random(1), ["stdlib"], {"task": name}).task
    task = section.make()
    batch = task.draw(np.random.default_rng(1), 5)
    assert task.question.every_step
    assert task.question.loss == "cross_entropy"
    assert not section.real_inputs
    assert task.n_inputs == task.n_outputs
    assert np.array_equal(batch.inputs[1:], batch.targets[:-1])


def test_text_and_grammar_are_such_tasks():
    assert {"text", "grammar"} <= set(NEXT_INPUT)
    assert not TASKS["temporal_order"].predicts_next_input
