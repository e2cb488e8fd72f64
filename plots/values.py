"""Values of hyper-parameters as axes and tables take them: finite numbers, or labels of categories.

This module does not load matplotlib.
"""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

NOT_SET = "not set"


def plain(value: object) -> float | str:
    """Return a finite number as a float, and any other value as the label of its category."""
    if value is None:
        return "none"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, Real) and math.isfinite(value):
        return float(value)
    return str(value)


def category_order(value: float | str) -> tuple[int, float, str]:
    """Return the sort key of categories: false and true, numbers, words, none, not set."""
    if isinstance(value, float):
        return 1, value, ""
    return {"false": 0, "true": 0, "none": 3, NOT_SET: 4}.get(value, 2), 0.0, value
