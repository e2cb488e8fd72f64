"""The length of a batch."""

from __future__ import annotations

import numpy as np


def drawn_length(rng: np.random.Generator, low: int, high: int) -> int:
    """Draw a length uniformly from low up to but not including high, as in the program of Pascanu, Mikolov and Bengio
    (2013). If the two are equal, return that length and draw nothing.
    """
    return low + (int(rng.integers(high - low)) if high > low else 0)
