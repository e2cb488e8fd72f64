"""Logarithmic histograms, in bins that are the same for every run and check. Loads no torch, for those who only read
them.
"""

from __future__ import annotations

import numpy as np

# Half decades over the whole range of float32.
LOG10_EDGES = np.linspace(-46.0, 40.0, 173)


def log10_histogram(values: np.ndarray) -> np.ndarray:
    """Counts of log10 of the positive finite values between LOG10_EDGES; values beyond the ends count in the end
    bins.
    """
    positive = values[np.isfinite(values) & (values > 0)]
    logs = np.clip(np.log10(positive), LOG10_EDGES[0], LOG10_EDGES[-1])
    return np.histogram(logs, LOG10_EDGES)[0].astype(np.uint32)
