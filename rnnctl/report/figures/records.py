"""From the history of a run to the tidy records that figures are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import plots
from plots import Histogram, Trace
from rnnctl.diagnostics.histogram import LOG10_EDGES
from rnnctl.diagnostics.verdict import verdict
from rnnctl.report.results import Result

if TYPE_CHECKING:
    from store.history import History


def end(run: Result) -> str | None:
    """Return how a run ended, if figures have a mark for it."""
    return run.ended if run.ended in plots.ENDS else None


def trace(run: Result, history: History, name: str, quantity: str = "") -> Trace:
    """Return a trace over time steps at the checks that have one; shorter rows are filled up with NaN."""
    rows = _rows(history, name)
    values = np.full((len(rows), max(map(len, rows.values()), default=1)), np.nan)
    for line, row in zip(values, rows.values(), strict=True):
        line[: len(row)] = row
    return Trace(run.label, run.group, history.steps[list(rows)], values, quantity)


def distances(run: Result, history: History, name: str, limit: float, quantity: str = "") -> Histogram:
    """Return the counts of a distance at the checks that have them, in equal bins from 0 to `limit`."""
    rows = _rows(history, name)
    counts = np.array(list(rows.values()), dtype=float)
    edges = np.linspace(0, limit, counts.shape[1] + 1)
    return Histogram(run.label, run.group, history.steps[list(rows)], edges, counts, quantity=quantity)


def gradients(run: Result, history: History) -> Histogram:
    """Return the counts of log10 |dL/dh_t| over steps and sequences; the remark is the verdict on the last check."""
    rows = _rows(history, "grad_hist")
    at = list(rows)
    counts = np.stack(list(rows.values())).astype(float)
    batch = run.spec.check.diagnostic_batch
    lengths = _rows(history, "grad_time")
    values = np.array([batch * len(lengths[i]) for i in at])
    share = np.clip(np.nan_to_num(history.scalars["grad_zero_share"][at]), 0, 1)
    zeros = np.round(share * values)
    non_finite = np.maximum(0, values - zeros - counts.sum(1))
    words = str(verdict(counts[-1], float(share[-1]), int(values[-1])))
    return Histogram(run.label, run.group, history.steps[at], LOG10_EDGES, counts, zeros, non_finite, remark=words)


def _rows(history: History, name: str) -> dict[int, np.ndarray]:
    """Return the rows of a trace by index of the check; checks without one are left out."""
    return {i: row for i, row in enumerate(history.traces[name]) if row is not None}
