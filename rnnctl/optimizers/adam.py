"""Adam (Kingma and Ba 2015, algorithm 1). The update t is counted from 1.

m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2
w <- w - rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnctl.determinism import kernel_compiler
from rnnctl.optimizers.section import OptimizerSection, Step
from rnnctl.section import LATER, PER_RUN, also_called

if TYPE_CHECKING:
    import torch


class AdamSection(OptimizerSection):
    """Adam, with bias correction of both moments."""

    name: Literal["adam"] = "adam"
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

    @classmethod
    def step(cls, device: str) -> Step:
        return _fused_adam if device == "cpu" and kernel_compiler() else _adam

    @classmethod
    def kernel(cls) -> Any:
        from rnnctl.optimizers.kernels import adam

        return adam

    def numbers(self, rate: float, update: int) -> tuple[float, ...]:
        # 1 - beta here, in float64: in float32 it would lose digits where beta is near 1.
        shares = 1 - self.beta1, 1 - self.beta2
        return (*_corrections(self, rate, update), self.beta1, self.beta2, *shares, self.epsilon)


def _corrections(settings: AdamSection, rate: float, update: int) -> tuple[float, float]:
    """Return rate / (1 - beta1^t) and sqrt(1 - beta2^t)."""
    return rate / (1 - settings.beta1**update), math.sqrt(1 - settings.beta2**update)


def _adam(
    settings: AdamSection,
    rate: float,
    update: int,
    scale: float,
    gradient_N: torch.Tensor,
    weights_N: torch.Tensor,
    kept_SN: torch.Tensor | None,
) -> None:
    assert kept_SN is not None
    m_N, v_N = kept_SN
    m_N.mul_(settings.beta1).add_(gradient_N, alpha=(1 - settings.beta1) * scale)
    v_N.mul_(settings.beta2).add_(gradient_N.square(), alpha=(1 - settings.beta2) * scale * scale)
    corrected_rate, root = _corrections(settings, rate, update)
    spread_N = v_N.sqrt().div_(root).add_(settings.epsilon)
    weights_N.sub_((m_N / spread_N).mul_(corrected_rate))


def _fused_adam(
    settings: AdamSection,
    rate: float,
    update: int,
    scale: float,
    gradient_N: torch.Tensor,
    weights_N: torch.Tensor,
    kept_SN: torch.Tensor | None,
) -> None:
    from rnnctl.optimizers.adam_loop import adam

    assert kept_SN is not None
    kept = kept_SN.numpy()
    moments = settings.beta1, settings.beta2, settings.epsilon
    corrections = _corrections(settings, rate, update)
    adam(gradient_N.numpy(), weights_N.numpy(), kept[0], kept[1], scale, *moments, *corrections)
