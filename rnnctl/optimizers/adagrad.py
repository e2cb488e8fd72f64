"""Adagrad (Duchi, Hazan and Singer 2011), with the diagonal of their matrix.

s <- s + g^2        w <- w - rate g / (sqrt(s) + epsilon)

s is 0 before the first update. torch.optim.Adagrad calls epsilon eps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnctl.optimizers.section import OptimizerSection, Step, Update, has_loops
from rnnctl.section import PER_RUN, also_called


class AdagradSection(OptimizerSection):
    """Adagrad: the gradient divided by the root of the sum of its squares so far."""

    name: Annotated[Literal["adagrad"], also_called(adagrad=("ada_grad",))] = "adagrad"
    epsilon: Annotated[float, PER_RUN, also_called("eps")] = Field(
        1e-10, gt=0, description="added to the root of the sum of squared gradients"
    )

    slots: ClassVar[int] = 1
    not_keys: ClassVar[Mapping[str, str]] = {
        "lr_decay": "train.rate says how the learning rate changes, for example {name: 1/t, period: 1000}",
        "initial_accumulator_value": "the sum of squared gradients starts at 0",
    }

    @classmethod
    def step(cls, device: str) -> Step:
        return _fused_adagrad if has_loops(device) else _adagrad

    @classmethod
    def kernel(cls) -> Any:
        from rnnctl.optimizers.kernels import adagrad

        return adagrad

    def numbers(self, rate: float, update: int) -> tuple[float, ...]:
        return rate, self.epsilon


def _adagrad(settings: AdagradSection, update: Update) -> None:
    sum_N = update.slots_SN[0].add_(update.gradient_N.square(), alpha=update.scale * update.scale)
    spread_N = sum_N.sqrt().add_(settings.epsilon)
    update.weights_N.sub_((update.gradient_N / spread_N).mul_(update.rate * update.scale))


def _fused_adagrad(settings: AdagradSection, update: Update) -> None:
    from rnnctl.optimizers.loops import adagrad

    arrays = update.gradient_N.numpy(), update.weights_N.numpy(), update.slots_SN.numpy()[0]
    adagrad(*arrays, update.scale, settings.epsilon, update.rate)
