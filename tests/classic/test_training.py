"""Numerical gradients, stopping, batches and the training loop with models of the user's own; what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from rnnctl.classic import (
    LSTM,
    EarlyStopping,
    clip_gradients,
    compute_numerical_gradient,
    compute_numerical_gradient_fast,
    create_batches,
    cross_entropy_loss,
    evaluate,
    learning_rate_schedule,
    train_model,
    train_step,
)
from rnnctl.classic.losses import cross_entropy_gradient
from rnnctl.errors import InvalidArgument
from rnnctl.schedules.exponential import ExponentialSection
from tests.classic.models import LastStep, sums


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_numerical_gradient_is_the_true_one_in_any_dtype(dtype):
    model, (X, y) = LastStep(3, 3, dtype), sums(12)
    own = model.W
    gradient = compute_numerical_gradient(model, X, y, cross_entropy_loss)
    d_outputs = cross_entropy_gradient(model.forward(X), y)
    np.testing.assert_allclose(gradient["W"], X[:, -1].T @ d_outputs, rtol=0, atol=1e-9)
    np.testing.assert_allclose(gradient["b"], d_outputs.sum(axis=0), rtol=0, atol=1e-9)
    assert model.W.dtype == dtype
    assert np.array_equal(model.W, own)


@pytest.mark.parametrize("function", [compute_numerical_gradient, compute_numerical_gradient_fast])
def test_the_model_has_its_parameters_again_after_an_error(function):
    model, (X, y) = LastStep(3, 3), sums(12)
    own = model.W.copy()
    calls = []

    def failing(predictions, targets):
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError("no")
        return 1.0

    with pytest.raises(RuntimeError, match="no"):
        function(model, X, y, failing)
    assert np.array_equal(model.W, own)


def test_a_model_of_the_user_trains_with_numerical_gradients():
    model = LastStep(3, 3, np.float32)
    X, y = sums(30, steps=1)
    history = train_model(model, (X, y), (X, y), epochs=20, learning_rate=1.0, patience=50, verbose=False)
    assert history["val_metric"][-1] > 0.9
    assert model.W.dtype == np.float32
    assert evaluate(model, X, y)[0] == min(history["val_loss"])


def test_regression_with_one_output():
    X = np.random.default_rng(2).standard_normal((40, 3, 2))
    y = X[:, -1] @ [1.0, -2.0] + 0.5
    model = LastStep(2, 1)
    history = train_model(model, (X, y), epochs=40, learning_rate=0.2, task="regression", verbose=False)
    assert history["train_loss"][-1] < 1e-3
    assert history["train_metric"] == [-loss for loss in history["train_loss"]]
    assert history["val_loss"] == history["val_metric"] == []
    np.testing.assert_allclose(model.W[:, 0], [1, -2], atol=0.05)


def test_fast_training_takes_another_direction_at_every_step():
    """With one direction for all steps, the weights would stay on a line."""
    model, (X, y) = LastStep(3, 3), sums(8)
    places = [model.W.ravel()]
    rng = np.random.default_rng(0)
    for _ in range(3):
        train_step(model, X, y, 0.1, method="fast", seed=rng)
        places.append(model.W.ravel())
    assert np.linalg.matrix_rank(np.diff(places, axis=0)) == 3
    history = train_model(LastStep(3, 3), sums(40, 1), epochs=30, learning_rate=0.05, method="fast", verbose=False)
    assert history["train_loss"][-1] < history["train_loss"][0]


def test_batches_hold_each_sample_once():
    X, y = np.arange(10)[:, None], np.arange(10)
    plain = list(create_batches(X, y, 4, shuffle=False))
    assert [rows.tolist() for _, rows in plain] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    shuffled = [rows.tolist() for _, rows in create_batches(X, y, 4, seed=1)]
    assert [len(rows) for rows in shuffled] == [4, 4, 2]
    assert sorted(sum(shuffled, [])) == list(range(10)) != sum(shuffled, [])
    assert shuffled == [rows.tolist() for _, rows in create_batches(X, y, 4, seed=1)]
    assert all((inputs[:, 0] == rows).all() for inputs, rows in create_batches(X, y, 3))


def test_clipping_leaves_the_given_arrays_alone_and_does_not_overflow():
    grads = {"W": np.array([3e200, 4e200]), "b": np.array([0.0])}
    clipped, norm = clip_gradients(grads, 10.0)
    assert norm == pytest.approx(5e200)
    np.testing.assert_allclose(clipped["W"], [6, 8])
    assert grads["W"][0] == 3e200
    clipped["b"] += 1
    assert grads["b"] == [0]
    assert np.isnan(clip_gradients({"a": np.array([1.0]), "W": np.array([np.nan]), "b": np.array([2.0])})[1])
    assert clip_gradients({"W": np.array([-np.inf, 1.0])})[1] == np.inf
    assert clip_gradients({}) == ({}, 0.0)


def test_the_schedule_is_that_of_a_study():
    """An epoch of the one is an update of the other, and both count their periods from the first."""
    section = ExponentialSection(factor=0.9, period=3, stairs=True)
    for epoch in range(10):
        assert learning_rate_schedule(epoch, 0.02, 0.9, 3) == pytest.approx(section.rate(0.02, epoch + 1), rel=1e-14)


def test_small_improvements_count_once_they_add_up():
    stopping = EarlyStopping(patience=3, min_delta=0.1)
    assert not any(stopping(loss, {"W": np.array([loss])}) for loss in (1.0, 0.95, 0.89, 0.85, 0.8, 0.78))
    assert stopping.best_loss == 0.78
    assert stopping.get_best_params()["W"] == [0.78]


def test_stopping_keeps_copies_and_ignores_nan():
    stopping, weights = EarlyStopping(patience=2), np.array([1.0])
    assert stopping.get_best_params() is None
    assert not stopping(np.nan, {"W": weights})
    assert stopping.get_best_params() is None
    assert not stopping(0.5, {"W": weights})
    weights += 1
    stopping.get_best_params()["W"] += 5
    assert stopping.get_best_params()["W"] == [1.0]
    assert not stopping(np.nan, {"W": weights})
    assert stopping(np.nan, {"W": weights})
    assert stopping.stopped
    assert stopping(0.1, {"W": weights}), "once it has stopped it stays so"


def test_an_improvement_of_just_min_delta_is_none():
    stopping = EarlyStopping(patience=1, min_delta=0.5)
    assert not stopping(1.0, {})
    assert stopping(0.5, {})


def test_divergence_ends_training_with_a_warning_and_the_best_weights():
    class Analytic(LastStep):
        def gradients(self, X, derivative):
            outputs = self.forward(X)
            d_outputs = derivative(outputs)
            return outputs, {"W": X[:, -1].T @ d_outputs, "b": d_outputs.sum(axis=0)}

    model, (X, y) = Analytic(3, 1), sums(8)
    with pytest.warns(RuntimeWarning, match=r"training ended in epoch \d+ of 500: .*not finite") as warned:
        history = train_model(
            model, (X, y), (X, y), 500, learning_rate=20.0, clip_norm=np.inf, lr_decay=1.0, patience=500,
            task="regression", verbose=False,
        )  # fmt: skip
    assert warned[-1].filename == __file__
    assert 0 < len(history["val_loss"]) < 500
    assert len({len(values) for values in history.values()}) == 1
    assert evaluate(model, X, y, "regression")[0] == min(history["val_loss"])


def test_a_step_that_is_not_finite_is_not_made():
    model, (X, y) = LastStep(3, 3), sums(8)
    own = model.W
    model.forward = lambda inputs, return_sequences=False: np.full((len(inputs), 3), np.inf)
    with pytest.raises(FloatingPointError, match="not finite"):
        train_step(model, X, y)
    assert np.array_equal(model.W, own)


def test_progress_is_printed_when_asked_for(capsys):
    train_model(LSTM(3, 4, 3), sums(20), sums(8, seed=9), 30, learning_rate=1e-9, patience=4)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch  1/30: train loss 1.")
    assert "validation loss" in lines[0]
    assert lines[-1] == "stopped: no improvement in 4 epochs"
    train_model(LSTM(3, 4, 3), sums(20), epochs=2, verbose=False)
    assert capsys.readouterr().out == ""


X, Y = sums(8)
WITH_NAN = X.copy()
WITH_NAN[2, 1, 0] = np.nan


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train_model(LSTM(3, 4, 3), (X, Y[:5])), "have 8 and 5 samples; they must be equally many"),
        (lambda: train_model(LSTM(3, 4, 3), (WITH_NAN, Y)), r"train_data X has the value nan at \[2, 1, 0\]"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), (WITH_NAN, Y)), "val_data X has the value nan"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), (X, Y), patience=0), "patience is 0; it must be at least 1"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), epochs=0), "epochs is 0"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), batch_size=0), "batch_size is 0"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), learning_rate=0), "learning_rate is 0; it must be above 0"),
        (
            lambda: train_model(LSTM(3, 4, 3), (X, Y), learning_rate="fast"),
            "learning_rate must be a number, not 'fast'",
        ),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), learning_rate=np.inf), "learning_rate is inf; .* a finite number"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), learning_rate=np.nan), "learning_rate is nan; it must be above 0"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), learning_rate=np.float32("inf")), "learning_rate is inf"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), learning_rate=-0.1), "learning_rate is -0.1; it must be above 0"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), lr_decay=np.nan), "lr_decay is nan; it must be above 0"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), clip_norm=np.nan), "clip_norm is nan; it must be above 0"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), clip_norm=-1), "clip_norm is -1"),
        (lambda: train_step(LSTM(3, 4, 3), X, Y, np.inf), "learning_rate is inf; it must be a finite number"),
        (lambda: learning_rate_schedule(3, np.inf), "initial_lr is inf; it must be a finite number"),
        (lambda: learning_rate_schedule(10**400), "epoch is 1000.*; it must be at most 1,000,000,000"),
        (lambda: EarlyStopping(min_delta=np.inf), "min_delta is inf; it must be a finite number"),
        (lambda: compute_numerical_gradient(LastStep(3, 3), X, Y, cross_entropy_loss, np.inf), "epsilon is inf"),
        (lambda: compute_numerical_gradient_fast(LastStep(3, 3), X, Y, cross_entropy_loss, np.inf), "epsilon is inf"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), lr_decay_every=0), "decay_every is 0"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), task="regresion"), "did you mean regression"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), task=None), "task is None"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), method="exact"), "allowed: auto, analytic, numerical, fast"),
        (lambda: train_model(LastStep(3, 3), (X, Y), method="analytic"), "LastStep has no method gradients"),
        (lambda: train_model(LSTM(3, 4, 3), X), r"train_data must be a pair of arrays, \(X, y\)"),
        (lambda: train_model(LSTM(3, 4, 2), (X, Y)), "targets go from 0 to 2; 2 classes are numbered 0 to 1"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), (X, Y + 1)), "targets go from 1 to 3"),
        (lambda: train_model(LSTM(3, 4, 3), (X[:0], Y[:0])), "at least one sample"),
        (lambda: train_model(LSTM(3, 4, 3), (X, [["a"]] * 8)), "must be an array of numbers"),
        (lambda: train_model(LSTM(3, 4, 3), (X, Y), lr_decay=2), "lr_decay is 2; it must be from 0 to 1"),
        (lambda: clip_gradients([1]), r"grads must be a mapping, not \[1\]"),
        (lambda: clip_gradients({"a": "x"}), r"grads\['a'\] must be an array of numbers, not 'x'"),
        (lambda: LSTM(3, 4, 3).forward("a"), "X must be an array of numbers, not 'a'"),
        (lambda: create_batches(X, Y[:5]), "X and y have 8 and 5 samples"),
        (
            lambda: LSTM(3, 4, 3).gradients(X, lambda outputs: outputs.sum(axis=0)),
            r"derivative returned shape \(3,\); it must be \(8, 3\)",
        ),
        (
            lambda: compute_numerical_gradient(LastStep(3, 3), X, Y, lambda outputs, targets: outputs[:, 0]),
            r"loss_fn returned shape \(8,\); it must return one number",
        ),
        (lambda: EarlyStopping(patience=0), "patience is 0"),
        (lambda: EarlyStopping(min_delta=-1), "min_delta is -1"),
        (lambda: EarlyStopping(min_delta=np.nan), "min_delta is nan"),
        (lambda: clip_gradients({}, 0), "max_norm is 0; it must be above 0"),
        (lambda: learning_rate_schedule(-1), "epoch is -1"),
        (lambda: learning_rate_schedule(1.5), "epoch must be a whole number"),
        (lambda: compute_numerical_gradient(LastStep(3, 3), X, Y, cross_entropy_loss, 0), "epsilon is 0"),
        (lambda: compute_numerical_gradient_fast(LastStep(3, 3), X, Y, cross_entropy_loss, directions=0), "directions"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_step(call, message, monkeypatch):
    monkeypatch.setattr(LSTM, "set_params", lambda *_: pytest.fail("a step was made"))
    with pytest.raises(InvalidArgument, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_a_model_without_parameters_or_with_another_shape_is_refused():
    model = LastStep(3, 3)
    model.get_params = dict
    with pytest.raises(InvalidArgument, match="no parameters"):
        train_step(model, X, Y)
    model = LastStep(3, 3)
    model.forward = lambda inputs, return_sequences=False: np.zeros(3)
    with pytest.raises(InvalidArgument, match=r"LastStep.forward returned shape \(3,\) for 1 sample"):
        train_model(model, (X, Y))
