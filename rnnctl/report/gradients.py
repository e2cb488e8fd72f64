"""The verdict on the gradients of a run at its newest diagnosis: which share vanished, exploded, or is exactly zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rnnctl.diagnostics.verdict import EXPLODED, VANISHED, percent, verdict
from store import Store
from store.history import TracedRow, newest_traced
from store.queries import RunRow

LIMITS = f"vanished: below 1e{VANISHED:.0f}; exploded: from 1e{EXPLODED:.0f}"


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


def gradients_of(store: Store, rows: Iterable[RunRow]) -> dict[str, Gradients]:
    """Return the verdicts by run id. Runs without a diagnosis are left out. Histories must be sound, as
    `store.history.newest_traced` says.
    """
    specs = {row.run_id: row.spec for row in rows}
    judged = {
        run: _judged(traced, specs[run]["check"]["diagnostic_batch"])
        for run, traced in newest_traced(store, specs).items()
    }
    return {run: gradients for run, gradients in judged.items() if gradients is not None}


def _judged(traced: TracedRow, batch: int) -> Gradients | None:
    counts, profile = traced.traces.get("grad_hist"), traced.traces.get("grad_time")
    if counts is None or profile is None:
        return None
    zero = traced.scalars.get("grad_zero_share") or 0.0
    shares = verdict(counts, zero, batch * len(profile))
    return Gradients(traced.step, shares.zero, shares.vanishing, shares.exploding)
