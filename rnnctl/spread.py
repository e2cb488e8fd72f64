"""Mean and spread of a number over replicates, the runs of a configuration that differ in their seed alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rnnctl.rounding import beyond_rounding
from rnnctl.words import number

HUGE = 1e150  # the square of a number that is not much greater overflows a float64


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and the sample standard deviation of one or more numbers; None for that of a single one."""
    n, largest = len(values), max(map(abs, values))
    if HUGE < largest < math.inf:
        mean, sd = mean_and_sd([value / largest for value in values])
        return largest * mean, None if sd is None else largest * sd
    mean = math.fsum(values) / n
    # Not statistics.stdev: its exact fractions take most of the time of a leaderboard over thousands of runs.
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1)) if n > 1 else None


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
        mean, sd = mean_and_sd(known)
        n = len(known)
        return cls(mean, None if sd is None else beyond_rounding(sd, max(map(abs, known)), n), n)

    def text(self, scale: float = 1.0, digits: int = 4) -> str:
        """Return `mean ± sd`, or the mean alone for a single value, for a table. scale: both are multiplied by it."""
        mean = number(scale * self.mean, digits)
        return mean if self.sd is None else f"{mean} ± {number(scale * self.sd, 2)}"
