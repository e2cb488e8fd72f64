"""Constructed histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from store.history import History


def history(steps: Sequence[int], **scalars: Sequence[float]) -> History:
    """Return a history of checks after these updates."""
    columns: Mapping[str, Sequence[float]] = scalars
    return History(
        np.array(steps, dtype=np.int64),
        {name: np.array(values, dtype=np.float64) for name, values in columns.items()},
        {},
    )
