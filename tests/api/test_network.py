"""The network of a run is the trainer's, step by step and as a whole, with gradients by autograd's rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rnnctl
from rnnctl import seeds
from rnnctl.cells.base.heads import read
from rnnctl.cells.base.passes import HiddenStates
from rnnctl.lab.trained import with_weights
from rnnctl.study.run import RunSpec
from rnnctl.training.member import begin, network_of
from rnnctl.training.networks import Networks
from rnnctl.training.trained import Trained, WeightsAt
from rnnctl.training.validation import Validator
from store import Store
from tests.training.equations import step

SPEC = {
    "task": {"name": "temporal_order", "min_length": 10, "max_length": 20},
    "train": {"dtype": "float64"},
}
KINDS = {
    "rnn": {},
    "gru": {"model": {"name": "gru", "hidden": 7}},
    "lstm": {"model": {"name": "lstm", "hidden": 7}},
    "relational": {"model": {"name": "relational_memory"}},
    "side memory": {"model": {"name": "lstm_side_memory"}},
    "several values": {"task": {"name": "object_tracking"}, "model": {"name": "lstm", "hidden": 7}},
    "gated": {"model": {"name": "gated", "hidden": 7}},
    "every step": {"task": {"name": "grammar"}, "model": {"name": "lstm", "hidden": 7}},
    "reals": {"task": {"name": "addition", "min_length": 10, "max_length": 12}, "model": {"hidden": 20}},
}


def untrained(kind):
    """A run's network before its first update, in float64."""
    spec = RunSpec.model_validate({**SPEC, **KINDS[kind]})
    task = spec.task.make()
    _, flat_N = begin("r", spec, task, network_of(spec.model, task))
    flat_N += torch.from_numpy(np.random.default_rng(0).normal(0, 0.2, len(flat_N)))  # biases are no longer 0
    return Trained("r", spec, {"last": WeightsAt(flat_N, 0)})


@pytest.fixture(params=KINDS)
def trained(request):
    return untrained(request.param)


def network(trained):
    return rnnctl.Network(trained, trained.weights["last"])


def batch(trained, size=3):
    return trained.task.draw(seeds.generator(1, seeds.VALIDATION), size)


def test_its_loss_is_that_of_the_trainer(trained, code_path):
    drawn, question = batch(trained), trained.task.question
    validator = Validator(question, trained.cell, drawn.length, 3, dtype=torch.float64, device="cpu")
    inputs, targets = validator.tensors(drawn)
    means, _ = validator.judge(Networks(trained.weights["last"].flat_N[None], [trained.cell]), inputs, targets)
    outputs = network(trained)(drawn.inputs)
    if question.loss == "squared_error":
        loss = torch.nn.functional.mse_loss(outputs.squeeze(-1), targets)
    else:
        loss = torch.nn.functional.cross_entropy(outputs.reshape(-1, outputs.shape[-1]), targets.reshape(-1))
    assert loss.item() == pytest.approx(means[0].item(), rel=1e-13)


def test_outputs_are_those_of_the_trainers_forward_to_the_bit(lab):
    for label in ("RNN seed=1", "GRU seed=1", "LSTM seed=2"):
        run = lab["cells"][label]
        with Store.open(lab.folder, readonly=True) as store:
            trained, weights = with_weights(store, run.id)
        drawn = trained.task.draw(seeds.generator(2, seeds.VALIDATION), 5)
        inputs = torch.from_numpy(drawn.inputs).long()
        states = HiddenStates(trained.cell, drawn.length, 5, dtype=torch.float32, device="cpu")
        views = trained.cell.layout.views(weights.flat_N[None])
        with torch.no_grad():
            h_RTBH = states(views, inputs, every_step=True)
            net = run.model()
            assert torch.equal(net.unroll(drawn.inputs).hidden, h_RTBH[0])
            assert torch.equal(net(drawn.inputs), read(views, h_RTBH[0, -1:])[0])


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_states_and_gates_are_those_of_the_equations(kind, code_path):
    trained = untrained(kind)
    net, drawn = network(trained), batch(trained)
    weights = {name: weight.detach() for name, weight in net.named_parameters()}
    unrolled = net.unroll(drawn.inputs)
    state = torch.zeros_like(unrolled.state)
    for t, symbols in enumerate(torch.from_numpy(drawn.inputs).long()):
        one_hot = torch.nn.functional.one_hot(symbols, net.cell.inputs).double()
        h = state[:, : net.cell.hidden]
        for name, gate in unrolled.gates.items():
            by_hand = torch.sigmoid(h @ weights[f"W_h{name}"] + one_hot @ weights[f"W_u{name}"] + weights[f"b_{name}"])
            torch.testing.assert_close(gate[t], by_hand, rtol=1e-12, atol=1e-14)
        h, state = step(kind, weights, one_hot, state)
        torch.testing.assert_close(unrolled.hidden[t], h, rtol=1e-12, atol=1e-14)
        outputs = h @ weights["W_hy"] + weights["b_hy"]
        torch.testing.assert_close(unrolled.outputs[t], outputs, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(unrolled.state, state, rtol=1e-12, atol=1e-14)
    assert set(unrolled.gates) == set(trained.spec.model.gates)


def test_steps_are_the_whole_sequence(trained):
    net, drawn = network(trained), batch(trained)
    whole, state = net.unroll(drawn.inputs), None
    for t, inputs in enumerate(drawn.inputs):
        one = net.step(inputs, state)
        state = one.state
        torch.testing.assert_close(one.outputs, whole.outputs[t], rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(one.hidden, whole.hidden[t], rtol=1e-12, atol=1e-14)
        for name, gate in one.gates.items():
            torch.testing.assert_close(gate, whole.gates[name][t], rtol=1e-12, atol=1e-14)
    middle = drawn.length // 2
    first = net.unroll(drawn.inputs[:middle])
    rest = net.unroll(drawn.inputs[middle:], first.state)
    torch.testing.assert_close(rest.outputs[-1], whole.outputs[-1], rtol=1e-12, atol=1e-14)
    assert net.unroll(drawn.inputs).hidden.shape == (drawn.length, 3, net.cell.hidden)


def test_gradients_are_finite_differences(trained, code_path):
    net, drawn = network(trained), batch(trained)
    pull = torch.from_numpy(np.random.default_rng(1).normal(size=net(drawn.inputs).shape))

    def loss():
        return (net(drawn.inputs) * pull).sum()

    loss().backward()
    rng = np.random.default_rng(2)
    for parameter in net.parameters():
        direction = torch.from_numpy(rng.normal(size=parameter.shape))
        slopes = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter += sign * 1e-5 * direction
                slopes.append(sign * loss().item() / 2e-5)
                parameter -= sign * 1e-5 * direction
        assert (parameter.grad * direction).sum().item() == pytest.approx(sum(slopes), rel=1e-5, abs=1e-7)


def test_a_second_backward_pass_gives_the_same_gradients(trained):
    net, drawn = network(trained), batch(trained)
    loss = net.unroll(drawn.inputs).outputs.square().sum()
    loss.backward(retain_graph=True)
    once = [parameter.grad.clone() for parameter in net.parameters()]
    loss.backward()
    for parameter, gradient in zip(net.parameters(), once, strict=True):
        assert torch.equal(parameter.grad, 2 * gradient)


def test_it_can_be_trained_by_torch():
    torch.manual_seed(0)
    net = network(untrained("gru")).float()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    inputs = torch.arange(12).remainder(6).view(4, 3)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(inputs), torch.tensor([0, 1, 2]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_its_weights_are_a_copy(lab):
    run = lab["cells"]["GRU seed=1"]
    net = run.model("last")
    with torch.no_grad():
        net.W_hh.zero_()
    weights = run.weights("last")
    assert np.abs(weights["W_hh"]).sum() > 0
    weights["W_hh"][:] = 0
    other = run.model("last")
    assert other.W_hh.abs().sum() > 0
    assert other.updates == 70
    assert {name: tuple(w.shape) for name, w in other.state_dict().items()} == {
        name: w.shape for name, w in weights.items()
    }
    assert "gru, inputs=6, hidden=12, outputs=4, updates=70" in repr(other)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.full((3, 2), 6), "symbols are 0 to 5, and one of the inputs is 6"),
        (np.full((3, 2), -1), "one of the inputs is -1"),
        (np.zeros(3, int), "inputs are \\(T, B\\) integers"),
        (np.zeros((0, 3), int), "not \\(0, 3\\)"),
        (np.zeros((3, 2, 4)), "real inputs are \\(T, B, 6\\), not \\(3, 2, 4\\)"),
        (np.array([["a"]]), "inputs are an array of numbers, not array"),
        (torch.zeros(3, 2, dtype=torch.bool), "inputs are \\(T, B\\) integers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, message):
    with pytest.raises(rnnctl.InvalidArgument, match=message):
        network(untrained("rnn"))(inputs)


def test_a_state_that_does_not_fit_is_refused():
    net = network(untrained("lstm"))
    with pytest.raises(rnnctl.InvalidArgument, match="a state is a tensor, as .* not ndarray"):
        net.step(np.zeros(2, int), np.zeros((2, 14)))
    with pytest.raises(rnnctl.InvalidArgument, match="a state is \\(2, 14\\), not \\(2, 7\\)"):
        net.step(np.zeros(2, int), torch.zeros(2, 7))
    with pytest.raises(rnnctl.InvalidArgument, match="inputs of a step are \\(B,\\)"):
        net.step(np.zeros((2, 3), int))


def test_gradients_that_are_not_computed_are_refused():
    net = network(untrained("reals"))
    inputs = torch.zeros(4, 2, net.cell.inputs, dtype=torch.float64, requires_grad=True)
    with pytest.raises(rnnctl.InvalidArgument, match="gradients for inputs are not computed"):
        net(inputs)
    with torch.no_grad():
        net(inputs)
