"""A learning rate that falls as one over the number of updates."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnctl.schedules.section import ScheduleSection


class InverseSection(ScheduleSection):
    """The rate is lr / (1 + t / period) after t updates."""

    name: Literal["1/t"] = "1/t"
    period: int = Field(ge=1, description="updates after which the rate has fallen to a half, then a third, ...")

    def rate(self, lr: float, update: int) -> float:
        return lr / (1 + (update - 1) / self.period)
