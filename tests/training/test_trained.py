"""What is read of a checkpoint outside training."""

import io
import math

import pytest
import torch

from rnnctl.study.run import RunSpec
from rnnctl.training.trained import Trained
from tests.training.memory import train

SPEC = RunSpec.model_validate(
    {
        "task": {"name": "temporal_order", "min_length": 10, "max_length": 12},
        "model": {"hidden": 6, "init": "orthogonal"},
        "train": {"updates": 40, "batch": 5, "lr": 0.1},
        "check": {"every": 20, "samples": 20, "chunk": 20, "diagnostic_batch": 3},
    }
)


@pytest.fixture(scope="module")
def memory():
    return train({SPEC.run_id: SPEC})


def state(memory):
    return torch.load(io.BytesIO(memory.files[SPEC.run_id]), weights_only=True)


def test_it_has_the_last_and_the_best_weights_with_their_updates(memory):
    trained = Trained.from_state(state(memory), SPEC.run_id, SPEC)
    assert list(trained.weights) == ["last", "best"]
    assert trained.weights["last"].step == 40
    assert trained.weights["best"].step == memory.summaries[SPEC.run_id]["best_step"]
    assert torch.equal(trained.weights["last"].flat_N, state(memory)["weights"])
    assert torch.equal(trained.weights["best"].flat_N, state(memory)["best_weights"])


@pytest.mark.parametrize("name", ["last", "best"])
def test_every_number_is_in_one_view(memory, name):
    trained = Trained.from_state(state(memory), SPEC.run_id, SPEC)
    views = trained.views(trained.weights[name])
    assert {weight: tuple(view.shape) for weight, view in views.items()} == dict(trained.cell.layout.shapes)
    assert torch.equal(torch.cat([view.flatten() for view in views.values()]), trained.weights[name].flat_N)


def test_without_a_finite_loss_there_are_no_best_weights(memory):
    diverged = state(memory)
    diverged["best"]["loss"] = math.inf
    assert list(Trained.from_state(diverged, SPEC.run_id, SPEC).weights) == ["last"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run_id": "r1-other"}, "checkpoint of r1-other is not one of r1-"),
        ({"format": 3}, "has format 3, and this version reads 4"),
    ],
)
def test_another_runs_checkpoint_and_another_format_are_refused(memory, changes, message):
    with pytest.raises(ValueError, match=message):
        Trained.from_state(state(memory) | changes, SPEC.run_id, SPEC)
