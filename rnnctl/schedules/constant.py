"""A learning rate that does not change."""

from __future__ import annotations

from typing import Literal

from rnnctl.schedules.section import ScheduleSection


class ConstantSection(ScheduleSection):
    """The rate is lr at every update."""

    name: Literal["constant"] = "constant"

    def rate(self, lr: float, update: int) -> float:
        return lr
