"""Spreads that are nothing but rounding.

Three runs with an error of exactly .72 have a mean in float64 that is not quite .72, so that their standard deviation
comes out as 1.4e-16. A reader would take that for a small difference between the runs.
"""

from __future__ import annotations

import sys

EPSILON = sys.float_info.epsilon
OWN = 4  # roundings that each value may have had before it got here


def beyond_rounding(spread: float, magnitude: float, n: int) -> float:
    """Return a spread, or 0 if it is not larger than what rounding in float64 leaves of n equal values.

    spread: a standard deviation, a standard error or a difference. magnitude: the largest absolute value among the
    numbers that it was computed from. n: how many they are. A sum of n numbers is off by at most n roundings, each of
    at most half an epsilon of the magnitude (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2).
    """
    return 0.0 if abs(spread) <= (n + OWN) * EPSILON * magnitude else spread
