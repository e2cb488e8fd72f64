"""The number of weights of a run is known before it is trained, without torch, wherever its symbols are."""

from __future__ import annotations

import pytest

from rnnctl.cells.catalogue import CELLS
from rnnctl.report.specs import read_parameter_count
from rnnctl.study.run import RunSpec
from tests.training.memory import train
from tests.training.runs import spec


def run_of(task, **model):
    return RunSpec.model_validate({"task": task, "model": {"name": "rnn", **model}})


def test_it_is_that_of_the_formula():
    """P = 2 H V + H^2 + H + V."""
    run = run_of("grammar", hidden=64, init="orthogonal")
    assert run.parameter_count == 2 * 64 * 27 + 64**2 + 64 + 27 == 7643


@pytest.mark.parametrize("cell", CELLS.names)
@pytest.mark.parametrize("task", ["temporal_order", "memorization", "grammar"])
def test_it_is_that_of_the_network(cell, task):
    run = run_of(task, name=cell, hidden=16)
    made = run.task.make()
    assert run.parameter_count == run.model.network(made.n_inputs, made.n_outputs).layout.size


def test_that_of_a_text_is_known_if_its_symbols_are():
    text = {"name": "text", "corpus": "stdlib", "window": 20}
    assert run_of({**text, "level": "bytes"}, init="orthogonal").parameter_count == 2 * 50 * 256 + 50**2 + 50 + 256
    assert run_of({**text, "level": "chars"}, init="orthogonal").parameter_count is None


def test_a_trained_run_has_recorded_it():
    memory = train({"a": spec(1, updates=1)})
    assert memory.summaries["a"]["parameter_count"] == spec(1).parameter_count
    assert memory.state("a")["weights"].numel() == spec(1).parameter_count


def test_of_an_earlier_version_it_is_read_from_the_spec():
    stored = spec(1).canonical()
    assert read_parameter_count(stored, {}) == spec(1).parameter_count
    assert read_parameter_count(stored, {"parameter_count": 7}) == 7
    assert read_parameter_count({**stored, "task": {"name": "gone"}}, {}) is None
