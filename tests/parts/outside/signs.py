"""An optimizer from outside the package: w <- w - rate sign(g), with a share of the last step's direction."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rnnctl.optimizers.section import OptimizerSection, Step, Update
from rnnctl.section import PER_RUN


class SignsSection(OptimizerSection):
    """Steps of one size in the direction of a running mean of gradients."""

    name: Literal["signs"] = "signs"
    alpha: Annotated[float, PER_RUN] = Field(0.5, ge=0, lt=1, description="share of the mean that stays")

    slots: ClassVar[int] = 1

    @classmethod
    def step(cls, device: str) -> Step:
        return _step


def _step(settings: SignsSection, update: Update) -> None:
    mean_N = update.slots_SN[0]
    mean_N.mul_(settings.alpha).add_(update.gradient_N, alpha=(1 - settings.alpha) * update.scale)
    update.weights_N.sub_(mean_N.sign(), alpha=update.rate)
