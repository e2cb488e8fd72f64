"""The weights of a trained network, by name, and the network with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from rnnctl.api.border import named_errors
from rnnctl.api.module import Network
from rnnctl.api.rows import ByName
from rnnctl.errors import Failed, InvalidArgument, NotTrained
from rnnctl.training.trained import Trained, WeightsAt
from rnnctl.weights import in_words, weights_name

if TYPE_CHECKING:
    from rnnctl.lab.to_torch import TorchNetwork


def weights_at(trained: Trained, which: str | int) -> WeightsAt:
    """Return the weights of a name: `best`, `last`, or the update of a snapshot.

    Raise InvalidArgument and NotTrained.
    """
    try:
        name = weights_name(str(which))
    except ValueError as error:
        raise InvalidArgument(f"weights: {error}") from None
    if name not in trained.weights:
        raise NotTrained(f"there are no {in_words(name)}, only {', '.join(trained.weights)}")
    return trained.weights[name]


def array_views(trained: Trained, weights: WeightsAt) -> dict[str, npt.NDArray[Any]]:
    """Return a copy of each weight matrix and bias, (*shape,), by name. Raise Failed if the run's text has changed."""
    with _text_is_there():
        return ByName("weight", {name: view.numpy().copy() for name, view in trained.views(weights).items()})


def network(trained: Trained, weights: WeightsAt) -> Network:
    """Return the network with these weights. Raise Failed if the run's text has changed or is gone."""
    with _text_is_there():
        return Network(trained, weights)


def layers(trained: Trained, which: str | int) -> TorchNetwork:
    """Return a layer of torch.nn with these weights and a head. Raise NotTrained, and Failed if there is none."""
    from rnnctl.lab.to_torch import to_torch

    weights_at(trained, which)
    with named_errors():
        return to_torch(trained, weights_name(str(which)))


@contextmanager
def _text_is_there() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise Failed(" ".join(str(error).split())) from None
