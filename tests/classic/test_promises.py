"""The ten promises that the library makes which rnnctl.classic follows: a test each."""

from __future__ import annotations

import numpy as np
import pytest

from rnnctl.classic import (
    LSTM,
    EarlyStopping,
    clip_gradients,
    cross_entropy_loss,
    evaluate,
    learning_rate_schedule,
    mse_loss,
    train_model,
    train_step,
)
from tests.classic.models import small_models, sums


def test_cross_entropy_perfect_predictions_give_near_zero_loss():
    targets = np.array([0, 2, 1])
    assert cross_entropy_loss(50 * np.eye(3)[targets], targets) < 1e-20


def test_mse_perfect_predictions_give_zero_loss():
    y = np.random.default_rng(0).standard_normal((4, 2))
    assert mse_loss(y, y) == 0


def test_sparse_and_one_hot_targets_give_identical_results():
    predictions = np.random.default_rng(0).standard_normal((20, 5))
    targets = np.arange(20) % 5
    assert cross_entropy_loss(predictions, targets) == cross_entropy_loss(predictions, np.eye(5)[targets])


def test_gradient_clipping_small_gradients_unchanged_large_gradients_clipped_to_max_norm():
    small = {"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])}
    for bound in (5.0, 5.1, 50.0):
        clipped, norm = clip_gradients(small, max_norm=bound)
        assert norm == 5.0
        assert all((clipped[name] == small[name]).all() for name in small)
    large = {name: 100 * value for name, value in small.items()}
    clipped, norm = clip_gradients(large, max_norm=5.0)
    assert norm == 500.0
    np.testing.assert_allclose(clipped["W"], [[3.0, 0.0]])
    np.testing.assert_allclose(clipped["b"], [4.0])


def test_learning_rate_schedule_exponential_decay_works_correctly():
    assert [learning_rate_schedule(epoch) for epoch in (0, 9, 10, 25)] == pytest.approx(
        [0.001, 0.001, 0.001 * 0.95, 0.001 * 0.95**2], rel=1e-15
    )
    assert learning_rate_schedule(7, initial_lr=0.5, decay=0.1, decay_every=3) == pytest.approx(0.005)


def test_early_stopping_stops_after_patience_epochs_without_improvement():
    stopping = EarlyStopping(patience=3, min_delta=0.1)
    losses = [1.0, 0.5, 0.45, 0.5, 0.6, 0.1]
    answers = [stopping(loss, {"W": np.array([loss])}) for loss in losses[:5]]
    assert answers == [False, False, False, False, True]
    assert stopping.get_best_params()["W"] == [0.45]


@pytest.mark.parametrize("name", small_models())
def test_single_step_parameters_update_correctly(name):
    model, (X, y) = small_models()[name], sums(8)
    before = model.get_params()
    loss, metric, norm = train_step(model, X, y, learning_rate=0.01, clip_norm=1e9)
    _, slopes = model.gradients(X, lambda outputs: np.zeros_like(outputs))
    assert all((slope == 0).all() for slope in slopes.values())
    moved = np.sqrt(sum(((model.get_params()[name] - before[name]) ** 2).sum() for name in before))
    assert moved == pytest.approx(0.01 * norm, rel=1e-9)
    assert (loss, metric) > (0, 0)
    assert evaluate(model, X, y)[0] == pytest.approx(loss - 0.01 * norm**2, abs=0.3 * 0.01 * norm**2)  # Taylor


@pytest.mark.parametrize("name", small_models())
def test_evaluation_works_without_parameter_updates(name):
    model, (X, y) = small_models()[name], sums(10)
    before = model.get_params()
    loss, metric = evaluate(model, X, y, batch_size=4)
    assert loss == pytest.approx(cross_entropy_loss(model.forward(X), y), rel=1e-12)
    assert 0 <= metric <= 1
    assert all((model.get_params()[name] == before[name]).all() for name in before)


@pytest.mark.parametrize("name", small_models())
def test_full_training_loss_decreases_over_epochs(name):
    history = train_model(small_models()[name], sums(), sums(seed=9), epochs=15, learning_rate=0.5, verbose=False)
    assert history["train_loss"][-1] < 0.7 * history["train_loss"][0]
    assert history["train_metric"][-1] > history["train_metric"][0]


def test_history_tracking_all_metrics_recorded_correctly():
    model, train, valid = LSTM(3, 4, 3), sums(10), sums(7, seed=9)
    history = train_model(model, train, valid, epochs=3, batch_size=4, lr_decay=0.5, lr_decay_every=2, verbose=False)
    assert list(history) == ["train_loss", "train_metric", "val_loss", "val_metric", "learning_rates", "grad_norms"]
    assert history["learning_rates"] == [0.001, 0.001, 0.0005]

    again, rng = LSTM(3, 4, 3), np.random.default_rng(0)
    for epoch in range(3):
        order = rng.permutation(10)
        steps = [
            train_step(again, train[0][rows], train[1][rows], history["learning_rates"][epoch])
            for rows in (order[:4], order[4:8], order[8:])
        ]
        loss, metric, _ = (sum(n * step[k] for n, step in zip((4, 4, 2), steps, strict=True)) / 10 for k in range(3))
        assert (history["train_loss"][epoch], history["train_metric"][epoch]) == pytest.approx((loss, metric))
        assert history["grad_norms"][epoch] == pytest.approx(sum(step[2] for step in steps) / 3)
        assert (history["val_loss"][epoch], history["val_metric"][epoch]) == pytest.approx(evaluate(again, *valid))
