"""Backpropagation through time against autograd on per-step tensors, finite differences, torch.nn.RNN; in float64."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from rnnctl.cells.rnn.equations import RnnTape
from tests.cells.rnn_passes import both_tapes, pass_through, problem, tape_for, through
from tests.examples import examples
from tests.oracles import rnn_loss

ACTIVATIONS = ["tanh", "sigmoid", "relu", "identity"]


@both_tapes
@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    hidden=st.integers(1, 9),
    batch=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
@example(lengths=[12, 3, 1, 1], hidden=8, batch=4, seed=121)
@examples(25)
def test_every_gradient_equals_autograd_on_per_step_tensors(kind, activation, lengths, hidden, batch, seed):
    lengths = sorted(lengths, reverse=True)
    rng = np.random.default_rng(seed)
    model, flat, symbols, targets = problem(rng, lengths, hidden=hidden, batch=batch, activation=activation)
    losses, grads_flat, tape = through(model, flat, symbols, targets, kind)
    for i, length in enumerate(lengths):
        leaf = flat[i : i + 1].clone().requires_grad_()
        weights = {name: w[0] for name, w in model.layout.views(leaf).items()}
        loss, states = rnn_loss(weights, symbols[i], targets[i], activation)
        loss.backward()
        torch.testing.assert_close(losses[i], loss.detach(), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(grads_flat[i], leaf.grad[0], rtol=1e-10, atol=1e-12)
        largest = max(float(h.grad.abs().max()) for h in states)
        for t, h in enumerate(states):
            torch.testing.assert_close(tape.h(i)[t], h.detach(), rtol=1e-12, atol=1e-12)
            # Small entries are differences of large ones where the gradient grows on its way back.
            torch.testing.assert_close(tape.d(i)[t], h.grad, rtol=1e-10, atol=1e-13 * max(1.0, largest))
        assert len(tape.h(i)) == len(tape.d(i)) == length + 1


@both_tapes
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_through_time_equals_finite_differences(kind, activation):
    rng = np.random.default_rng(3)
    scale = 2.0 if activation == "sigmoid" else 0.6
    model, flat, symbols, targets = problem(rng, [9], activation=activation, scale=scale)
    _, _, tape = through(model, flat, symbols, targets, kind)
    weights = {name: w[0] for name, w in model.layout.views(flat).items()}

    def loss_from(h, t):
        """The loss when the recurrence goes on from a given h_t."""
        one_hot = torch.nn.functional.one_hot(symbols[0], model.inputs).double()
        phi = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "identity": lambda a: a}[activation]
        for u in one_hot[t:]:
            h = phi(h @ weights["W_hh"] + u @ weights["W_uh"] + weights["b_hh"])
        return torch.nn.functional.cross_entropy(h @ weights["W_hy"] + weights["b_hy"], targets[0])

    eps = 1e-5
    for t in range(10):
        h = tape.h(0)[t]
        assert tape.d(0)[t].abs().max() > 1e-5  # far above what differences can resolve
        for b, j in [(0, 0), (1, 3), (2, 6)]:
            bump = torch.zeros_like(h)
            bump[b, j] = eps
            measured = (loss_from(h + bump, t) - loss_from(h - bump, t)) / (2 * eps)
            assert measured.item() == pytest.approx(tape.d(0)[t, b, j].item(), rel=1e-5, abs=1e-9)


def test_weight_gradients_equal_finite_differences():
    rng = np.random.default_rng(4)
    model, flat, symbols, targets = problem(rng, [6, 4], hidden=4)
    _, grads, _ = through(model, flat, symbols, targets)
    eps = 1e-6
    for entry in range(model.layout.size):
        bump = torch.zeros_like(flat)
        bump[:, entry] = eps
        up, _, _ = through(model, flat + bump, symbols, targets)
        down, _, _ = through(model, flat - bump, symbols, targets)
        torch.testing.assert_close(grads[:, entry], (up - down) / (2 * eps), rtol=1e-6, atol=1e-9)


@both_tapes
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_hidden_states_equal_torch_nn_rnn(kind, activation):
    rng = np.random.default_rng(5)
    model, flat, symbols, _ = problem(rng, [11], hidden=8, batch=5, activation=activation)
    weights = {name: w[0] for name, w in model.layout.views(flat).items()}
    rnn = torch.nn.RNN(model.inputs, model.hidden, nonlinearity=activation).double()
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(weights["W_uh"].T)
        rnn.weight_hh_l0.copy_(weights["W_hh"].T)
        rnn.bias_ih_l0.copy_(weights["b_hh"])
        rnn.bias_hh_l0.zero_()
        expected, _ = rnn(torch.nn.functional.one_hot(symbols[0], model.inputs).double())
    tape = tape_for(kind, model, symbols)
    tape.forward(model.layout.views(flat), symbols)
    torch.testing.assert_close(tape.h(0)[1:], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_forward_pass_of_validation_goes_through_the_same_hidden_states(activation):
    rng = np.random.default_rng(6)
    model, flat, symbols, _ = problem(rng, [9, 9, 9], activation=activation)
    weights = model.layout.views(flat)
    tape = tape_for(RnnTape, model, [symbols[0]] * 3)
    tape.forward(weights, [symbols[0]] * 3)
    for t, h in enumerate(model.steps(weights, symbols[0]), start=1):
        torch.testing.assert_close(h, tape.h_RTBH[:, t], rtol=0, atol=0)


def test_the_gradient_reaches_every_step_and_is_not_the_gradient_of_a_copy():
    """With the loss at the last step alone, dL/dh_t of a dead-end copy would be exactly zero for every t < T."""
    rng = np.random.default_rng(7)
    model, flat, symbols, targets = problem(rng, [12], hidden=10)
    _, _, tape = through(model, flat, symbols, targets)
    assert (tape.d(0).square().sum((1, 2)) > 0).all()


@both_tapes
def test_a_rows_gradients_do_not_depend_on_stale_buffers(kind):
    rng = np.random.default_rng(8)
    model, flat, symbols, targets = problem(rng, [10, 3])
    tape = tape_for(kind, model, symbols)
    for name, buffer in vars(tape).items():
        if isinstance(buffer, torch.Tensor):
            (buffer[:, 1:] if name == "h_RTBH" else buffer).fill_(float("nan"))
    grads_flat = torch.full_like(flat, float("nan"))
    pass_through(tape, model.layout.views(flat), symbols, targets, model.layout.views(grads_flat))
    _, expected, _ = through(model, flat, symbols, targets, kind)
    torch.testing.assert_close(grads_flat, expected, rtol=0, atol=0)
