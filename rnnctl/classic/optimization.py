"""Clipping, the decay of the learning rate, and early stopping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnctl.arguments import checked
from rnnctl.classic.model import Array, Arrays
from rnnctl.classic.taken import Count, Decay, Epoch, Margin, Norm, Numbers, Positive


@checked
def clip_gradients(grads: Mapping[str, Numbers], max_norm: Norm = 5.0) -> tuple[Arrays, float]:
    """Return the gradients, scaled down together if their global norm is above max_norm, and the norm before that.

    The norm is that of all elements of all arrays together (Pascanu, Mikolov and Bengio 2013, algorithm 1). The given
    arrays are not changed. A non-finite gradient stays as it is, and its norm is not finite. max_norm: infinity never
    scales. Raise InvalidArgument if it is not above 0.
    """
    arrays = {name: np.array(value, dtype=np.float64) for name, value in grads.items()}
    norm = global_norm(arrays)
    if max_norm < norm < np.inf:
        arrays = {name: value * (max_norm / norm) for name, value in arrays.items()}
    return arrays, norm


def global_norm(grads: Mapping[str, Array]) -> float:
    """Return the Euclidean norm of all elements of all arrays. Squares of large elements do not overflow."""
    # numpy's max keeps a NaN, where Python's may lose it.
    largest = float(np.max([np.max(np.abs(value), initial=0.0) for value in grads.values()], initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(sum(float(np.sum((value / largest) ** 2)) for value in grads.values())))


@checked
def learning_rate_schedule(
    epoch: Epoch, initial_lr: Positive = 0.001, decay: Decay = 0.95, decay_every: Count = 10
) -> float:
    """Return initial_lr * decay ** (epoch // decay_every). epoch: from 0.

    Raise InvalidArgument for a negative epoch, a decay above 1, and for other arguments that are not above 0 and
    finite.
    """
    return float(initial_lr * decay ** (epoch // decay_every))


@checked
class EarlyStopping:
    """Says when to stop: after `patience` calls in a row without an improvement. Keeps the best parameters.

    A loss is an improvement if it is more than min_delta below the last improvement, so that many small steps count
    once they add up. The best parameters are those of the lowest loss, however small the step. A NaN is no improvement.

    best_loss: the lowest loss, infinity before any. counter: calls since the last improvement. stopped: whether a call
    has returned True. Raise InvalidArgument if patience is below 1, or if min_delta is below 0 or not
    finite.
    """

    @checked
    def __init__(self, patience: Count = 10, min_delta: Margin = 1e-4) -> None:
        self.patience = patience
        self.min_delta = float(min_delta)
        self.best_loss = np.inf
        self.counter = 0
        self.stopped = False
        self._last_improvement = np.inf
        self._best_params: dict[str, Any] | None = None

    def __call__(self, val_loss: float, params: Mapping[str, Any]) -> bool:
        """Take the newest validation loss and the parameters that it is of. Return whether to stop."""
        if val_loss < self.best_loss:
            self.best_loss = float(val_loss)
            self._best_params = {name: np.array(value) for name, value in params.items()}
        if val_loss < self._last_improvement - self.min_delta:
            self._last_improvement, self.counter = float(val_loss), 0
        else:
            self.counter += 1
        self.stopped = self.stopped or self.counter >= self.patience
        return self.stopped

    def get_best_params(self) -> dict[str, Any] | None:
        """Return copies of the parameters of the lowest loss; None before any finite loss."""
        if self._best_params is None:
            return None
        return {name: np.array(value) for name, value in self._best_params.items()}
