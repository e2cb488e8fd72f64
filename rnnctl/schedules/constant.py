"""A learning rate that does not change."""

from __future__ import annotations

from typing import Annotated, Literal

from rnnctl.schedules.section import ScheduleSection
from rnnctl.section import also_called


class ConstantSection(ScheduleSection):
    """The rate is lr at every update."""

    name: Annotated[Literal["constant"], also_called(constant=("none", "fixed", "off", "false"))] = "constant"

    def rate(self, lr: float, update: int) -> float:
        return lr
