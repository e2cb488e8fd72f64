"""Losses and their gradients against torch, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnctl.classic import accuracy, cross_entropy_loss, mse_loss, softmax
from rnnctl.classic.losses import cross_entropy_gradient, mse_gradient
from rnnctl.errors import InvalidArgument

RNG = np.random.default_rng(4)
LOGITS = 5 * RNG.standard_normal((30, 7))
TARGETS = RNG.integers(0, 7, 30)


def by_torch(loss, predictions, targets):
    y = torch.tensor(predictions, requires_grad=True)
    value = loss(y, torch.tensor(targets))
    value.backward()
    return value.item(), y.grad.numpy()


@pytest.mark.parametrize("targets", [TARGETS, np.eye(7)[TARGETS], softmax(RNG.standard_normal((30, 7)))])
def test_cross_entropy_is_that_of_torch(targets):
    value, gradient = by_torch(torch.nn.functional.cross_entropy, LOGITS, targets)
    assert cross_entropy_loss(LOGITS, targets) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(cross_entropy_gradient(LOGITS, targets), gradient, rtol=0, atol=1e-16)


def test_mse_is_that_of_torch():
    wanted = RNG.standard_normal((30, 7))
    value, gradient = by_torch(torch.nn.functional.mse_loss, LOGITS, wanted)
    assert mse_loss(LOGITS, wanted) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(mse_gradient(LOGITS, wanted), gradient, rtol=1e-14)


def test_sequences_of_answers_are_averaged_over_all():
    logits, targets = LOGITS.reshape(5, 6, 7), TARGETS.reshape(5, 6)
    assert cross_entropy_loss(logits, targets) == pytest.approx(cross_entropy_loss(LOGITS, TARGETS), rel=1e-15)
    assert accuracy(logits, targets) == accuracy(LOGITS, TARGETS)


def test_softmax_is_that_of_torch_and_does_not_overflow():
    np.testing.assert_allclose(softmax(LOGITS), torch.tensor(LOGITS).softmax(1).numpy(), rtol=1e-14)
    assert (softmax([1e4, 0.0, -1e4]) == [1, 0, 0]).all()
    np.testing.assert_allclose(softmax(LOGITS, axis=0).sum(axis=0), 1)


def test_cross_entropy_of_extreme_logits_is_finite():
    assert cross_entropy_loss([[1e5, 0.0]], [1]) == 1e5
    assert cross_entropy_loss([[1e5, 0.0]], [0]) == 0
    assert cross_entropy_loss([[-np.inf, 0.0]], [[0.0, 1.0]]) == 0
    assert cross_entropy_loss([[0.0, 1.0]], [0], from_logits=False) == np.inf


def test_accuracy_is_a_share_of_right_answers():
    y = [[1.0, 2.0], [3.0, 0.0], [0.0, 0.5], [np.nan, 0.0]]
    assert accuracy(y, [1, 0, 0, 0]) == 0.5
    assert accuracy(y, np.eye(2)[[1, 0, 0, 0]]) == 0.5


def test_a_last_axis_of_length_one_may_be_missing_from_targets():
    assert mse_loss([[1.0], [3.0]], [1.0, 1.0]) == 2.0


@pytest.mark.parametrize(
    ("function", "predictions", "targets", "message"),
    [
        (cross_entropy_loss, LOGITS, TARGETS[:5], r"targets have shape \(5,\); predictions of shape \(30, 7\) need"),
        (cross_entropy_loss, LOGITS, TARGETS[:, None], r"shape \(30, 1\)"),
        (cross_entropy_loss, LOGITS, TARGETS + 1, "7 classes are numbered 0 to 6"),
        (cross_entropy_loss, LOGITS, TARGETS - 1, "7 classes are numbered 0 to 6"),
        (cross_entropy_loss, LOGITS, TARGETS + 0.5, "not whole numbers"),
        (cross_entropy_loss, LOGITS, np.full(30, np.nan), "not whole numbers"),
        (cross_entropy_loss, LOGITS, np.ones((30, 7)), "do not sum to 1"),
        (cross_entropy_loss, np.zeros((0, 3)), [], "not empty"),
        (accuracy, LOGITS, TARGETS[:5], r"shape \(5,\)"),
        (mse_loss, LOGITS, LOGITS[:, :1], "must be equal"),
        (mse_loss, np.zeros((4, 2)), np.zeros(4), "must be equal"),
        (mse_loss, np.zeros((4, 1)), np.zeros((1, 4)), "must be equal"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(function, predictions, targets, message):
    with pytest.raises(InvalidArgument, match=message) as error:
        function(predictions, targets)
    assert "\n" not in str(error.value)


def test_logits_are_refused_as_probabilities():
    with pytest.raises(InvalidArgument, match="not probabilities"):
        cross_entropy_loss(LOGITS, TARGETS, from_logits=False)
