"""The best validation of a run so far, and how long its patience has waited for a better one."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from rnnctl.tasks.base import Baseline


@dataclass
class Best:
    """The best validation so far, and the number of checks without an improvement. Losses are compared by their
    difference from the floor of their own samples, as a screen's samples have another floor than all samples.
    """

    loss: float = math.inf
    floor: float = math.nan
    floor_se: float = 0.0
    chance_error: float = math.nan
    error: float = math.inf
    step: int = 0
    bits_per_byte: float | None = None  # of text
    broke_floor_at: int | None = None
    patience_excess: float = math.inf  # the best value of the figure that patience watches
    stale_checks: int = 0

    @property
    def excess(self) -> float:
        return self.loss - self.floor if math.isfinite(self.loss) else math.inf

    def wait(self, value: float, min_delta: float) -> None:
        """Count a check for patience. value: see Stop.watched. min_delta: the least improvement."""
        improved = value < self.patience_excess - min_delta
        self.stale_checks = 0 if improved else self.stale_checks + 1
        self.patience_excess = value if improved else self.patience_excess

    def judge_by(self, baseline: Baseline) -> None:
        """Take a baseline as the floor that the best validation is compared with."""
        self.floor, self.floor_se, self.chance_error = baseline.loss, baseline.loss_se, baseline.error

    def rejudge(self, baselines: Collection[Baseline], *, watches_loss: bool) -> None:
        """Judge a resumed run by the floors of this version. watches_loss: whether patience watches the loss.

        Floors of text have changed. Differences from a former floor cannot be compared with those from another.
        """
        if not math.isfinite(self.floor):
            return
        baseline = min(baselines, key=lambda baseline: abs(baseline.loss - self.floor))
        if baseline.loss == self.floor:
            return
        if watches_loss:
            self.patience_excess += self.floor - baseline.loss
        self.judge_by(baseline)
        if not baseline.broken_by(self.loss):
            self.broke_floor_at = None
