"""Paired timings of two callables."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LEAST_SECONDS = 0.05  # a timing goes over as many calls as take this long


@dataclass(frozen=True)
class Pair:
    """Seconds a unit of work takes in ours and in the rival, pair by pair."""

    name: str
    rival: str
    ours_seconds: list[float]
    rival_seconds: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours was, pair by pair, smallest first."""
        return sorted(r / o for o, r in zip(self.ours_seconds, self.rival_seconds, strict=True))

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "rival": self.rival,
            "ours_seconds": statistics.median(self.ours_seconds),
            "rival_seconds": statistics.median(self.rival_seconds),
            "ratio": self.ratio,
            "ratio_min": self.ratios[0],
            "ratio_max": self.ratios[-1],
            "pairs": len(self.ratios),
        }


def paired(
    name: str,
    rival_name: str,
    ours: Callable[[], Any],
    rival: Callable[[], Any],
    *,
    repeats: int,
    ours_units: int = 1,
    rival_units: int = 1,
) -> Pair:
    """Time both in turn, after a warm-up. Units: how many units of work one call does."""
    calls = [_calls(ours), _calls(rival)]
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for timings, work, n, units in zip(found, (ours, rival), calls, (ours_units, rival_units), strict=True):
            timings.append(_seconds(work, n) / (n * units))
    return Pair(name, rival_name, *found)


def _calls(work: Callable[[], Any]) -> int:
    work()  # compiles, allocates, fills caches
    once = _seconds(work, 1)
    return max(1, round(LEAST_SECONDS / once))


def _seconds(work: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return time.perf_counter() - start
