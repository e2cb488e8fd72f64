"""How long a batch is."""

from __future__ import annotations

import numpy as np


def drawn_length(rng: np.random.Generator, low: int, high: int) -> int:
    """One length for a batch: uniform from low up to but not including high, as in the program of Pascanu, Mikolov and
    Bengio (2013); or, where the two are equal, that length, for which nothing is drawn.
    """
    return low + (int(rng.integers(high - low)) if high > low else 0)
