"""Training by plain gradient descent: one step, evaluation, and the whole loop. See rnnctl.classic.model for models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from rnnctl.arguments import at_least, checked
from rnnctl.classic import losses
from rnnctl.classic.model import Array, Arrays, Differentiable, Loss, Model
from rnnctl.classic.numerical import compute_numerical_gradient, compute_numerical_gradient_fast
from rnnctl.classic.optimization import EarlyStopping, clip_gradients, learning_rate_schedule
from rnnctl.classic.taken import Count, Decay, Method, Norm, Numbers, Pair, Positive, Seed, TaskName
from rnnctl.classic.text import say
from rnnctl.errors import InvalidArgument, warn
from rnnctl.words import one_line

LINES = 10  # lines of progress that train_model prints, about


@dataclass(frozen=True)
class Task:
    """What a task measures: a loss, its derivative by the predictions, and a metric that is better when higher."""

    loss: Loss
    derivative: Callable[[Any, Any], Array]
    metric: Callable[[Any, Any], float]
    metric_name: str


TASKS = {
    "classification": Task(losses.cross_entropy_loss, losses.cross_entropy_gradient, losses.accuracy, "accuracy"),
    "regression": Task(
        losses.mse_loss, losses.mse_gradient, lambda y, wanted: -losses.mse_loss(y, wanted), "negative loss"
    ),
}


@checked
def create_batches(
    X: Numbers,
    y: Numbers,
    batch_size: Count = 32,
    shuffle: bool = True,
    seed: Seed | None = None,
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Yield the samples in batches, each once. The last batch is smaller if batch_size does not divide their number.

    X: (samples, ...). y: (samples, ...). seed: of the shuffling; with None every call shuffles in another way. Raise
    InvalidArgument at once for arrays of unequal length, without samples or with non-finite values.
    """
    inputs, targets = checked_data("X", X, "y", y)
    order = np.random.default_rng(seed).permutation(len(inputs)) if shuffle else np.arange(len(inputs))
    places = (order[start : start + batch_size] for start in range(0, len(order), batch_size))
    return ((inputs[rows], targets[rows]) for rows in places)


@checked
def train_step(
    model: Model,
    X_batch: Numbers,
    y_batch: Numbers,
    learning_rate: Positive = 0.001,
    clip_norm: Norm = 5.0,
    task: TaskName = "classification",
    *,
    method: Method = "auto",
    seed: Seed = 0,
) -> tuple[float, float, float]:
    """Make one step of gradient descent. Return loss, metric and gradient norm, all of them from before the step.

    clip_norm: greatest norm of the gradient that is used, infinity for no clipping; the norm that is returned is that
    before clipping. task: `classification` (cross entropy, accuracy) or `regression` (squared error, negative loss).
    method: `analytic` asks the model for its gradients, `numerical` takes every element in turn, `fast` estimates from
    a random direction of `seed`; `auto` is analytic where the model offers it, else numerical.

    Raise InvalidArgument for data that does not fit, and FloatingPointError, leaving the parameters as they are, if the
    loss or the gradient is not finite.
    """
    inputs, targets = checked_data("X_batch", X_batch, "y_batch", y_batch)
    measured = TASKS[task]
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told below, in words
        outputs, grads = _gradients(model, inputs, targets, measured, method, seed)
        loss, metric = measured.loss(outputs, targets), measured.metric(outputs, targets)
        clipped, norm = clip_gradients(grads, clip_norm)
    if not (np.isfinite(loss) and np.isfinite(norm)):
        raise FloatingPointError(f"loss {loss:g}, gradient norm {norm:g}: not finite; a lower learning_rate may help")
    model.set_params(
        {name: _stepped(value, learning_rate * clipped[name]) for name, value in model.get_params().items()}
    )
    return loss, metric, norm


@checked
def evaluate(
    model: Model,
    X_test: Numbers,
    y_test: Numbers,
    task: TaskName = "classification",
    batch_size: Count = 32,
) -> tuple[float, float]:
    """Return loss and metric over all samples, without changing the model.

    Every sample counts the same: a smaller last batch has a smaller weight. Raise InvalidArgument as `train_step` does.
    """
    measured = TASKS[task]
    sums, samples = np.zeros(2), 0
    for inputs, targets in create_batches(X_test, y_test, batch_size, shuffle=False):
        outputs = model.forward(inputs, return_sequences=False)
        sums += len(inputs) * np.array([measured.loss(outputs, targets), measured.metric(outputs, targets)])
        samples += len(inputs)
    return float(sums[0] / samples), float(sums[1] / samples)


@checked
def train_model(
    model: Model,
    train_data: Pair,
    val_data: Pair | None = None,
    epochs: Count = 100,
    batch_size: Count = 32,
    learning_rate: Positive = 0.001,
    lr_decay: Decay = 0.95,
    lr_decay_every: Count = 10,
    clip_norm: Norm = 5.0,
    patience: Count = 10,
    task: TaskName = "classification",
    verbose: bool = True,
    *,
    method: Method = "auto",
    seed: Annotated[int, at_least(0)] = 0,
) -> dict[str, list[float]]:
    """Train a model and return its history. The model ends with the weights of its lowest validation loss.

    train_data, val_data: (X, y) with X (samples, seq_len, input_size). Without validation data the model ends with its
    last weights, and nothing stops it early. The rate of an epoch is `learning_rate_schedule(epoch, learning_rate,
    lr_decay, lr_decay_every)`. patience: epochs in a row without an improvement of the validation loss after which
    training ends (see EarlyStopping). seed: of the order of the samples in each epoch, and of the directions of `fast`.
    Other arguments are those of `train_step`.

    History: `train_loss` and `train_metric`, means over the samples of an epoch, each measured before the step that its
    batch makes; `val_loss` and `val_metric` after the epoch, empty without validation data; `learning_rates`; and
    `grad_norms`, means over the steps of an epoch of the norm before clipping. One value for each epoch.

    An epoch whose loss or gradient is not finite ends training with a warning, and is not in the history. Raise
    InvalidArgument, before any step, for arguments and data that do not fit.
    """
    training = checked_data("train_data X", train_data[0], "train_data y", train_data[1])
    validation = None if val_data is None else checked_data("val_data X", val_data[0], "val_data y", val_data[1])
    measured, rng = TASKS[task], np.random.default_rng(seed)
    for data in (training, validation):
        if data is not None:
            _refuse_misfits(model, *data, measured)
    stopping = EarlyStopping(patience)
    names = ("train_loss", "train_metric", "val_loss", "val_metric", "learning_rates", "grad_norms")
    history: dict[str, list[float]] = {name: [] for name in names}
    for epoch in range(epochs):
        rate = learning_rate_schedule(epoch, learning_rate, lr_decay, lr_decay_every)
        try:
            steps = [
                (len(X), *train_step(model, X, y, rate, clip_norm, task, method=method, seed=rng))
                for X, y in create_batches(*training, batch_size, seed=rng)
            ]
            with np.errstate(over="ignore", invalid="ignore"):
                checked = None if validation is None else evaluate(model, *validation, task, batch_size)
            if checked is not None and not np.isfinite(checked[0]):
                raise FloatingPointError(f"validation loss {checked[0]:g}: not finite")
        except FloatingPointError as error:
            warn(f"training ended in epoch {epoch + 1} of {epochs}: {error}", RuntimeWarning)
            break
        sizes, step_losses, metrics, norms = np.array(steps).T
        values = [np.average(step_losses, weights=sizes), np.average(metrics, weights=sizes), rate, norms.mean()]
        for name, value in zip(("train_loss", "train_metric", "learning_rates", "grad_norms"), values, strict=True):
            history[name].append(float(value))
        for name, value in zip(("val_loss", "val_metric"), checked or (), strict=False):
            history[name].append(value)
        stop = checked is not None and stopping(checked[0], model.get_params())
        if verbose and (stop or epoch % max(1, epochs // LINES) == 0 or epoch == epochs - 1):
            say(_progress(epoch, epochs, history, measured.metric_name))
        if stop:
            if verbose:
                say(f"stopped: no improvement in {stopping.patience} epochs")
            break
    best = stopping.get_best_params()
    if best is not None:
        model.set_params(best)
    return history


def checked_data(
    input_name: str, X: npt.ArrayLike, target_name: str, y: npt.ArrayLike
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return inputs and targets as arrays.

    Raise InvalidArgument if lengths differ or are 0, or a value is not a finite number.
    """
    inputs, targets = _array(input_name, X), _array(target_name, y)
    for name, array in ((input_name, inputs), (target_name, targets)):
        if array.dtype.kind not in "biuf":
            raise InvalidArgument(f"{name} must be an array of numbers, not of {array.dtype}")
        if not array.ndim or not len(array):
            raise InvalidArgument(f"{name} has shape {array.shape}; there must be at least one sample")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = tuple(int(place) for place in np.argwhere(~np.isfinite(array))[0])
            raise InvalidArgument(f"{name} has the value {array[bad]} at {list(bad)}; all must be finite")
    if len(inputs) != len(targets):
        raise InvalidArgument(
            f"{input_name} and {target_name} have {len(inputs)} and {len(targets)} samples; they must be equally many"
        )
    return inputs, targets


def _array(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InvalidArgument(f"{name} must be an array of numbers: {one_line(str(error))}") from None


def _refuse_misfits(model: Model, inputs: npt.NDArray[Any], targets: npt.NDArray[Any], task: Task) -> None:
    """Raise InvalidArgument if the outputs of the model do not fit the targets: the first output stands for all."""
    outputs = np.asarray(model.forward(inputs[:1], return_sequences=False))
    if outputs.ndim < 2 or len(outputs) != 1:
        name = type(model).__name__
        raise InvalidArgument(
            f"{name}.forward returned shape {outputs.shape} for 1 sample; it must be (1, output_size)"
        )
    task.loss(np.broadcast_to(outputs, (len(inputs), *outputs.shape[1:])), targets)


def _stepped(value: Any, change: Array) -> npt.NDArray[Any]:
    """Return a parameter array after a step, in the dtype that it had if that is one of floats."""
    old = np.asarray(value)
    new = old - change
    return new.astype(old.dtype) if old.dtype.kind == "f" else new


def _gradients(
    model: Model,
    inputs: npt.NDArray[Any],
    targets: npt.NDArray[Any],
    task: Task,
    method: Method,
    seed: int | np.random.Generator,
) -> tuple[Any, Arrays]:
    """Return the outputs of the last step, and the gradient of the loss by every parameter."""
    offered = isinstance(model, Differentiable)
    if method == "analytic" and not offered:
        raise InvalidArgument(f"{type(model).__name__} has no method gradients(X, derivative); use method numerical")
    if isinstance(model, Differentiable) and method in ("auto", "analytic"):
        return model.gradients(inputs, lambda outputs: task.derivative(outputs, targets))
    outputs = model.forward(inputs, return_sequences=False)
    if method == "fast":
        return outputs, compute_numerical_gradient_fast(model, inputs, targets, task.loss, seed=seed)
    return outputs, compute_numerical_gradient(model, inputs, targets, task.loss)


def _progress(epoch: int, epochs: int, history: dict[str, list[float]], metric: str) -> str:
    sets = [("train", "train"), ("validation", "val")]
    words = [
        f"{word} loss {history[f'{key}_loss'][-1]:.4f}, {metric} {history[f'{key}_metric'][-1]:.4f}"
        for word, key in sets
        if history[f"{key}_loss"]
    ]
    words.append(f"learning rate {history['learning_rates'][-1]:.3g}")
    return f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}: {'; '.join(words)}"
