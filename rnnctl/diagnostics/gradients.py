"""The gradient on its way back through time: g_t for every t, its logarithmic histogram, and how far it reaches.

The loss is the mean over the batch, so dL/dh_t of a sequence carries a factor 1/B. Exact zeros are counted apart from
small numbers: the first say that no path leads to the loss (or that float32 ran out), the second that a path is weak.
"""

from __future__ import annotations

import numpy as np
import torch

from rnnctl.diagnostics.histogram import log10_histogram


def gradient_norms(d_TBH: torch.Tensor) -> torch.Tensor:
    """|dL/dh_t| of each sequence for t = 1..T, (T, B) float64, from d for t = 0..T, (T + 1, B, H).

    In float32 the squares of what is below 1e-19 would be lost, and small gradients pass for zeros.
    """
    return d_TBH[1:].double().square().sum(2).sqrt()


def through_time(norms_TB: torch.Tensor) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Scalars and traces of the gradient through time of one run.

    grad_time: (T,) float64, g_t = mean over the batch of |dL/dh_t|; grad_hist: counts over all steps and sequences
    between LOG10_EDGES; grad_zero_share: share of steps and sequences where the gradient is exactly zero; grad_decay:
    log10(g_1 / g_T) / (T - 1), decades that the gradient's norm gains (loses, where negative) in each step back; nan
    where an end is zero or T = 1.
    """
    values = norms_TB.cpu().numpy()
    g_t = values.mean(1)
    first, last, steps = g_t[0], g_t[-1], len(g_t) - 1
    sound = steps > 0 and first > 0 and last > 0 and np.isfinite(first) and np.isfinite(last)
    scalars = {
        "grad_zero_share": float((values == 0).mean()),
        "grad_decay": float(np.log10(first / last) / steps) if sound else float("nan"),
    }
    return scalars, {"grad_time": g_t, "grad_hist": log10_histogram(values)}


def reach(d_TBH: torch.Tensor, bound: float) -> torch.Tensor:
    """Return the share of steps and sequences that the gradient reaches, (), from dL/dh_t for t = 0..T, (T + 1, B, H).

    It reaches a step of a sequence where its squared norm is `bound` or more.
    """
    return (d_TBH[1:].square().sum(2) >= bound).double().mean()
