"""Adam (Kingma and Ba 2015, algorithm 1). The update t is counted from 1.

m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2
w <- w - rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)

torch.optim.Adam calls beta1 and beta2 betas, and epsilon eps.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnctl.optimizers.section import OptimizerSection, Step, Update, has_loops
from rnnctl.section import LATER, PER_RUN, also_called


class MomentsSection(OptimizerSection, ABC):
    """What Adam and its variants have in common: the keys, and the two moments that are kept."""

    beta1: Annotated[float, PER_RUN, LATER, also_called("betas", "beta_1")] = Field(
        0.9, ge=0, lt=1, description="decay of the mean of gradients"
    )
    beta2: Annotated[float, PER_RUN, LATER, also_called("betas", "beta_2")] = Field(
        0.999, ge=0, lt=1, description="decay of the mean of squared gradients"
    )
    epsilon: Annotated[float, PER_RUN, LATER, also_called("eps")] = Field(
        1e-8, gt=0, description="added to the root of the mean of squared gradients"
    )

    slots: ClassVar[int] = 2
    not_keys: ClassVar[Mapping[str, str]] = {"amsgrad": "the mean of squared gradients itself divides, not its maximum"}

    @classmethod
    def step(cls, device: str) -> Step:
        return _fused_adam if has_loops(device) else _adam

    def numbers(self, rate: float, update: int) -> tuple[float, ...]:
        # 1 - beta here, in float64: in float32 it would lose digits where beta is near 1.
        shares = 1 - self.beta1, 1 - self.beta2
        return (*_corrections(self, rate, update), self.beta1, self.beta2, *shares, self.epsilon)


class AdamSection(MomentsSection):
    """Adam, with bias correction of both moments."""

    name: Literal["adam"] = "adam"

    @classmethod
    def kernel(cls) -> Any:
        from rnnctl.optimizers.kernels import adam

        return adam


def _corrections(settings: MomentsSection, rate: float, update: int) -> tuple[float, float]:
    """Return rate / (1 - beta1^t) and sqrt(1 - beta2^t)."""
    return rate / (1 - settings.beta1**update), math.sqrt(1 - settings.beta2**update)


def _adam(settings: MomentsSection, update: Update) -> None:
    """Make Adam's update by operations of torch."""
    gradient_N, scale = update.gradient_N, update.scale
    m_N, v_N = update.slots_SN
    m_N.mul_(settings.beta1).add_(gradient_N, alpha=(1 - settings.beta1) * scale)
    v_N.mul_(settings.beta2).add_(gradient_N.square(), alpha=(1 - settings.beta2) * scale * scale)
    corrected_rate, root = _corrections(settings, update.rate, update.number)
    spread_N = v_N.sqrt().div_(root).add_(settings.epsilon)
    update.weights_N.sub_((m_N / spread_N).mul_(corrected_rate))


def _fused_adam(settings: MomentsSection, update: Update) -> None:
    """Make Adam's update in one pass."""
    from rnnctl.optimizers.loops import adam

    kept = update.slots_SN.numpy()
    moments = settings.beta1, settings.beta2, settings.epsilon
    corrections = _corrections(settings, update.rate, update.number)
    adam(update.gradient_N.numpy(), update.weights_N.numpy(), kept[0], kept[1], update.scale, *moments, *corrections)
