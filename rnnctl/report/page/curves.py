"""The numbers of curves, for readers who zoom into a figure or look for a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from plots import Series

MOST_POINTS = 20_000  # of all curves of a figure
FEWEST_POINTS = 12  # of each
DIGITS = 5


def curves(
    series: Sequence[Series],
    runs: Sequence[str],
    *,
    y_label: str,
    log_y: bool,
    levels: Sequence[tuple[float, str]],
) -> dict[str, Any]:
    """Return curves over updates as JSON values. runs: the id of the run of each. levels: constant lines with labels.

    Of long curves, the least and the greatest value of each stretch are kept, so that no peak is lost.
    """
    most = max(FEWEST_POINTS, MOST_POINTS // max(1, len(series)))
    last = max((int(each.updates[-1]) for each in series if len(each.updates)), default=0)
    lines = [
        {
            "name": each.label,
            "group": each.group,
            "run": run,
            **_points(each.updates, each.values, most),
            "floor": False,
        }
        for each, run in zip(series, runs, strict=True)
    ]
    lines += [
        {"name": label, "group": "", "run": "", "x": [0, last], "y": [_rounded(value)] * 2, "floor": True}
        for value, label in levels
    ]
    return {"x_label": "updates", "y_label": y_label, "log_x": False, "log_y": log_y, "lines": lines}


def _points(updates: npt.NDArray[Any], values: npt.NDArray[np.float64], most: int) -> dict[str, list[float]]:
    kept = thinned(values, most)
    return {"x": [int(update) for update in updates[kept]], "y": [_rounded(value) for value in values[kept].tolist()]}


def thinned(values: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.intp]:
    """Return the indices of at most `most` finite values, in order: the ends, and the extremes of equal stretches."""
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) <= most:
        return finite
    kept = {0, len(finite) - 1}
    for stretch in np.array_split(np.arange(1, len(finite) - 1), max(1, (most - 2) // 2)):
        some = values[finite[stretch]]
        kept |= {int(stretch[some.argmin()]), int(stretch[some.argmax()])}
    return finite[sorted(kept)]


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
