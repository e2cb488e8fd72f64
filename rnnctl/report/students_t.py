"""Student's t distribution."""

from __future__ import annotations

import math
from functools import cache


def probability_below(t: float, freedom: int) -> float:
    """Return the probability that a t with this many degrees of freedom is below `t`.

    The finite series of Abramowitz and Stegun (1964), 26.7.3 and 26.7.4.
    """
    theta = math.atan2(t, math.sqrt(freedom))
    cos = math.cos(theta)
    if freedom % 2:
        term, total = cos, 0.0
        for k in range(1, freedom // 2 + 1):
            total += term
            term *= cos * cos * 2 * k / (2 * k + 1)
        inside = 2 / math.pi * (theta + math.sin(theta) * total)
    else:
        term, total = 1.0, 0.0
        for k in range(1, freedom // 2 + 1):
            total += term
            term *= cos * cos * (2 * k - 1) / (2 * k)
        inside = math.sin(theta) * total
    return (1 + inside) / 2


@cache
def quantile(probability: float, freedom: int) -> float:
    """Return the t, 0 or more, that is exceeded with 1 - `probability`; probability is in [0.5, 1)."""
    low, high = 0.0, 1.0
    while probability_below(high, freedom) < probability:
        high *= 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if probability_below(middle, freedom) < probability else (low, middle)
    return high
