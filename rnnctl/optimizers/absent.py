"""What represents an optimizer of a user whose code is missing, where a stored run is only read (see rnnctl.parts)."""

from __future__ import annotations

from typing import ClassVar

from rnnctl.optimizers.section import OptimizerSection, Step
from rnnctl.usercode.errors import CodeError


class AbsentOptimizer(OptimizerSection):
    """Has the keys that were stored, and makes no updates."""

    slots: ClassVar[int] = 0

    @classmethod
    def step(cls, device: str) -> Step:
        raise CodeError(cls.missing_code)
