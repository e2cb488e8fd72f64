"""What the library that rnnctl.classic follows does wrongly, and rnnctl.classic does not: a test each."""

from __future__ import annotations

import numpy as np
import pytest

from rnnctl.classic import (
    LSTM,
    RelationalRNN,
    compute_numerical_gradient,
    compute_numerical_gradient_fast,
    cross_entropy_loss,
    evaluate,
    train_model,
    train_step,
)
from tests.classic.models import LastStep, sums

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.05, 0.05, 0.9]])


def test_probabilities_are_not_taken_for_logits_in_silence():
    with pytest.warns(UserWarning, match="from_logits=False") as warned:
        cross_entropy_loss(PROBABILITIES, [0, 2])
    assert warned[0].filename == __file__  # the line of the caller is shown
    loss = cross_entropy_loss(PROBABILITIES, [0, 2], from_logits=False)
    assert loss == pytest.approx(-(np.log(0.7) + np.log(0.9)) / 2)


def test_the_fast_gradient_has_the_right_size():
    """The mean over many directions is the gradient itself, with a bound from the variance of the estimate."""
    model, (X, y) = LastStep(3, 3), sums(20)
    exact = compute_numerical_gradient(model, X, y, cross_entropy_loss)
    directions = 4_000
    mean = compute_numerical_gradient_fast(model, X, y, cross_entropy_loss, directions=directions)
    for name, gradient in exact.items():
        expected_error = np.sqrt((gradient.size + 1) / directions) * np.linalg.norm(gradient)
        assert np.linalg.norm(mean[name] - gradient) < 3 * expected_error
        # A size that were off by the norm of a normal direction, about sqrt(n), would be far outside.
        assert expected_error < 0.1 * np.linalg.norm(gradient)


def test_the_fast_gradient_is_seeded():
    model, (X, y) = LastStep(3, 3), sums(20)

    def estimate(seed):
        return compute_numerical_gradient_fast(model, X, y, cross_entropy_loss, seed=seed)["W"]

    assert (estimate(5) == estimate(5)).all()
    assert (estimate(5) != estimate(6)).all()
    rng = np.random.default_rng(5)
    assert (estimate(rng) != estimate(rng)).all()


def test_training_does_not_use_a_noisy_gradient_unless_asked():
    X, y = sums(20)
    steps = {}
    for method in ("auto", "numerical", "fast"):
        model = LastStep(3, 3)
        train_step(model, X, y, 0.1, method=method)
        steps[method] = model.W
    assert (steps["auto"] == steps["numerical"]).all()
    assert (steps["auto"] != steps["fast"]).all()


@pytest.mark.parametrize(("epochs", "patience"), [(10, 100), (10, 3)], ids=["epochs run out", "stopping fires"])
def test_the_best_weights_are_restored_whether_or_not_stopping_fired(epochs, patience):
    model, train, valid = LSTM(3, 8, 3), sums(20), sums(20, seed=9)
    history = train_model(model, train, valid, epochs, learning_rate=4.0, patience=patience, verbose=False)
    best = int(np.argmin(history["val_loss"]))
    assert best < len(history["val_loss"]) - 1, "the last epoch is the best: this tests nothing"
    assert evaluate(model, *valid) == (history["val_loss"][best], history["val_metric"][best])


def test_a_last_batch_that_is_smaller_has_a_smaller_weight():
    model, (X, y) = LastStep(3, 3), sums(9)
    assert evaluate(model, X, y, batch_size=4)[0] == pytest.approx(evaluate(model, X, y, batch_size=9)[0], rel=1e-13)


def test_training_is_the_same_every_time():
    histories = [
        train_model(LSTM(3, 4, 3), sums(20), sums(8, seed=9), 3, batch_size=8, verbose=False) for _ in range(2)
    ]
    assert histories[0] == histories[1]


def test_slots_of_the_relational_memory_differ():
    X, _ = sums(4)
    memory = RelationalRNN(3, 5, 3, num_slots=4, slot_size=6).memories(X)
    for one in range(4):
        for other in range(one):
            assert np.abs(memory[:, -1, one] - memory[:, -1, other]).max() > 1e-3
    # A memory that begins at zero keeps all slots but the first equal for ever.
    memory = RelationalRNN(3, 5, 3, num_slots=4, slot_size=6, initial_memory="zeros").memories(X)
    np.testing.assert_allclose(memory[:, :, 2:], memory[:, :, 1:2].repeat(2, axis=2), rtol=0, atol=1e-15)
    assert np.abs(memory[:, -1, 0] - memory[:, -1, 1]).max() > 1e-3


def test_the_lstm_of_the_relational_network_reads_the_memory():
    X, _ = sums(4)
    for feedback in (True, False):
        model = RelationalRNN(3, 5, 3, num_slots=4, slot_size=6, feedback=feedback)
        params = model.get_params()
        _, (_, before) = model._forward(X)
        model.set_params({**params, "W_n": 2 * params["W_n"]})
        _, (_, after) = model._forward(X)
        assert (before[0].lstm.h == after[0].lstm.h).all()
        assert (before[-1].lstm.h != after[-1].lstm.h).all() == feedback
