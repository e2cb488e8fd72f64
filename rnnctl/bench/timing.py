"""Alternating timings of two callables."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _nothing() -> None:
    """Wait for nothing: the CPU is done when a call returns."""


@dataclass(frozen=True)
class Timer:
    """How calls are timed.

    least_seconds: a timing repeats the call for about this long. warm_ups: calls before the first timing; they compile,
    allocate, fill caches and record graphs. finish: waits until the device has done what it was asked to do.
    """

    least_seconds: float = 0.05
    warm_ups: int = 1
    finish: Callable[[], Any] = _nothing

    def calls(self, work: Callable[[], Any]) -> int:
        """Warm up, and return the number of calls that take about `least_seconds`."""
        for _ in range(self.warm_ups):
            work()
        return max(1, round(self.least_seconds / self.seconds(work, 1)))

    def seconds(self, work: Callable[[], Any], calls: int, lead: int = 0) -> float:
        """Return the seconds that a number of calls take. lead: calls before, which are not timed."""
        for _ in range(lead):
            work()
        self.finish()
        start = time.perf_counter()
        for _ in range(calls):
            work()
        self.finish()
        return time.perf_counter() - start


ON_CPU = Timer()


@dataclass(frozen=True)
class Comparison:
    """Seconds per unit of work of rnnctl and of a baseline, one pair of timings per repeat."""

    name: str
    baseline: str
    rnnctl_seconds: list[float]
    baseline_seconds: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster rnnctl was, pair by pair, in ascending order."""
        pairs = zip(self.rnnctl_seconds, self.baseline_seconds, strict=True)
        return sorted(baseline / rnnctl for rnnctl, baseline in pairs)

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    def as_json(self) -> dict[str, Any]:
        """Return medians and extremes as a JSON object."""
        return {
            "name": self.name,
            "baseline": self.baseline,
            "rnnctl_seconds": statistics.median(self.rnnctl_seconds),
            "baseline_seconds": statistics.median(self.baseline_seconds),
            "ratio": self.ratio,
            "ratio_min": self.ratios[0],
            "ratio_max": self.ratios[-1],
            "pairs": len(self.ratios),
        }


def compare(
    name: str,
    rnnctl: Callable[[], Any],
    baseline_name: str,
    baseline: Callable[[], Any],
    *,
    repeats: int,
    rnnctl_units: int = 1,
    baseline_units: int = 1,
    rnnctl_lead: int = 0,
    timer: Timer = ON_CPU,
) -> Comparison:
    """Time both callables alternately, `repeats` times, after a warm-up.

    rnnctl_units, baseline_units: units of work that one call does. rnnctl_lead: calls before each timing of rnnctl, to
    use up what was prepared while the baseline ran.
    """
    rnnctl_calls, baseline_calls = timer.calls(rnnctl), timer.calls(baseline)
    rnnctl_seconds, baseline_seconds = [], []
    for _ in range(repeats):
        rnnctl_seconds.append(timer.seconds(rnnctl, rnnctl_calls, rnnctl_lead) / (rnnctl_calls * rnnctl_units))
        baseline_seconds.append(timer.seconds(baseline, baseline_calls) / (baseline_calls * baseline_units))
    return Comparison(name, baseline_name, rnnctl_seconds, baseline_seconds)
