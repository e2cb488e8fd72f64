"""Vanished and exploded gradients: their shares, from a histogram of log10 |dL/dh_t|.

This module does not load torch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnctl.diagnostics.histogram import LOG10_EDGES

# Vanished below 1e-8: values of 1e-8 to 1e-12 are commonly called vanished, and 1e-8 is also the size that a float32
# sum over time steps loses beside a gradient of order 1 at the last step.
VANISHED = -8.0
# Exploded from 100 on: with weights of order 1, the output gives the last step a gradient of order 1 at most, so a
# gradient of 100 has grown on its way back. The cut-offs in the literature, .01 to 45, are all lower.
EXPLODED = 2.0


class Verdict(NamedTuple):
    """Shares of all time steps and sequences, with sum 1 (all nan if there are no values)."""

    zero: float  # exactly 0: no path leads to the loss, or the number underflowed
    vanishing: float  # positive, but below 10 ** VANISHED
    ordinary: float
    exploding: float  # 10 ** EXPLODED or more, or non-finite

    def __str__(self) -> str:
        return (
            f"vanished below 1e{VANISHED:.0f}: {percent(self.vanishing)}, exact zeros {percent(self.zero)}\n"
            f"exploded from 1e{EXPLODED:.0f}: {percent(self.exploding)}"
        )


def verdict(counts: np.ndarray, zero_share: float, values: int | None = None) -> Verdict:
    """Return the shares for the grad_hist and grad_zero_share of a check.

    counts: of the positive finite values in the bins of LOG10_EDGES, (172,). zero_share: share of exact zeros among all
    values. values: number of all values; those that are neither zero nor counted are non-finite, and count as exploded.
    If None, all values are taken to be finite. Raises ValueError for counts of another shape, and for a share outside
    [0, 1].
    """
    counts = np.asarray(counts, dtype=float)
    if counts.shape != (len(LOG10_EDGES) - 1,):
        raise ValueError(f"counts have the shape {counts.shape}, and should have {(len(LOG10_EDGES) - 1,)}")
    if not 0 <= zero_share <= 1:
        raise ValueError(f"zero_share is {zero_share}, and should be in [0, 1]")
    positive = float(counts.sum())
    if values is not None:
        total = float(values)
    elif zero_share < 1:
        if not positive:
            return Verdict(*[float("nan")] * 4)
        total = positive / (1 - zero_share)
    else:
        total = 1.0
    vanishing = float(counts[LOG10_EDGES[1:] <= VANISHED].sum())
    exploding = float(counts[LOG10_EDGES[:-1] >= EXPLODED].sum())
    non_finite = max(0, round(total * (1 - zero_share) - positive))
    ordinary = positive - vanishing - exploding
    return Verdict(zero_share, vanishing / total, ordinary / total, (exploding + non_finite) / total)


def percent(share: float, *bounds: float) -> str:
    """Format a share in whole per cent; small shares are "<1 %" instead of 0, and large ones ">99 %" instead of 100.

    bounds: of verdicts. A share just below one gets the decimals that show it: 9.96 %, where 0.1 is a bound.
    """
    if share != share:
        return "-"
    if 0 < share < 0.005 or 0.995 <= share < 1:
        return "<1 %" if share < 0.5 else ">99 %"
    texts = (f"{100 * share:.{digits}f}" for digits in range(4))
    fitting = (text for text in texts if all((float(text) / 100 < b) == (share < b) for b in bounds))
    return next(fitting, f"just below {100 * min((b for b in bounds if b > share), default=1.0):g}") + " %"
