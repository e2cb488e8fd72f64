"""A learning rate that falls exponentially."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnctl.schedules.section import ScheduleSection


class ExponentialSection(ScheduleSection):
    """The rate is lr 2^(-t / period) after t updates."""

    name: Literal["exponential"] = "exponential"
    period: int = Field(ge=1, description="updates in which the rate falls to a half")

    def rate(self, lr: float, update: int) -> float:
        factor: float = 2.0 ** -((update - 1) / self.period)
        return lr * factor
