"""Gradient horizon: norms are those of autograd through single steps' losses, horizons those of closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss

from rnnctl.probes.base import QuestionError
from rnnctl.probes.gradient_horizon import GradientHorizon, horizon, mean_norms
from rnnctl.probes.sequences import held_out
from rnnctl.study.run import RunSpec
from rnnctl.training.member import network_of
from tests.cells.plain_gated import PlainGated
from tests.probes.texts import answer_of, layout_of, random_weights, spec
from tests.training.equations import step as cell_step


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_text("".join(f"{n} is {n * n}, " for n in range(300)))
    return path


def loss_of(question, y, target):
    if question.loss == "squared_error":
        return mse_loss(y[:, 0], target, reduction="sum")
    return cross_entropy(y, target, reduction="sum")


def by_autograd(one, flat, batch, question, lags, ends):
    """g_k from one backward pass for each loss, through states that have a summand of zeros each."""
    model = network_of(one.model, one.task.make())
    inputs = torch.from_numpy(batch.inputs.astype(np.int64))
    inputs = torch.nn.functional.one_hot(inputs, model.inputs).double()
    targets, size = torch.from_numpy(batch.targets), one.model.hidden
    w = {name: x[0] for name, x in layout_of(one).views(flat[None]).items()}
    added, outputs = [], []
    state = torch.zeros(inputs.shape[1], size * (1 + (one.model.name == "lstm")), dtype=torch.float64)
    for u in inputs:
        h, state = cell_step(one.model.name, w, u, state)
        added.append(torch.zeros_like(h, requires_grad=True))
        h = h + added[-1]
        state = torch.cat([h, state[:, size:]], 1)
        outputs.append(h @ w["W_hy"] + w["b_hy"])
    norms = torch.zeros(lags + 1, dtype=torch.float64)
    for end in ends:
        target = targets[end - 1] if question.every_step else targets
        loss = loss_of(question, outputs[end - 1], target)
        grads = torch.autograd.grad(loss, added[end - 1 - lags : end], retain_graph=True)
        norms += torch.stack([grad.norm(dim=1).mean() for grad in reversed(grads)])
    return (norms / len(ends)).numpy()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_norms_are_those_of_autograd_through_the_loss_of_each_step(path, cell):
    one = spec(path, cell)
    flat, task = random_weights(one), one.task.make()
    batch = held_out(one, 12, 4, seed=3)
    actual = mean_norms(network_of(one.model, task), task.question, layout_of(one).views(flat[None]), batch, 5)
    expected = by_autograd(one, flat, batch, task.question, 5, range(6, 13))
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


def test_a_layered_cell_answers_for_its_states(path):
    """From lag 1 on, the gradient by the state between two steps."""
    one = spec(path, "gated", layers=1)
    flat, task = random_weights(one), one.task.make()
    batch, plain = held_out(one, 9, 3, seed=3), PlainGated(network_of(one.model, task)).double().load(flat)
    actual = mean_norms(network_of(one.model, task), task.question, layout_of(one).views(flat[None]), batch, 4)
    state, added, outputs = torch.zeros(3, one.model.hidden, dtype=torch.float64), [], []
    for u in torch.from_numpy(batch.inputs.astype(np.int64)):
        out, (state,), _ = plain.step(u, [state])
        outputs.append(plain.head(out))
        added.append(torch.zeros_like(state, requires_grad=True))
        state = state + added[-1]
    norms = []
    for end in range(5, 10):
        loss = cross_entropy(outputs[end - 1], torch.from_numpy(batch.targets[end - 1]), reduction="sum")
        grads = torch.autograd.grad(loss, added[end - 5 : end - 1], retain_graph=True)
        norms.append([float(grad.norm(dim=1).mean()) for grad in reversed(grads)])
    np.testing.assert_allclose(actual[1:], np.mean(norms, 0), rtol=1e-9)


@pytest.mark.parametrize("name", ["temporal_order", "addition"])
def test_a_task_with_one_answer_has_the_loss_of_its_last_step(name):
    one = RunSpec.model_validate(
        {"task": {"name": name, "min_length": 12, "max_length": 12}, "model": {"hidden": 7, "init": "xavier"}}
    )
    task = one.task.make()
    model = network_of(one.model, task)
    flat = 0.6 * torch.from_numpy(np.random.default_rng(1).standard_normal(model.layout.size))
    (question,) = GradientHorizon(samples=6).questions(one)
    batch = held_out(one, question["length"], 6, seed=1)
    actual = answer_of(one, flat, GradientHorizon(samples=6))["norms"]
    assert len(actual) == len(batch.inputs) == question["lags"] + 1
    w = {key: x[0] for key, x in model.layout.views(flat[None]).items()}
    inputs = torch.from_numpy(batch.inputs)
    inputs = inputs if inputs.is_floating_point() else torch.nn.functional.one_hot(inputs.long(), model.inputs)
    h, states = torch.zeros(6, 7, dtype=torch.float64), []
    for u in inputs.double():
        h = torch.tanh(h @ w["W_hh"] + u @ w["W_uh"] + w["b_hh"])
        h.requires_grad_().retain_grad()
        states.append(h)
    targets = torch.from_numpy(batch.targets)
    targets = targets.double() if task.question.loss == "squared_error" else targets
    loss_of(task.question, h @ w["W_hy"] + w["b_hy"], targets).backward()
    np.testing.assert_allclose(actual, [float(h.grad.norm(dim=1).mean()) for h in reversed(states)], rtol=1e-9)


@pytest.mark.parametrize("scale", [0.9, 0.7, 1.02])
def test_a_linear_network_of_a_scaled_orthogonal_matrix_has_the_horizon_of_its_scale(path, scale):
    one = spec(path, activation="identity", hidden=8)
    flat = random_weights(one)
    views, rng = layout_of(one).views(flat[None]), np.random.default_rng(2)
    views["W_hh"][0] = scale * torch.from_numpy(np.linalg.qr(rng.standard_normal((8, 8)))[0])
    answer = answer_of(one, flat, GradientHorizon(lags=40, samples=10))
    ratios = np.array(answer["norms"]) / answer["norms"][0]
    np.testing.assert_allclose(ratios, scale ** np.arange(41.0), rtol=1e-9)
    assert answer["share_10"] == pytest.approx(scale**10)
    for name, share in (("tenth", 0.1), ("twentieth", 0.05)):
        expected = math.log(share) / math.log(scale)
        assert answer[name] == (None if scale > 1 else pytest.approx(expected, rel=1e-9))


def test_a_horizon_is_the_first_crossing_in_log_g():
    assert horizon(np.array([1.0, 0.2, 0.02, 0.5, 0.01]), 0.1) == pytest.approx(1 + math.log(2) / math.log(10))
    assert horizon(np.array([1.0, 0.0]), 0.1) == 1
    assert horizon(np.array([1.0, 0.1]), 0.1) is None
    assert horizon(np.array([0.0, 0.0]), 0.1) is None
    assert horizon(np.array([1.0, np.inf]), 0.1) is None


def test_outputs_that_are_not_finite_are_told(path):
    one = spec(path)
    flat, task = random_weights(one), one.task.make()
    layout_of(one).views(flat[None])["b_hy"][:] = math.inf
    batch, views = held_out(one, 12, 4, seed=3), layout_of(one).views(flat[None])
    with pytest.raises(FloatingPointError, match="not finite"):
        mean_norms(network_of(one.model, task), task.question, views, batch, 5)


def test_lags_follow_the_task(path):
    text, short = spec(path, window=12), {"min_length": 20, "max_length": 30}
    order = RunSpec.model_validate({"task": {"name": "temporal_order", **short}})
    each = RunSpec.model_validate({"task": {"name": "memorization", **short}})
    rest = {"samples": 100, "seed": 1}
    assert GradientHorizon().questions(text) == [{"lags": 50, "length": 62, **rest}]
    assert GradientHorizon(lags=7).questions(text) == [{"lags": 7, "length": 19, **rest}]
    assert GradientHorizon().questions(order) == [{"lags": 29, "length": 30, **rest}]
    assert GradientHorizon().questions(each) == [{"lags": 49, "length": 50, **rest}]
    with pytest.raises(QuestionError, match="sequences of 30 steps have lags up to 29"):
        GradientHorizon(lags=30).questions(order)


def test_a_split_that_is_too_short_is_told(path):
    one = spec(path)
    with pytest.raises(QuestionError, match="the test split has .* symbols"):
        answer_of(one, random_weights(one), GradientHorizon(lags=1_000))


def test_at_most_so_many_losses_of_a_sequence_are_carried_back_evenly_spaced(path):
    """With one step in two the mean is that over these steps."""
    one = spec(path, window=45)
    flat, task = random_weights(one), one.task.make()
    batch = held_out(one, 43, 3, seed=3)
    actual = mean_norms(network_of(one.model, task), task.question, layout_of(one).views(flat[None]), batch, 4)
    ends = np.linspace(5, 43, 20).round().astype(int)
    np.testing.assert_allclose(actual, by_autograd(one, flat, batch, task.question, 4, ends), rtol=1e-9)
