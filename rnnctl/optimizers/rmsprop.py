"""RMSProp (Tieleman and Hinton 2012, lecture 6.5 of Neural Networks for Machine Learning).

v <- decay v + (1 - decay) g^2        w <- w - rate g / (sqrt(v) + epsilon)

v is 0 before the first update, and not corrected for that. torch.optim.RMSprop calls decay alpha, and epsilon eps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnctl.optimizers.section import OptimizerSection, Step, Update, has_loops
from rnnctl.section import NAMESAKE, PER_RUN, also_called


class RmspropSection(OptimizerSection):
    """RMSProp: the gradient divided by the root of the mean of its squares."""

    name: Annotated[Literal["rmsprop"], also_called(rmsprop=("rms_prop", "rms"))] = "rmsprop"
    decay: Annotated[float, PER_RUN, NAMESAKE, also_called("alpha", "rho", "beta2", "smoothing")] = Field(
        0.99, ge=0, lt=1, description="decay of the mean of squared gradients"
    )
    epsilon: Annotated[float, PER_RUN, also_called("eps")] = Field(
        1e-8, gt=0, description="added to the root of the mean of squared gradients"
    )

    slots: ClassVar[int] = 1
    not_keys: ClassVar[Mapping[str, str]] = {"centered": "the mean of squared gradients divides, not their variance"}

    @classmethod
    def step(cls, device: str) -> Step:
        return _fused_rmsprop if has_loops(device) else _rmsprop

    @classmethod
    def kernel(cls) -> Any:
        from rnnctl.optimizers.kernels import rmsprop

        return rmsprop

    def numbers(self, rate: float, update: int) -> tuple[float, ...]:
        return rate, self.decay, 1 - self.decay, self.epsilon


def _rmsprop(settings: RmspropSection, update: Update) -> None:
    share = (1 - settings.decay) * update.scale * update.scale
    v_N = update.slots_SN[0].mul_(settings.decay).add_(update.gradient_N.square(), alpha=share)
    spread_N = v_N.sqrt().add_(settings.epsilon)
    update.weights_N.sub_((update.gradient_N / spread_N).mul_(update.rate * update.scale))


def _fused_rmsprop(settings: RmspropSection, update: Update) -> None:
    from rnnctl.optimizers.loops import rmsprop

    arrays = update.gradient_N.numpy(), update.weights_N.numpy(), update.slots_SN.numpy()[0]
    rmsprop(*arrays, update.scale, settings.decay, settings.epsilon, update.rate)
