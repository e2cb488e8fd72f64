"""Whether a gradient vanished or exploded on its way back through time, told from histograms of log10 |dL/dh_t|.

Loads no torch, for those who only read histograms.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnctl.diagnostics.histogram import LOG10_EDGES

# Vanished, below 1e-8: the course assignment that asks for this histogram calls a gradient vanished where its mass lies
# near 1e-8 to 1e-12, and what is smaller still has vanished all the more. Next to a gradient of order 1 at the last
# step, 1e-8 is also what a float32 sum over the steps no longer sees.
VANISHED = -8.0
# Exploded, from 100 on: while its weights are of order 1, an output hands the last step a gradient of order 1 at most,
# so one of 100 has grown on its way back; and the cut-offs of the literature, .01 to 45, all lie below.
EXPLODED = 2.0


class Verdict(NamedTuple):
    """Shares of all steps and sequences, which add up to 1 (nan where nothing was counted)."""

    zero: float  # exactly: no path leads to the loss, or the numbers ran out
    vanishing: float  # a path is there, but below 10 ** VANISHED
    ordinary: float
    exploding: float  # 10 ** EXPLODED and more, or no number any more

    def __str__(self) -> str:
        return (
            f"vanished below 1e{VANISHED:.0f}: {_percent(self.vanishing)}, exact zeros {_percent(self.zero)}\n"
            f"exploded from 1e{EXPLODED:.0f}: {_percent(self.exploding)}"
        )


def verdict(counts: np.ndarray, zero_share: float, values: int | None = None) -> Verdict:
    """The shares that a check's grad_hist and grad_zero_share come to.

    counts: of the positive finite values between LOG10_EDGES, (172,). zero_share: of all values. values: how many there
    were in all, so that those in neither are known to be no numbers (they count as exploded); if None, there were none
    of them. Raises ValueError for other counts, and for a share outside [0, 1].
    """
    counts = np.asarray(counts, dtype=float)
    if counts.shape != (len(LOG10_EDGES) - 1,):
        raise ValueError(f"counts have the shape {counts.shape}, and should have {(len(LOG10_EDGES) - 1,)}")
    if not 0 <= zero_share <= 1:
        raise ValueError(f"zero_share is {zero_share}, and should be in [0, 1]")
    positive = counts.sum()
    if values is None:
        if zero_share < 1 and not positive:
            return Verdict(*[float("nan")] * 4)
        values = positive / (1 - zero_share) if zero_share < 1 else 1
    vanishing = counts[LOG10_EDGES[1:] <= VANISHED].sum()
    exploding = counts[LOG10_EDGES[:-1] >= EXPLODED].sum()
    lost = max(0, round(values * (1 - zero_share) - positive))
    shares = (positive - vanishing - exploding, vanishing, exploding + lost)
    ordinary, vanishing, exploding = (float(share / values) for share in shares)
    return Verdict(zero_share, vanishing, ordinary, exploding)


def _percent(share: float) -> str:
    """Per cent without pretending that a few are none, or that nearly all are all."""
    if share != share:
        return "-"
    text = "<1" if 0 < share < 0.005 else ">99" if 0.995 <= share < 1 else f"{100 * share:.0f}"
    return f"{text} %"
