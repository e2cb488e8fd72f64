"""A learning rate that falls as one over the number of updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rnnctl.schedules.section import DecaySection
from rnnctl.section import also_called


class InverseSection(DecaySection):
    """The rate is lr / (1 + t / period) after t updates."""

    name: Annotated[Literal["1/t"], also_called(**{"1/t": ("inverse", "inverse_time", "inverse_time_decay")})] = "1/t"
    period: Annotated[int, also_called("decay_steps", "step_size")] = Field(
        ge=1, description="updates after which the rate has fallen to a half, then a third, ..."
    )

    not_keys: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("gamma", "decay_rate", "factor"), "period says how fast the rate falls"
    )

    def rate(self, lr: float, update: int) -> float:
        return lr / (1 + (update - 1) / self.period)
