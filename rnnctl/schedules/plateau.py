"""A learning rate that falls when the validation loss has stopped to fall, as torch's ReduceLROnPlateau has it.

Its threshold is `min_delta`, with threshold_mode abs, and its patience is one less than ours: the rate falls after the
last of `patience` checks in a row without an improvement.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from rnnctl.schedules.section import Checked, ScheduleSection, Seen
from rnnctl.section import HOST, NAMESAKE, NotNegative, also_called

_OTHERS = ("reduce_on_plateau", "reduce_lr_on_plateau", "reducelronplateau", "on_plateau")


class PlateauSection(ScheduleSection):
    """The rate is multiplied by the factor when checks in a row have brought no improvement of the loss."""

    name: Annotated[Literal["plateau"], also_called(plateau=_OTHERS)] = "plateau"
    factor: Annotated[float, also_called("gamma", "decay", "decay_rate")] = Field(
        0.5, gt=0, lt=1, description="what the rate is multiplied by each time"
    )
    patience: Annotated[int, NAMESAKE, also_called("wait", "n_bad_epochs")] = Field(
        10, ge=1, description="checks in a row without an improvement after which the rate falls"
    )
    min_delta: Annotated[NotNegative, HOST, NAMESAKE, also_called("threshold", "tolerance")] = Field(
        1e-4, description="least improvement that counts, in the unit of the loss above the floor"
    )
    end: Annotated[float, also_called("min_lr", "eta_min", "least")] = Field(
        0.0, ge=0, lt=1, description="what the rate never falls below, as a share of lr"
    )

    @property
    def reads_checks(self) -> bool:
        return True

    def rate(self, lr: float, update: int) -> float:
        return lr

    def observe(self, seen: Seen, check: Checked) -> Seen:
        best, stale, falls = (seen.get(name, start) for name, start in _START.items())
        improved = check.excess < best - self.min_delta
        best, stale = (check.excess, 0) if improved else (best, stale + 1)
        if stale >= self.patience:
            stale, falls = 0, falls + 1
        return dict(zip(_START, (best, stale, falls), strict=True))

    def after_checks(self, lr: float, update: int, updates: int, seen: Seen) -> float:
        share: float = self.factor ** seen.get("falls", 0.0)
        return lr * max(self.end, share)


# The least loss above the floor so far, the checks since then or since the rate fell, and how often it fell.
_START = {"best": math.inf, "stale": 0.0, "falls": 0.0}
