"""A learning rate that falls along half a cosine (Loshchilov and Hutter 2017, without restarts).

This is torch's CosineAnnealingLR, whose T_max is `period` and whose eta_min is lr times `end`.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from rnnctl.schedules.section import DecaySection, OverUpdatesSection
from rnnctl.section import also_called


class CosineSection(DecaySection, OverUpdatesSection):
    """The rate is lr (end + (1 - end) (1 + cos(pi t / period)) / 2) after t updates, and lr end after the period."""

    name: Annotated[Literal["cosine"], also_called(cosine=("cos", "cosine_annealing", "cosine_decay"))] = "cosine"
    end: Annotated[float, also_called("eta_min", "min_lr", "final", "least")] = Field(
        0.0, ge=0, lt=1, description="what the rate falls to, as a share of lr"
    )

    def share(self, update: int, period: int) -> float:
        done = min((update - 1) / period, 1.0)
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * done)) / 2
