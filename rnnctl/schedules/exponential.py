"""A learning rate that falls exponentially."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rnnctl.schedules.section import ScheduleSection
from rnnctl.section import also_called


class ExponentialSection(ScheduleSection):
    """The rate is lr 2^(-t / period) after t updates."""

    name: Annotated[Literal["exponential"], also_called(exponential=("exp", "exponential_decay"))] = "exponential"
    period: Annotated[int, also_called("half_life", "step_size", "decay_steps")] = Field(
        ge=1, description="updates in which the rate falls to a half"
    )

    not_keys: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("gamma", "decay_rate", "factor"), "period says how fast the rate falls"
    )

    def rate(self, lr: float, update: int) -> float:
        factor: float = 2.0 ** -((update - 1) / self.period)
        return lr * factor
