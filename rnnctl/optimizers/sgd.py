"""Stochastic gradient descent: w <- w - rate g."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rnnctl.optimizers.section import OptimizerSection, Step

if TYPE_CHECKING:
    import torch


class SgdSection(OptimizerSection):
    """Plain stochastic gradient descent, without momentum."""

    name: Literal["sgd"] = "sgd"

    slots: ClassVar[int] = 0
    not_keys: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("momentum", "nesterov", "dampening"), "sgd is plain; adam has a mean of gradients, with decay beta1"
    )

    @classmethod
    def step(cls, device: str) -> Step:
        return _descend

    @classmethod
    def kernel(cls) -> Any:
        from rnnctl.optimizers.kernels import sgd

        return sgd


def _descend(
    settings: SgdSection,
    rate: float,
    update: int,
    scale: float,
    gradient_N: torch.Tensor,
    weights_N: torch.Tensor,
    kept_SN: torch.Tensor | None,
) -> None:
    weights_N.add_(gradient_N, alpha=-rate * scale)
