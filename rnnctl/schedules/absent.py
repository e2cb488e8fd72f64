"""What represents a schedule of a user whose code is missing, where a stored run is only read (see rnnctl.parts)."""

from __future__ import annotations

from rnnctl.schedules.section import ScheduleSection
from rnnctl.usercode.errors import CodeError


class AbsentSchedule(ScheduleSection):
    """Has the keys that were stored, and knows no rate."""

    def rate(self, lr: float, update: int) -> float:
        raise CodeError(self.missing_code)
