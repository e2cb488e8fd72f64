"""Losses, their gradients, and accuracy. Predictions are (..., C) or (..., O): any leading axes, usually (batch,).

    cross entropy   -log softmax(z)[target], in nats; dL/dz = (softmax(z) - one_hot(target)) / N
    squared error   (y - target)^2 over all elements; dL/dy = 2 (y - target) / number of elements

N is the number of answers, the product of the leading axes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rnnctl.arguments import checked
from rnnctl.classic.taken import Numbers
from rnnctl.errors import InvalidArgument, warn

Array = npt.NDArray[np.float64]


@checked
def softmax(logits: Numbers, axis: int = -1) -> Array:
    """Return exp(logits) divided by its sum along an axis.

    The largest logit is subtracted first, so nothing overflows. The result has the shape of the logits. Raise
    InvalidArgument if there is no such axis, or no logit along it.
    """
    values = np.asarray(logits, dtype=np.float64)
    if not -values.ndim <= axis < values.ndim or not values.shape[axis]:
        raise InvalidArgument(f"axis is {axis}; logits of shape {values.shape} have no values along it")
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def log_softmax(logits: npt.ArrayLike) -> Array:
    """Return the logarithm of the softmax along the last axis, by the log-sum-exp of shifted logits."""
    values = np.asarray(logits, dtype=np.float64)
    shifted = values - values.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


@checked
def cross_entropy_loss(predictions: Numbers, targets: Numbers, *, from_logits: bool = True) -> float:
    """Return the mean of -log p(target), in nats.

    predictions: (..., C) logits, or probabilities with from_logits=False. targets: (...) class numbers from 0, or
    (..., C) rows that are one-hot or other distributions. Warn if logits look like probabilities: softmax would be
    applied twice. Raise InvalidArgument for other shapes, for classes out of range and for rows that are not
    distributions.
    """
    values = _predictions(predictions)
    weights = _distributions(values, targets)
    if not from_logits:
        _refuse_non_probabilities(values)
    elif _are_probabilities(values):
        warn(
            "each row of predictions sums to 1: logits are expected here, pass from_logits=False for probabilities",
            UserWarning,
        )
    with np.errstate(divide="ignore"):
        logs = log_softmax(values) if from_logits else np.log(values)
    return float(-_where_positive(weights, logs).sum() / _answers(values))


def cross_entropy_gradient(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> Array:
    """Return the gradient of `cross_entropy_loss` by the logits, with their shape. Errors are those of the loss."""
    values = _predictions(predictions)
    weights = _distributions(values, targets)
    return np.asarray((softmax(values) - weights) / _answers(values))


@checked
def mse_loss(predictions: Numbers, targets: Numbers) -> float:
    """Return the mean of (prediction - target)^2 over all elements.

    targets: of the shape of the predictions; the last axis may be missing if it has length 1. Other shapes raise
    InvalidArgument: broadcasting (N, 1) against (N,) would compare every prediction with every target.
    """
    values, wanted = _same_shape(predictions, targets)
    return float(np.mean((values - wanted) ** 2))


def mse_gradient(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> Array:
    """Return the gradient of `mse_loss` by the predictions, with their shape. Errors are those of the loss."""
    values, wanted = _same_shape(predictions, targets)
    return np.asarray(2.0 * (values - wanted) / values.size)


@checked
def accuracy(predictions: Numbers, targets: Numbers) -> float:
    """Return the share of answers whose largest prediction is the target, in [0, 1].

    predictions: (..., C) logits or probabilities. targets: as for `cross_entropy_loss`; of a distribution, the class of
    the largest share. An answer with a NaN is wrong. Errors are those of the loss.
    """
    values = _predictions(predictions)
    right = values.argmax(axis=-1) == _distributions(values, targets).argmax(axis=-1)
    return float(np.mean(right & ~np.isnan(values).any(axis=-1)))


def _predictions(predictions: npt.ArrayLike) -> Array:
    values = np.asarray(predictions, dtype=np.float64)
    if values.ndim == 0 or not values.size:
        raise InvalidArgument(f"predictions have shape {values.shape}; they must be (..., classes) and not empty")
    return values


def _answers(values: Array) -> int:
    return int(values.size // values.shape[-1])


def _distributions(values: Array, targets: npt.ArrayLike) -> Array:
    """Return targets as distributions over the classes, with the shape of the predictions."""
    given = np.asarray(targets)
    if given.shape == values.shape:
        rows = given.astype(np.float64)
        if not ((rows >= 0).all() and np.allclose(rows.sum(axis=-1), 1.0, rtol=0, atol=1e-6)):
            raise InvalidArgument("targets have rows that are neither one-hot nor a distribution: they do not sum to 1")
        return rows
    if given.shape != values.shape[:-1]:
        raise InvalidArgument(
            f"targets have shape {given.shape}; predictions of shape {values.shape} need {values.shape[:-1]} class "
            f"numbers or {values.shape} one-hot rows"
        )
    classes = values.shape[-1]
    with np.errstate(invalid="ignore"):
        numbers = given.astype(np.int64)
    if (numbers != given).any():
        raise InvalidArgument("targets are not whole numbers; classes are numbered from 0")
    if ((numbers < 0) | (numbers >= classes)).any():
        raise InvalidArgument(
            f"targets go from {numbers.min()} to {numbers.max()}; {classes} classes are numbered 0 to {classes - 1}"
        )
    return np.asarray((numbers[..., None] == np.arange(classes)).astype(np.float64))


def _where_positive(weights: Array, logs: Array) -> Array:
    """Return weights * logs, 0 where a weight is 0: a class of probability 0 costs nothing if it is not the target."""
    product = np.zeros_like(logs)
    np.multiply(weights, logs, out=product, where=weights > 0)
    return product


def _are_probabilities(values: Array) -> bool:
    if values.shape[-1] == 1 or not (values >= 0).all():
        return False
    return bool(np.allclose(values.sum(axis=-1), 1.0, rtol=0, atol=1e-6))


def _refuse_non_probabilities(values: Array) -> None:
    if not ((values >= 0).all() and np.allclose(values.sum(axis=-1), 1.0, rtol=0, atol=1e-6)):
        raise InvalidArgument("predictions are not probabilities: each row must be at least 0 and sum to 1")


def _same_shape(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> tuple[Array, Array]:
    values, wanted = _predictions(predictions), np.asarray(targets, dtype=np.float64)
    if wanted.shape == values.shape[:-1] and values.shape[-1] == 1:
        wanted = wanted[..., None]
    if wanted.shape != values.shape:
        raise InvalidArgument(f"targets have shape {wanted.shape} and predictions {values.shape}; they must be equal")
    return values, wanted
