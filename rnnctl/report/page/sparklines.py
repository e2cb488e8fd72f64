"""Small curves for the cells of a table: the course of one quantity of one run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 96, 44  # in the units of the drawing, which the style sheet scales
MOST_POINTS = 24


def sparkline(values: npt.NDArray[np.float64], low: float, high: float) -> str:
    """Return a curve as an `svg` element, empty without two finite values.

    values: (N,) from the first to the last check. low, high: the limits of the vertical axis, which all curves of a
    column share.
    """
    at = np.flatnonzero(np.isfinite(values))
    if len(at) < 2:
        return ""
    if len(at) > MOST_POINTS:
        at = at[np.linspace(0, len(at) - 1, MOST_POINTS).round().astype(int)]
    span = high - low or 1.0
    x = 1 + (WIDTH - 2) * at / (len(values) - 1)
    y = HEIGHT - 2 - (HEIGHT - 4) * np.clip((values[at] - low) / span, 0, 1)
    points = " ".join(f"{a:.0f},{b:.0f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    box = f'class="sparkline" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true"'
    return f'<svg {box}><polyline points="{points}"/></svg>'
