"""Activations phi, and their slopes phi' as functions of h = phi(a), which is what backpropagation has at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch


def _sigmoid_(x: torch.Tensor) -> torch.Tensor:
    # Not torch.sigmoid: its vector body and scalar tail differ in the last bit, so a run's bits would depend on its
    # place.
    return x.mul_(0.5).tanh_().mul_(0.5).add_(0.5)


def _identity_(x: torch.Tensor) -> torch.Tensor:
    return x


@dataclass(frozen=True)
class Activation:
    """phi_ works in place. slope(h, out) writes phi' at every h. saturation(h): distance to the nearest limit, if
    any, `furthest` at most. Without phi_ and slope it stands for bounds alone.
    """

    phi_: Callable[[torch.Tensor], torch.Tensor] | None
    slope: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None
    saturation: Callable[[torch.Tensor], torch.Tensor] | None
    furthest: float = 1.0


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
    ),
    "identity": Activation(
        phi_=_identity_,
        slope=lambda h, out: out.fill_(1.0),
        saturation=None,
    ),
}

# The hidden state of a gated cell: bounded as by tanh, though no one function of one sum.
BOUNDED_BY_ONE = Activation(phi_=None, slope=None, saturation=ACTIVATIONS["tanh"].saturation)
