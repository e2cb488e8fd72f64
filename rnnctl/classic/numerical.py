"""Gradients from losses alone, by central differences (f(x + e) - f(x - e)) / 2e, for any model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from rnnctl.arguments import checked
from rnnctl.classic.model import Array, Arrays, Loss, Model, copied_params
from rnnctl.classic.taken import Count, Positive, Seed
from rnnctl.errors import InvalidArgument

EPSILON = 1e-5  # near the cube root of the rounding unit of float64, where rounding and curvature cost about the same


@checked
def compute_numerical_gradient(
    model: Model, X_batch: Any, y_batch: Any, loss_fn: Loss, epsilon: Positive = EPSILON
) -> Arrays:
    """Return the gradient of the mean loss by every parameter, element by element.

    Two forward passes for each element: exact to about 1e-9, and slow. The model has its own parameters again
    afterwards, also after an error. In between it has float64 copies, because differences this small drown in the
    rounding of float32. Raise InvalidArgument if epsilon is not above 0 and finite.
    """
    with _borrowed_params(model) as params:
        gradient = {name: np.zeros_like(value) for name, value in params.items()}
        for name, value in params.items():
            for place in np.ndindex(value.shape):
                direction = np.zeros_like(value)
                direction[place] = 1.0
                gradient[name][place] = _slope(model, X_batch, y_batch, loss_fn, params, name, direction, epsilon)
    return gradient


@checked
def compute_numerical_gradient_fast(
    model: Model,
    X_batch: Any,
    y_batch: Any,
    loss_fn: Loss,
    epsilon: Positive = EPSILON,
    directions: Count = 1,
    seed: Seed = 0,
) -> Arrays:
    """Return an unbiased estimate of the gradient from a few random directions for each parameter array.

    For z ~ N(0, I), (L(w + e z) - L(w - e z)) / 2e * z has the gradient as its mean, because E[z z^T] = I (Spall 1992
    calls it simultaneous perturbation). Two forward passes for each direction and array. The estimate is noisy: for an
    array of n elements its expected squared error is (n + 1) / directions times the squared norm of the gradient.

    seed: equal seeds give equal estimates. A training loop must pass a Generator, so that directions differ from step
    to step. Raise InvalidArgument for epsilon or directions not above 0, and for an infinite epsilon.
    """
    rng = np.random.default_rng(seed)
    with _borrowed_params(model) as params:
        gradient = {name: np.zeros_like(value) for name, value in params.items()}
        for name, value in params.items():
            for _ in range(directions):
                direction = rng.standard_normal(value.shape)
                slope = _slope(model, X_batch, y_batch, loss_fn, params, name, direction, epsilon)
                gradient[name] += slope * direction / directions
    return gradient


@contextmanager
def _borrowed_params(model: Model) -> Iterator[Arrays]:
    """Give float64 copies of the parameters to the block, and the model its own parameters back after it."""
    own, params = {name: np.array(value) for name, value in model.get_params().items()}, copied_params(model)
    try:
        yield params
    finally:
        model.set_params(own)


def _slope(
    model: Model,
    X_batch: Any,
    y_batch: Any,
    loss_fn: Loss,
    params: Mapping[str, Array],
    name: str,
    direction: Array,
    step: float,
) -> float:
    """Return the derivative of the loss as one parameter array moves in a direction."""
    losses = []
    for signed in (step, -step):
        model.set_params({**params, name: params[name] + signed * direction})
        loss = loss_fn(model.forward(X_batch, return_sequences=False), y_batch)
        if np.ndim(loss):
            raise InvalidArgument(f"loss_fn returned shape {np.shape(loss)}; it must return one number, the mean loss")
        losses.append(float(loss))
    return (losses[0] - losses[1]) / (2 * step)
