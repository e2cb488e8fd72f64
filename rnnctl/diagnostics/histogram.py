"""Logarithmic histograms, with the same bins for every run and check. This module does not load torch."""

from __future__ import annotations

from functools import cache

import numpy as np

# Bins of half a decade over the whole range of float32.
LOG10_EDGES = np.linspace(-46.0, 40.0, 173)
GATE_LIMIT = 0.5  # the greatest distance min(v, 1 - v) of a gate v


def log10_histogram(values: np.ndarray) -> np.ndarray:
    """Return the counts of log10 of the positive finite values in the bins of LOG10_EDGES, (172,) uint32.

    Values beyond the outer edges are counted in the outer bins.
    """
    positive = values[np.isfinite(values) & (values > 0)]
    logs = np.clip(np.log10(positive), LOG10_EDGES[0], LOG10_EDGES[-1])
    return np.histogram(logs, LOG10_EDGES)[0].astype(np.uint32)


@cache
def log10_cuts() -> np.ndarray:
    """Return what separates zero, the bins of `log10_histogram`, and infinity: (173,) float64, ascending.

    Counts of numbers below each cut give the same bins as NumPy's logarithms do: a cut is the smallest number whose
    log10 is at least an inner edge. The first cut is the smallest positive number, the last one infinity.
    """
    edges = LOG10_EDGES[1:-1]
    cuts = 10.0**edges
    while (lower := np.log10(np.nextafter(cuts, 0)) >= edges).any():
        cuts = np.where(lower, np.nextafter(cuts, 0), cuts)
    while (higher := np.log10(cuts) < edges).any():
        cuts = np.where(higher, np.nextafter(cuts, np.inf), cuts)
    return np.concatenate([[np.nextafter(0.0, 1.0)], cuts, [np.inf]])
