"""The two models: outputs against torch, gradients against central differences in float64, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnctl.classic import (
    LSTM,
    RelationalRNN,
    compute_numerical_gradient,
    cross_entropy_loss,
    mse_loss,
)
from rnnctl.classic.losses import cross_entropy_gradient, mse_gradient
from rnnctl.errors import InvalidArgument
from tests.classic.models import small_models, sums


@pytest.mark.parametrize("name", small_models())
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_gradients_are_central_differences(name, task):
    model, (X, y) = small_models()[name], sums(6)
    rng = np.random.default_rng(8)
    model.set_params({key: value + 0.3 * rng.standard_normal(value.shape) for key, value in model.get_params().items()})
    loss, derivative = cross_entropy_loss, cross_entropy_gradient
    if task == "regression":
        y, loss, derivative = rng.standard_normal((6, 3)), mse_loss, mse_gradient
    outputs, gradients = model.gradients(X, lambda outputs: derivative(outputs, y))
    assert (outputs == model.forward(X)).all()
    expected = compute_numerical_gradient(model, X, y, loss)
    assert gradients.keys() == model.get_params().keys()
    for key, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[key], rtol=0, atol=1e-9, err_msg=key)
        assert np.abs(gradient).max() > 1e-6, key


def test_the_lstm_is_that_of_torch():
    model, (X, _) = LSTM(3, 5, 2, seed=7), sums(4, steps=9)
    params = model.get_params()
    theirs = torch.nn.LSTM(3, 5, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for kind, name in (("W", "weight_ih_l0"), ("U", "weight_hh_l0"), ("b", "bias_ih_l0")):
            weights = np.concatenate([params[f"{kind}_{gate}"] for gate in "ifgo"], axis=-1)
            getattr(theirs, name).copy_(torch.from_numpy(weights.T.copy()))
        theirs.bias_hh_l0.zero_()
        states, _ = theirs(torch.from_numpy(X))
    expected = states.numpy() @ params["W_out"] + params["b_out"]
    np.testing.assert_allclose(model.forward(X, return_sequences=True), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", small_models())
def test_the_last_step_is_the_last_of_the_sequence(name):
    model, (X, _) = small_models()[name], sums(4)
    every = model.forward(X, return_sequences=True)
    assert every.shape == (4, 5, 3)
    assert (model.forward(X) == every[:, -1]).all()


def test_initial_weights_are_as_described():
    params = LSTM(6, 50, 3, seed=1).get_params()
    for gate in "ifgo":
        np.testing.assert_allclose(params[f"U_{gate}"].T @ params[f"U_{gate}"], np.eye(50), atol=1e-12)
        bound = np.sqrt(6 / 56)
        assert 0.95 * bound < np.abs(params[f"W_{gate}"]).max() <= bound
        assert (params[f"b_{gate}"] == (gate == "f")).all()
    assert (LSTM(6, 50, 3, seed=1).get_params()["U_i"] == params["U_i"]).all()
    assert (LSTM(6, 50, 3, seed=2).get_params()["U_i"] != params["U_i"]).all()


@pytest.mark.parametrize("name", small_models())
def test_parameters_are_copies(name):
    model, (X, _) = small_models()[name], sums(4)
    before = model.forward(X)
    params = model.get_params()
    model.set_params(params)
    for value in (*params.values(), *model.get_params().values()):
        value += 1
    assert (model.forward(X) == before).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSTM(0, 3, 2), "input_size is 0; it must be at least 1"),
        (lambda: LSTM(3, 2.5, 2), "hidden_size must be a whole number, not 2.5"),
        (lambda: RelationalRNN(3, 4, 2, slot_size=6, num_heads=4), "slot_size 6 is not a multiple of num_heads 4"),
        (lambda: RelationalRNN(3, 4, 2, num_slots=5, slot_size=4), "slots would begin equal"),
        (lambda: RelationalRNN(3, 4, 2, initial_memory="zero"), "allowed: identity, zeros"),
        (lambda: LSTM(3, 4, 2).forward(np.zeros((2, 5))), r"X has shape \(2, 5\); it must be \(batch, seq_len, 3\)"),
        (lambda: LSTM(3, 4, 2).forward(np.zeros((2, 5, 4))), r"X has shape \(2, 5, 4\)"),
        (lambda: LSTM(3, 4, 2).forward(np.zeros((2, 0, 3))), r"X has shape \(2, 0, 3\)"),
        (lambda: LSTM(3, 4, 2).set_params({"W": np.zeros(3)}), "missing U_f, .*; unknown W"),
        (
            lambda: LSTM(3, 4, 2).set_params({**LSTM(3, 4, 2).get_params(), "b_i": np.zeros(3)}),
            r"params\['b_i'\] has shape \(3,\); it must be \(4,\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(InvalidArgument, match=message):
        make()
