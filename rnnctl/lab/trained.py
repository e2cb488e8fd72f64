"""From the store to a trained network: the newest sound checkpoint of a run, and why a run has no best weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rnnctl.lab.errors import Code, LabError

if TYPE_CHECKING:
    from rnnctl.training.trained import Trained
    from store import Store
    from store.queries import RunRow


@dataclass(frozen=True)
class Newest:
    """What the newest sound checkpoint of a run holds, None if there is no such checkpoint. notes: what was passed
    over.
    """

    trained: Trained | None
    notes: list[str]


def newest(store: Store, row: RunRow) -> Newest:
    """Read the newest sound checkpoint of a run.

    Raise LabError if it is of another run, in another format, or has something that cannot be loaded safely.
    """
    from rnnctl.report.specs import read_spec
    from rnnctl.training.saved import load
    from rnnctl.training.trained import Trained
    from store import checkpoints

    resumption = checkpoints.newest_sound(store, row.run_id)
    notes = [f"{passed.checkpoint.path} {passed.reason}" for passed in resumption.passed_over]
    if resumption.checkpoint is None:
        return Newest(None, notes)
    path = checkpoints.file_of(store.workspace, resumption.checkpoint)
    try:
        state = load(path)
        return Newest(Trained.from_state(state, row.run_id, read_spec(row.spec)), notes)
    except ValueError as error:
        raise LabError(f"run {row.study}/{row.label}: {error}", Code.FAILURE) from error


class NoBest(StrEnum):
    """Why a run has no best weights, as a clause after `run` or `runs`."""

    DIVERGED = "that diverged without a loss"  # training it again gives it no best weights either
    NO_CHECKPOINT = "without a checkpoint"
    NOT_CHECKED = "without a finite validation loss so far"


def why_no_best(row: RunRow, trained: Trained | None) -> NoBest | None:
    """Return why a run has no best weights, None if it has some. trained: its newest sound checkpoint."""
    if row.outcome == "diverged" and row.summary.get("best_loss") is None:
        return NoBest.DIVERGED
    if trained is None:
        return NoBest.NO_CHECKPOINT
    return None if "best" in trained.weights else NoBest.NOT_CHECKED


def none_has_best(what: str, reasons: Iterable[NoBest]) -> str:
    """Return, in a line, why none of the runs that `what` names has best weights."""
    counts = Counter(reasons)
    if NoBest.NOT_CHECKED in counts:
        return f"{what}: no run has a finite validation loss yet; see rnnctl train"
    if NoBest.NO_CHECKPOINT in counts:
        return f"{what}: no run has a checkpoint yet; see rnnctl train"
    n = counts[NoBest.DIVERGED]
    which = "the run" if n == 1 else f"each of {n:,} runs"
    return f"{what}: {which} diverged before it had a loss: there are no best weights"
