"""AdamW (Loshchilov and Hutter 2019): Adam, with weights that decay apart from the gradient.

w <- (1 - rate weight_decay) w        and then Adam's update (see rnnctl.optimizers.adam)

torch.optim.AdamW calls beta1 and beta2 betas, and epsilon eps. As there, the rate is the one in force, so the decay
follows the schedule, and all weights decay, biases too.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from rnnctl.optimizers.adam import MomentsSection
from rnnctl.optimizers.section import Step, Update
from rnnctl.section import PER_RUN, also_called


class AdamWSection(MomentsSection):
    """Adam with weights that decay apart from the gradient."""

    name: Annotated[Literal["adamw"], also_called(adamw=("adam_w", "decoupled_adam"))] = "adamw"
    weight_decay: Annotated[float, PER_RUN, also_called("wd", "l2", "weight_l2")] = Field(
        0.01, ge=0, lt=1, description="share of a weight, times the learning rate, that an update takes away"
    )

    @classmethod
    def step(cls, device: str) -> Step:
        adam = super().step(device)

        def decay_and_step(settings: AdamWSection, update: Update) -> None:
            update.weights_N.mul_(1 - update.rate * settings.weight_decay)
            adam(settings, update)

        return decay_and_step

    @classmethod
    def kernel(cls) -> Any:
        from rnnctl.optimizers.kernels import adamw

        return adamw

    def numbers(self, rate: float, update: int) -> tuple[float, ...]:
        return (*super().numbers(rate, update), 1 - rate * self.weight_decay)
