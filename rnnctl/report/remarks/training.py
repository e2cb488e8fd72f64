"""How training went: whether it broke the floor, whether it diverged, and how often it clipped the gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rnnctl.diagnostics.verdict import percent
from rnnctl.report.remarks.remark import UNDECIDED, Remark, Topic, scalar, with_unit
from rnnctl.words import counted
from store.history import History
from store.queries import OUTCOMES

if TYPE_CHECKING:
    from rnnctl.report.results import Result

RARE, MOST = 0.1, 0.9  # shares of updates

FLOOR = Topic(
    "floor",
    "whether a check was clearly below the floor, as defined above, and when",
    {
        "broken": "a check was clearly below the floor",
        "not broken": "the run has ended, and no check was",
        "not yet": "the run has not ended, and no check was so far",
        UNDECIDED: "the run has not ended, and has no check after an update",
    },
)

DIVERGENCE = Topic(
    "divergence",
    "how the run ended",
    {
        "diverged": "the run ended because a loss, a gradient or a weight was non-finite",
        "none": "the run ended in another way",
        "none so far": "the run has not ended",
    },
)

CLIPPING = Topic(
    "clipping",
    "the share of all updates whose gradient was clipped",
    {
        "off": "`train.clip` is none",
        "never": "no update",
        "rare": f"less than {percent(RARE)} of the updates",
        "frequent": f"from {percent(RARE)} to {percent(MOST)}",
        "nearly always": f"{percent(MOST)} or more",
        UNDECIDED: "no check after an update has recorded the share",
    },
)


def floor(result: Result, unit: str) -> Remark:
    """Return whether the floor was broken, and when. unit: of the loss."""
    if not result.checked:
        if result.ended in OUTCOMES:
            return FLOOR.remark("not broken", "No check after an update had a finite loss.")
        return FLOOR.remark(UNDECIDED, "The run has no check after an update yet.")
    level = f"the floor of {with_unit(result.floor, unit, result.floor_se)}"
    best = "" if result.loss is None else f" The best validation loss is {with_unit(result.loss, unit)}"
    if best and result.best_at is not None:
        best += f", at update {result.best_at:,}"
    best += "." if best else ""
    if result.broke_floor_at is None:
        ended = result.ended in OUTCOMES
        text = f"No check {'was' if ended else 'so far was'} clearly below {level}.{best}"
        return FLOOR.remark("not broken" if ended else "not yet", text)
    text = f"The check at update {result.broke_floor_at:,} was the first that was clearly below {level}.{best}"
    if result.last_loss is not None and result.floor is not None and result.last_loss >= result.floor:
        text += f" At the newest check it was {with_unit(result.last_loss, unit)}, no longer below the floor."
    return FLOOR.remark("broken", text)


def divergence(result: Result) -> Remark:
    """Return whether the run diverged, and when."""
    at = f"update {result.updates:,} of {result.budget:,}"
    if result.ended == "diverged":
        text = f"The run diverged: a loss, a gradient or a weight was non-finite. It ended at {at}."
        return DIVERGENCE.remark("diverged", text)
    if result.ended in OUTCOMES:
        return DIVERGENCE.remark("none", f"The run did not diverge. It ended at {at}.")
    return DIVERGENCE.remark("none so far", f"The run has not diverged so far. It is at {at}.")


def clipping(past: History, cutoff: float | None) -> Remark:
    """Return how many updates were clipped. cutoff: the norm from which they are; None without clipping."""
    if cutoff is None:
        return CLIPPING.remark("off", "Gradients are not clipped (train.clip is none).")
    updates, share = share_of_updates(past, "clip_share")
    if share is None:
        return CLIPPING.remark(UNDECIDED, "No check after an update has recorded how many updates were clipped.")
    of_all = f"{percent(share, RARE, MOST)} of {counted(updates, 'update')}"
    text = f"{of_all} were clipped to a gradient norm of {cutoff:g}."
    _, guarded = share_of_updates(past, "guard_share")
    if guarded:
        text += f" In {percent(guarded)} the gradient was non-finite or its norm above 1e10: the guard acted instead."
    verdict = "never" if not share else "rare" if share < RARE else "frequent" if share < MOST else "nearly always"
    return CLIPPING.remark(verdict, text)


def share_of_updates(past: History, name: str) -> tuple[int, float | None]:
    """Return the number of updates that a scalar of shares since the last check covers, and the share among all of
    them; None without such a check.
    """
    shares = scalar(past, name)
    since = np.diff(past.steps, prepend=0)
    recorded = np.isfinite(shares) & (since > 0)
    covered = int(since[recorded].sum())
    if not covered:
        return 0, None
    return covered, min(1.0, math.fsum((shares[recorded] * since[recorded]).tolist()) / covered)
