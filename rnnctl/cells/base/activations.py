"""Activations phi, and their slopes phi' as functions of h = phi(a): h is what backpropagation has at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch


def _sigmoid_(x: torch.Tensor) -> torch.Tensor:
    # torch.sigmoid differs in the last bit between its vector body and its scalar tail, so a run's bits would depend
    # on where its row lies.
    return x.mul_(0.5).tanh_().mul_(0.5).add_(0.5)


def _identity_(x: torch.Tensor) -> torch.Tensor:
    return x


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The limits of hidden units.

    saturation: from h to its distance from the nearest limit, `furthest` at most; None without two limits. dead_at: the
    value of a unit that passes no gradient on, whatever its sum; None if there is no such value.
    """

    saturation: Callable[[torch.Tensor], torch.Tensor] | None
    furthest: float = 1.0
    dead_at: float | None = None


@dataclass(frozen=True, kw_only=True)
class Activation(Bounds):
    """An activation. phi_ works in place; slope(h, out) writes phi' at every h to `out` and returns it."""

    phi_: Callable[[torch.Tensor], torch.Tensor]
    slope: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(
        phi_=torch.Tensor.tanh_,
        slope=lambda h, out: torch.mul(h, h, out=out).neg_().add_(1.0),
        saturation=lambda h: 1 - h.abs(),
    ),
    "sigmoid": Activation(
        phi_=_sigmoid_,
        slope=lambda h, out: torch.mul(h, h, out=out).neg_().add_(h),
        saturation=lambda h: torch.minimum(h, 1 - h),
        furthest=0.5,
    ),
    "relu": Activation(
        phi_=torch.Tensor.relu_,
        slope=lambda h, out: torch.sign(h, out=out),
        saturation=None,
        dead_at=0.0,
    ),
    "identity": Activation(
        phi_=_identity_,
        slope=lambda h, out: out.fill_(1.0),
        saturation=None,
    ),
}

# The hidden state of a gated cell lies between -1 and 1, though it is not a function of one sum.
BOUNDED_BY_ONE = Bounds(saturation=ACTIVATIONS["tanh"].saturation)
