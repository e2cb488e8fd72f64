"""Gradient descent with momentum (Polyak 1964, the heavy ball), as torch.optim.SGD(momentum=...) makes it.

v <- momentum v + g        w <- w - rate v

v is 0 before the first update. The keys have the names that torch gives them, and dampening is 0.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnctl.optimizers.section import OptimizerSection, Step, Update
from rnnctl.section import PER_RUN, also_called

if TYPE_CHECKING:
    import torch


class VelocitySection(OptimizerSection, ABC):
    """What optimizers with momentum have in common: the key, and the velocity that is kept."""

    momentum: Annotated[float, PER_RUN, also_called("mu", "beta")] = Field(
        0.9, ge=0, lt=1, description="share of the velocity that an update keeps"
    )

    slots: ClassVar[int] = 1
    not_keys: ClassVar[Mapping[str, str]] = {"dampening": "the velocity takes all of the gradient"}

    def numbers(self, rate: float, update: int) -> tuple[float, ...]:
        return rate, self.momentum

    def accelerated(self, update: Update) -> torch.Tensor:
        """Return the velocity after an update, (N,), and keep it."""
        return update.slots_SN[0].mul_(self.momentum).add_(update.gradient_N, alpha=update.scale)


class MomentumSection(VelocitySection):
    """Gradient descent with momentum (Polyak's heavy ball)."""

    name: Annotated[Literal["momentum"], also_called(momentum=("heavy_ball", "sgdm", "sgd_momentum", "polyak"))] = (
        "momentum"
    )

    not_keys: ClassVar[Mapping[str, str]] = {
        "nesterov": "the optimizer nesterov looks ahead: train.optimizer: {name: nesterov, momentum: 0.9}",
        **VelocitySection.not_keys,
    }

    @classmethod
    def step(cls, device: str) -> Step:
        return _momentum

    @classmethod
    def kernel(cls) -> Any:
        from rnnctl.optimizers.kernels import momentum

        return momentum


def _momentum(settings: MomentumSection, update: Update) -> None:
    update.weights_N.add_(settings.accelerated(update), alpha=-update.rate)
