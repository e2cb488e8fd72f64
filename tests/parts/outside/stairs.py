"""A schedule from outside the package: the rate falls in steps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnctl.schedules.section import ScheduleSection


class StairsSection(ScheduleSection):
    """lr factor^(t // every), t being the updates made before."""

    name: Literal["stairs"] = "stairs"
    every: int = Field(100, ge=1, description="updates on one step")
    factor: float = Field(0.5, gt=0, lt=1, description="what the rate falls to from one step to the next")

    def rate(self, lr: float, update: int) -> float:
        return lr * self.factor ** ((update - 1) // self.every)
