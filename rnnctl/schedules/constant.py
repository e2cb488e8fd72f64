"""A learning rate that stays as it is."""

from __future__ import annotations

from typing import Literal

from rnnctl.schedules.section import ScheduleSection


class ConstantSection(ScheduleSection):
    """The learning rate is `train.lr` throughout."""

    name: Literal["constant"] = "constant"

    def rate(self, lr: float, update: int) -> float:
        return lr
