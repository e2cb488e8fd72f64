"""The status of a run in one word. This is the one definition of these words, see STATUSES in rnnctl.measures.

diverged       the run ended because a loss, a gradient or a weight was not finite
at_floor       no check so far was clearly below the floor
learning       a check was clearly below the floor (what clearly means: rnnctl.tasks.base.Baseline.broken_by)
near_entropy   the best loss has come NEAR of the way from the floor to the loss of a perfect predictor

The first that applies is that of the run, except that near_entropy goes before learning. A run that has not been
checked has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NEAR = 0.9


def status_of(summary: Mapping[str, Any], outcome: str | None) -> str | None:
    """Return the status of a run with this summary and outcome; None before its first check."""
    if outcome == "diverged":
        return "diverged"
    floor, loss = summary.get("floor"), summary.get("best_loss")
    if floor is None:
        return None
    if summary.get("broke_floor_at") is None or loss is None:
        return "at_floor"
    perfect = (summary.get("last") or {}).get("valid_perfect") or 0.0
    return "near_entropy" if floor - loss >= NEAR * (floor - perfect) else "learning"
