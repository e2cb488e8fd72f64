"""A run as a layer of torch.nn: its outputs are the run's, and what torch.nn does not have is refused."""

from __future__ import annotations

import pytest
import torch

from rnnctl.cells.base.heads import read
from rnnctl.cells.catalogue import CELLS
from rnnctl.errors import Error
from rnnctl.lab.errors import LabError
from rnnctl.lab.to_torch import to_torch
from rnnctl.parts import names_of
from rnnctl.study.run import RunSpec
from rnnctl.training.member import network_of
from rnnctl.training.trained import Trained, WeightsAt

SYMBOLS, REALS = "temporal_order", "addition"
TOLERANCE = {"float64": 1e-13, "float32": 2e-6}


def trained(model, task=SYMBOLS, dtype="float64"):
    """A run with random weights, biases included, and no training."""
    spec = RunSpec.model_validate({"task": task, "model": model, "train": {"dtype": dtype, "omega": 0}})
    network = network_of(spec.model, spec.task.make())
    drawn = torch.randn(network.layout.size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weights = WeightsAt((0.4 * drawn).to(getattr(torch, dtype)), 7)
    return Trained("r1-0123456789ab", spec, {"best": weights, "7": weights})


def own_outputs(run, inputs):
    views = {name: view[None] for name, view in run.views(run.weights["best"]).items()}
    states = [h.clone() for h in run.cell.steps(views, inputs)]
    return torch.stack([read(views, h)[0] for h in states])


def inputs_of(run, steps=20, batch=6):
    task, generator = run.task, torch.Generator().manual_seed(2)
    if run.spec.task.real_inputs:
        dtype = getattr(torch, run.spec.train.dtype)
        return torch.randn(steps, batch, task.n_inputs, generator=generator, dtype=torch.float64).to(dtype)
    return torch.randint(task.n_inputs, (steps, batch), generator=generator)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("task", [SYMBOLS, REALS])
@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ({"name": "rnn", "hidden": 11, "init": "orthogonal"}, torch.nn.RNN),
        ({"name": "rnn", "hidden": 11, "init": "orthogonal", "activation": "relu"}, torch.nn.RNN),
        ({"name": "lstm", "hidden": 11}, torch.nn.LSTM),
    ],
    ids=["tanh", "relu", "lstm"],
)
def test_outputs_are_those_of_the_run(model, kind, task, dtype):
    run = trained(model, task, dtype)
    network, inputs = to_torch(run), inputs_of(run)
    assert type(network.rnn) is kind
    with torch.no_grad():
        outputs, state = network(inputs)
        torch.testing.assert_close(
            outputs, own_outputs(run, inputs), rtol=0, atol=TOLERANCE[dtype] * outputs.abs().max().item()
        )
        first, state = network(inputs[:9])
        second, _ = network(inputs[9:], state)
        torch.testing.assert_close(torch.cat([first, second]), outputs)


def test_a_change_of_the_network_does_not_change_the_run():
    run = trained({"name": "lstm", "hidden": 5})
    before = run.weights["best"].flat_N.clone()
    network = to_torch(run, "7")
    outputs, _ = network(inputs_of(run))
    outputs.square().sum().backward()
    torch.optim.SGD(network.parameters(), 0.1).step()
    assert torch.equal(run.weights["best"].flat_N, before)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ({"name": "gru", "hidden": 5}, "its reset gate scales h W_hh"),
        ({"name": "gated", "hidden": 5}, "torch.nn has no layer with the equations of this cell"),
        (
            {"name": "rnn", "hidden": 5, "init": "sigmoid"},
            "torch.nn.RNN has tanh and relu, and not the activation sigmoid",
        ),
        ({"name": "rnn", "hidden": 5, "init": "xavier", "activation": "identity"}, "not the activation identity"),
    ],
    ids=["gru", "gated", "sigmoid", "identity"],
)
def test_what_torch_does_not_have_is_refused_in_one_line(model, why):
    with pytest.raises(LabError) as error:
        to_torch(trained(model))
    assert str(error.value).startswith("run r1-0123456789ab: ")
    assert why in str(error.value)
    assert "\n" not in str(error.value)
    assert isinstance(error.value, Error)


def test_weights_that_a_run_does_not_have_are_refused():
    with pytest.raises(LabError, match="has no weights after 8 updates"):
        to_torch(trained({"name": "lstm", "hidden": 5}), "8")


def test_every_cell_converts_or_says_why_not():
    refusals = []
    for cell in CELLS:
        run = trained({"name": names_of(cell)[0], "hidden": 16})
        try:
            network = to_torch(run)
        except LabError as refusal:
            refusals.append(str(refusal))
        else:
            with torch.no_grad():
                torch.testing.assert_close(network(inputs_of(run))[0], own_outputs(run, inputs_of(run)))
    assert all("torch.nn" in refusal for refusal in refusals)
