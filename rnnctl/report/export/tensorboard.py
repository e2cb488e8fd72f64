"""A run as events of TensorBoard."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from rnnctl.diagnostics.histogram import LOG10_EDGES
from rnnctl.report.specs import resolved

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from store.history import History
    from store.queries import RunRow

GRADIENT = "log10_gradient_through_time"


def write_events(writer: SummaryWriter, row: RunRow, history: History) -> None:
    """Write the spec, the finite values of every scalar, and the histograms of the gradient through time.

    The spec is a text, with the values of all defaults.
    A histogram holds log10 |dL/dh_t| over steps and sequences without exact zeros, one for each check with a diagnosis.
    history: with traces. TensorBoard's wall time is that of the export; its steps are updates.
    """
    writer.add_text("spec", f"```\n{json.dumps(resolved(row.spec), indent=2)}\n```")
    for name, values in history.scalars.items():
        for step, value in zip(history.steps.tolist(), values.tolist(), strict=True):
            if math.isfinite(value):
                writer.add_scalar(name, value, step)
    for step, counts in zip(history.steps.tolist(), history.traces.get("grad_hist", ()), strict=False):
        if counts is not None and counts.any():
            _add_histogram(writer, counts, step)


def _add_histogram(writer: SummaryWriter, counts: np.ndarray, step: int) -> None:
    used = np.flatnonzero(counts)
    bins = slice(used[0], used[-1] + 1)
    low, high = LOG10_EDGES[:-1][bins], LOG10_EDGES[1:][bins]
    counts, middle = counts[bins].astype(float), (low + high) / 2
    writer.add_histogram_raw(
        GRADIENT,
        min=low[0],
        max=high[-1],
        num=int(counts.sum()),
        sum=float(counts @ middle),
        sum_squares=float(counts @ middle**2),
        bucket_limits=high.tolist(),
        bucket_counts=counts.tolist(),
        global_step=step,
    )
