"""Omega and its gradient against autograd with h_t and d_t held constant, in float64."""

import numpy as np
import pytest
import torch

from rnnctl.cells.base.activations import ACTIVATIONS
from rnnctl.cells.rnn.omega import omega
from rnnctl.diagnostics.gradients import reach
from tests.cells.rnn_passes import both_tapes, pass_through, problem, through
from tests.oracles import omega_value, rnn_loss


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "identity"])
@pytest.mark.parametrize("lengths", [[9], [12, 7, 1]])
def test_omega_and_its_gradient_equal_autograd_with_constant_signals(activation, lengths):
    rng = np.random.default_rng(11)
    model, flat, symbols, targets = problem(rng, lengths, activation=activation, batch=4, scale=0.6)
    _, _, tape = through(model, flat, symbols, targets)
    for i in range(len(lengths)):
        leaf = flat[i : i + 1].clone().requires_grad_()
        weights = {name: w[0] for name, w in model.layout.views(leaf).items()}
        loss, states = rnn_loss(weights, symbols[i], targets[i], activation)
        loss.backward()
        w_hh = weights["W_hh"].detach().clone().requires_grad_()
        expected, share = omega_value(w_hh, states, [h.grad for h in states], activation, 1e-20)
        expected.backward()

        actual = omega(tape.d(i), tape.carried(i), 1e-20)
        gradient = torch.einsum("tbj,tbi->ji", actual.extra_TBH, tape.delta(i))
        torch.testing.assert_close(actual.value, expected.detach(), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradient, w_hh.grad, rtol=1e-9, atol=1e-11)
        assert reach(tape.d(i), 1e-20).item() == pytest.approx(share)


@both_tapes
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "identity"])
def test_alpha_adds_its_share_to_the_recurrent_gradient_alone(kind, activation):
    rng = np.random.default_rng(12)
    model, flat, symbols, targets = problem(rng, [8, 5], activation=activation, scale=0.6)
    _, plain_flat, tape = through(model, flat, symbols, targets, kind)
    regularised_flat = torch.full_like(plain_flat, float("nan"))
    plain, regularised = model.layout.views(plain_flat), model.layout.views(regularised_flat)
    alphas = [0.5, 0.0]
    _, values = pass_through(
        tape, model.layout.views(flat), symbols, targets, regularised, [(a, 1e-20) for a in alphas]
    )
    for i, alpha in enumerate(alphas):
        actual = omega(tape.d(i), tape.carried(i), 1e-20)
        slopes = ACTIVATIONS[activation].slope(tape.h(i)[1:], torch.empty_like(tape.h(i)[1:]))
        gradient = torch.einsum("tbj,tbi->ji", actual.extra_TBH, tape.d(i)[1:] * slopes)
        assert values[i] == (pytest.approx(actual.value.item(), rel=1e-11) if alpha else 0)
        expected = plain["W_hh"][i] + alpha * gradient
        torch.testing.assert_close(regularised["W_hh"][i], expected, rtol=1e-9, atol=1e-12)
    for name in ("W_uh", "b_hh", "W_hy", "b_hy"):
        assert torch.equal(plain[name], regularised[name])


def test_steps_below_the_bound_do_not_count():
    d = torch.ones(4, 2, 3, dtype=torch.float64)
    d[2, 1] = 1e-12  # |d|^2 = 3e-24 at t = 2 in the second sequence
    actual = omega(d, d[:-1], 1e-20)
    assert reach(d, 1e-20).item() == pytest.approx(5 / 6)
    # Ratios are 1 but where step 3 of the second sequence hands on next to nothing: r = 1e-24, an excess of -1 in
    # five steps.
    assert actual.value.item() == pytest.approx(1 / 5)


def test_a_gradient_that_reaches_nothing_has_omega_zero():
    d = torch.zeros(5, 2, 3)
    actual = omega(d, d[:-1], 1e-20)
    assert (actual.value.item(), reach(d, 1e-20).item()) == (0.0, 0.0)
    assert not actual.extra_TBH.any()


def test_an_orthogonal_recurrence_without_slope_keeps_the_norm():
    """With phi the identity and W_hh orthogonal, every step hands on exactly the norm that it received."""
    rng = np.random.default_rng(13)
    model, flat, symbols, targets = problem(rng, [10], activation="identity", hidden=6)
    q, _ = torch.linalg.qr(torch.from_numpy(rng.standard_normal((6, 6))))
    model.layout.views(flat)["W_hh"][0] = q
    _, _, tape = through(model, flat, symbols, targets)
    assert omega(tape.d(0), tape.carried(0), 1e-20).value.item() == pytest.approx(0, abs=1e-24)
