"""A learning rate that falls exponentially, as torch's ExponentialLR (period 1) and StepLR (stairs) have it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rnnctl.schedules.section import DecaySection
from rnnctl.section import LATER, also_called

HALF = 0.5


class ExponentialSection(DecaySection):
    """The rate is lr factor^(t / period) after t updates."""

    name: Annotated[
        Literal["exponential"], also_called(exponential=("exp", "exponential_decay", "staircase", "step_lr"))
    ] = "exponential"
    period: Annotated[int, also_called("half_life", "step_size", "decay_steps", "every", "decay_every")] = Field(
        ge=1, description="updates in which the rate is multiplied by the factor"
    )
    factor: Annotated[float, LATER, also_called("gamma", "decay", "decay_rate")] = Field(
        HALF, gt=0, lt=1, description="what the rate is multiplied by in each period"
    )
    stairs: Annotated[bool, LATER, also_called("staircase", "step")] = Field(
        False, description="whether the rate falls at the end of each period only, and not at every update"
    )

    def rate(self, lr: float, update: int) -> float:
        periods = (update - 1) // self.period if self.stairs else (update - 1) / self.period
        # The first version knew halves alone. Its runs keep their bits.
        factor: float = 2.0**-periods if self.factor == HALF else self.factor**periods
        return lr * factor
