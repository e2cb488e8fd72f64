"""The replicates of each configuration as one curve: their mean, with a band from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plots.data import Series

HANDFUL = 8  # runs in a panel; more are drawn as means over replicates, if there are any
LASTING = ("solved", "budget", "early_stop")  # endings after which the last value of a run stands


def crowded(series: Sequence[Series]) -> bool:
    """Return whether a panel has more runs than a handful, and some of them are replicates."""
    return len(series) > HANDFUL and len({run.group for run in series}) < len(series)


def averaged(series: Sequence[Series]) -> list[Series]:
    """Return a curve for each group that has a finite value, labelled with the group.

    The curve is the mean over the finite values of the group's runs at each update, the band goes from the lowest to
    the highest of them. A run that has solved its task, used up its budget or stopped early keeps its last value, so
    that the mean does not jump where single runs end. Other runs count up to their last check.
    """
    groups: dict[str, list[Series]] = {}
    for run in series:
        groups.setdefault(run.group, []).append(run)
    return [_mean(group, runs) for group, runs in groups.items() if any(np.isfinite(run.last) for run in runs)]


def _mean(group: str, runs: Sequence[Series]) -> Series:
    updates = np.unique(np.concatenate([run.updates for run in runs]))
    values_RN = np.full((len(runs), len(updates)), np.nan)
    for row, run in zip(values_RN, runs, strict=True):
        row[np.searchsorted(updates, run.updates)] = np.where(np.isfinite(run.values), run.values, np.nan)
        if run.ended in LASTING and len(run.updates):
            row[updates > run.updates[-1]] = run.last
    known = np.isfinite(values_RN)
    count = known.sum(0)
    mean = np.divide(np.where(known, values_RN, 0.0).sum(0), count, where=count > 0, out=np.full(len(updates), np.nan))
    low = np.where(count > 0, np.where(known, values_RN, np.inf).min(0), np.nan)
    high = np.where(count > 0, np.where(known, values_RN, -np.inf).max(0), np.nan)
    return Series(group, group, updates, mean, None, low, high)
