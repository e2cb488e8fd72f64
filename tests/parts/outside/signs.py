"""An optimizer from outside the package: w <- w - rate sign(g), with a share of the last step's direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from rnnctl.optimizers.section import OptimizerSection, Step
from rnnctl.section import PER_RUN

if TYPE_CHECKING:
    import torch


class SignsSection(OptimizerSection):
    """Steps of one size in the direction of a running mean of gradients."""

    name: Literal["signs"] = "signs"
    alpha: Annotated[float, PER_RUN] = Field(0.5, ge=0, lt=1, description="share of the mean that stays")

    slots: ClassVar[int] = 1

    @classmethod
    def step(cls, device: str) -> Step:
        return _step


def _step(
    settings: SignsSection,
    rate: float,
    update: int,
    scale: float,
    gradient_N: torch.Tensor,
    weights_N: torch.Tensor,
    kept_SN: torch.Tensor | None,
) -> None:
    assert kept_SN is not None
    kept_SN[0].mul_(settings.alpha).add_(gradient_N, alpha=(1 - settings.alpha) * scale)
    weights_N.sub_(kept_SN[0].sign(), alpha=rate)
