"""The verdict on the gradients of a run at its newest diagnosis: which share vanished, exploded, or is exactly zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rnnctl.diagnostics.verdict import percent, verdict
from store import Store
from store.arrays import Array
from store.history import History, TracedRow, newest_traced
from store.queries import RunRow


def in_words(zero: float, vanished: float, exploded: float) -> str:
    """Return shares that are not ordinary in a few words, such as `vanished 40 %, zero 20 %`; `ordinary` if all are."""
    shares = {"vanished": vanished, "zero": zero, "exploded": exploded}
    return ", ".join(f"{word} {percent(share)}" for word, share in shares.items() if share > 0) or "ordinary"


@dataclass(frozen=True)
class Gradients:
    """Shares of the time steps and sequences of the diagnostic batch, by the norm of dL/dh_t."""

    step: int  # updates done at the diagnosis
    zero: float  # exactly 0
    vanished: float  # positive and below 1e-8
    exploded: float  # 100 or more, or non-finite
    length: int  # time steps of the diagnostic sequences, T
    first: float  # g_1, the mean norm at the first time step; it can be non-finite
    last: float  # g_T, the mean norm at the last one


def gradients_of(store: Store, rows: Iterable[RunRow]) -> dict[str, Gradients]:
    """Return the verdicts by run id. Runs without a diagnosis are left out. Histories must be sound, as
    `store.history.newest_traced` says.
    """
    specs = {row.run_id: row.spec for row in rows}
    judged = {
        run: _judged(traced, specs[run]["check"]["diagnostic_batch"])
        for run, traced in newest_traced(store, specs, ("grad_hist", "grad_time")).items()
    }
    return {run: gradients for run, gradients in judged.items() if gradients is not None}


def newest(past: History, batch: int) -> Gradients | None:
    """Return the verdict of a history that was read with its traces; None without a diagnosis.

    batch: sequences of the diagnostic batch.
    """
    counts, profiles = past.traces.get("grad_hist", []), past.traces.get("grad_time", [])
    zeros = past.scalars.get("grad_zero_share")
    for i in reversed(range(min(len(counts), len(profiles)))):
        histogram, profile = counts[i], profiles[i]
        if histogram is not None and profile is not None:
            zero = 0.0 if zeros is None or np.isnan(zeros[i]) else float(zeros[i])
            return _of(int(past.steps[i]), histogram, profile, zero, batch)
    return None


def _judged(traced: TracedRow, batch: int) -> Gradients | None:
    counts, profile = traced.traces.get("grad_hist"), traced.traces.get("grad_time")
    if counts is None or profile is None:
        return None
    return _of(traced.step, counts, profile, traced.scalars.get("grad_zero_share") or 0.0, batch)


def _of(step: int, counts: Array, profile: Array, zero: float, batch: int) -> Gradients:
    shares = verdict(counts, zero, batch * len(profile))
    ends = float(profile[0]), float(profile[-1])
    return Gradients(step, shares.zero, shares.vanishing, shares.exploding, len(profile), *ends)
