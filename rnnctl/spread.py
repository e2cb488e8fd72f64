"""Mean and spread of a number over replicates, the runs of a configuration that differ in their seed alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rnnctl.rounding import beyond_rounding
from rnnctl.words import number


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation and number of values.

    sd: None for a single value, 0 if rounding alone can explain it.
    """

    mean: float
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """Return the spread of the values that are not None; None if there are none."""
        known = [value for value in values if value is not None]
        if not known:
            return None
        n = len(known)
        mean = math.fsum(known) / n
        # Not statistics.stdev: its exact fractions take most of the time of a leaderboard over thousands of runs.
        sd = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (n - 1)) if n > 1 else None
        return cls(mean, None if sd is None else beyond_rounding(sd, max(map(abs, known)), n), n)

    def text(self, scale: float = 1.0, digits: int = 4) -> str:
        """Return `mean ± sd`, or the mean alone for a single value, for a table. scale: both are multiplied by it."""
        mean = number(scale * self.mean, digits)
        return mean if self.sd is None else f"{mean} ± {number(scale * self.sd, 2)}"
