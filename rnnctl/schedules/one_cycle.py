"""A learning rate that rises once and falls once (Smith and Topin 2018), along cosines.

This is torch's OneCycleLR with its `anneal_strategy` cos: its max_lr is lr, its total_steps is `period`, its pct_start
is `rise`, its div_factor is 1 / start and its final_div_factor is start / end.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from rnnctl.schedules.section import OverUpdatesSection
from rnnctl.section import also_called


class OneCycleSection(OverUpdatesSection):
    """The rate rises from lr start to lr, and then falls to lr end, which it reaches at the last update."""

    name: Annotated[Literal["one_cycle"], also_called(one_cycle=("onecycle", "one_cycle_lr", "1cycle"))] = "one_cycle"
    rise: Annotated[float, also_called("pct_start", "peak_at")] = Field(
        0.3, ge=0, lt=1, description="share of the updates in which the rate rises"
    )
    start: Annotated[float, also_called("initial")] = Field(
        0.04, gt=0, le=1, description="the rate of the first update, as a share of lr"
    )
    end: Annotated[float, also_called("final", "eta_min", "min_lr")] = Field(
        4e-6, ge=0, le=1, description="the rate of the last update, as a share of lr"
    )

    def share(self, update: int, period: int) -> float:
        last = period - 1
        done, peak = min(update - 1, last), max(self.rise * period - 1, 0.0)
        if done < peak:
            return _between(self.start, 1.0, done / peak)
        return _between(1.0, self.end, (done - peak) / (last - peak)) if last > peak else 1.0


def _between(first: float, last: float, done: float) -> float:
    """Return the value on half a cosine from the first value to the last, when this share of it is done."""
    return last + (first - last) * (1 + math.cos(math.pi * done)) / 2
