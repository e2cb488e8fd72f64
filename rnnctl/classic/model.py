"""What the functions here ask of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from rnnctl.errors import InvalidArgument

Array = npt.NDArray[np.float64]
Arrays = dict[str, Array]
Loss = Callable[[Any, Any], float]  # from predictions and targets to the mean loss


@runtime_checkable
class Model(Protocol):
    """Any model: it maps sequences to outputs, and hands out its parameters."""

    def forward(self, X: Any, return_sequences: bool = False) -> Any:
        """Return outputs (batch, output_size) of the last step, or (batch, seq_len, output_size) of every step.

        X: (batch, seq_len, input_size).
        """

    def get_params(self) -> Mapping[str, Any]:
        """Return the parameters by name."""

    def set_params(self, params: Any) -> None:
        """Set the parameters from what `get_params` returns."""


@runtime_checkable
class Differentiable(Protocol):
    """A model that also computes its own gradients."""

    def gradients(self, X: Any, derivative: Callable[[Array], Array]) -> tuple[Array, Arrays]:
        """Return the outputs of the last step, and the gradient of a loss by every parameter, by name.

        derivative: from the outputs (batch, output_size) to the derivative of the loss by them.
        """


def copied_params(model: Model) -> Arrays:
    """Return copies of the parameters in float64. A model may hand out its own arrays, which training changes.

    Raise InvalidArgument if the model has no parameters.
    """
    params = {name: np.array(value, dtype=np.float64) for name, value in model.get_params().items()}
    if not params:
        raise InvalidArgument(f"{type(model).__name__}.get_params() returned no parameters: there is nothing to train")
    return params


def checked_params(params: Mapping[str, Any], own: Mapping[str, Array]) -> Arrays:
    """Return copies of new parameters in float64. own: those that they replace.

    Raise InvalidArgument, and change nothing, if names or shapes differ.
    """
    if params.keys() != own.keys():
        missing, unknown = sorted(own.keys() - params.keys()), sorted(params.keys() - own.keys())
        words = [f"{word} {', '.join(names)}" for word, names in (("missing", missing), ("unknown", unknown)) if names]
        raise InvalidArgument(f"params do not have the names of this model: {'; '.join(words)}")
    arrays = {name: np.array(params[name], dtype=np.float64) for name in own}
    for name, array in arrays.items():
        if array.shape != own[name].shape:
            raise InvalidArgument(f"params[{name!r}] has shape {array.shape}; it must be {own[name].shape}")
    return arrays
