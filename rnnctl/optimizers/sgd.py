"""Stochastic gradient descent: w <- w - rate g."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from rnnctl.optimizers.section import OptimizerSection, Step, Update


class SgdSection(OptimizerSection):
    """Plain stochastic gradient descent, without momentum."""

    name: Literal["sgd"] = "sgd"

    slots: ClassVar[int] = 0
    not_keys: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("nesterov", "dampening"),
        "sgd is plain; momentum and nesterov are optimizers: train.optimizer: {name: nesterov, momentum: 0.9}",
    )

    @classmethod
    def step(cls, device: str) -> Step:
        return _descend

    @classmethod
    def kernel(cls) -> Any:
        from rnnctl.optimizers.kernels import sgd

        return sgd


def _descend(settings: SgdSection, update: Update) -> None:
    update.weights_N.add_(update.gradient_N, alpha=-update.rate * update.scale)
