"""The gradient through time: g_t for every time step t, its logarithmic histogram, and its decay.

The loss is the mean over the batch, so dL/dh_t of a sequence has a factor 1/B. Exact zeros are counted separately from
small numbers: a zero means that no path leads to the loss (or that float32 underflowed), a small number that the path
is weak.

Here are the figures of one run; rnnctl.diagnostics.many_runs has their form for many runs at once.
"""

from __future__ import annotations

import numpy as np
import torch

from rnnctl.diagnostics.histogram import log10_histogram


def gradient_norms(d_TBH: torch.Tensor) -> torch.Tensor:
    """Return |dL/dh_t| of each sequence for t = 1..T, (T, B) float64.

    d_TBH: dL/dh_t for t = 0..T, (T + 1, B, H). The norm is computed in float64, because squares of numbers below 1e-19
    underflow in float32, and small gradients would be counted as zeros.
    """
    return d_TBH[1:].double().square().sum(2).sqrt()


def through_time(norms_TB: torch.Tensor) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return the scalars and the traces of the gradient through time of one run.

    norms_TB: |dL/dh_t|, (T, B).

    Scalars: grad_zero_share, the share of time steps and sequences whose gradient is exactly zero; grad_decay,
    log10(g_1 / g_T) / (T - 1), the decades that the norm gains per step backwards (negative: loses), nan if g_1 or g_T
    is zero or non-finite, and for T = 1.
    Traces: grad_time, g_t = mean over the batch of |dL/dh_t|, (T,) float64; grad_hist, counts over all time steps and
    sequences in the bins of LOG10_EDGES, (172,) uint32.
    """
    norms = norms_TB.cpu().numpy()
    g_T = norms.mean(1)
    scalars = {"grad_zero_share": float((norms == 0).mean()), "grad_decay": decay(g_T)}
    return scalars, {"grad_time": g_T, "grad_hist": log10_histogram(norms)}


def decay(g_T: np.ndarray) -> float:
    """Return log10(g_1 / g_T) / (T - 1), nan if g_1 or g_T is zero or non-finite, and for T = 1."""
    first, last, steps = g_T[0], g_T[-1], len(g_T) - 1
    defined = steps > 0 and first > 0 and last > 0 and np.isfinite(first) and np.isfinite(last)
    return float(np.log10(first / last) / steps) if defined else float("nan")


def reach(d_TBH: torch.Tensor, bound: float) -> torch.Tensor:
    """Return the share of time steps and sequences that the gradient reaches, ().

    d_TBH: dL/dh_t for t = 0..T, (T + 1, B, H). A step of a sequence is reached if its squared norm is at least `bound`.
    """
    return (d_TBH[1:].square().sum(2) >= bound).double().mean()
