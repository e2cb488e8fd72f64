"""From the store to a trained network: the newest sound checkpoint of a run, and why a run lacks some weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rnnctl.lab.errors import Code, LabError, NotYet
from rnnctl.weights import BEST, in_words, weights_name

if TYPE_CHECKING:
    from rnnctl.training.trained import Trained, WeightsAt
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


def with_weights(store: Store, name: str, weights: str = BEST) -> tuple[Trained, WeightsAt]:
    """Return the network of the run that a name stands for, and its weights of a name.

    weights: best, last, or the update of a snapshot. Raise NotYet if the run has no such weights, and
    LabError.
    """
    from rnnctl.lab.workspaces import one_run
    from store import queries

    try:
        weights = weights_name(weights)
    except ValueError as error:
        raise LabError(str(error), argument="weights") from None
    (row,) = queries.runs_of(store, run_ids=[one_run(store, name)])
    state = newest(store, row)
    trained, reason = state.trained, why_lacking(row, state, weights)
    if reason is not None or trained is None:
        kept = {} if trained is None else {known: at.step for known, at in trained.weights.items()}
        what = none_has_weights(f"{row.study}/{row.label}", weights, [reason or Lacking.NO_CHECKPOINT], kept)
        raise NotYet(what)
    return trained, trained.weights[weights]


class Lacking(StrEnum):
    """Why a run lacks the weights of some name."""

    DIVERGED = "diverged"  # without a loss: training it again gives it no best weights either
    NO_CHECKPOINT = "no checkpoint"
    DAMAGED = "damaged"  # it has checkpoints, and none of them is sound
    NOT_CHECKED = "not checked"
    NOT_KEPT = "not kept"

    def clause(self, weights: str) -> str:
        """Return the reason as a clause after `run` or `runs`. weights: the name of the weights."""
        return {
            Lacking.DIVERGED: "that diverged without a loss",
            Lacking.NO_CHECKPOINT: "without a checkpoint",
            Lacking.DAMAGED: "without a sound checkpoint",
            Lacking.NOT_CHECKED: "without a finite validation loss so far",
            Lacking.NOT_KEPT: f"without {in_words(weights)}",
        }[self]


def why_lacking(row: RunRow, state: Newest, weights: str) -> Lacking | None:
    """Return why a run lacks the weights of a name, None if it has them. state: its newest sound checkpoint."""
    if weights == BEST and row.outcome == "diverged" and row.summary.get("best_loss") is None:
        return Lacking.DIVERGED
    if state.trained is None:
        return Lacking.DAMAGED if state.notes else Lacking.NO_CHECKPOINT
    if weights in state.trained.weights:
        return None
    return Lacking.NOT_CHECKED if weights == BEST else Lacking.NOT_KEPT


def none_has_weights(what: str, weights: str, reasons: Iterable[Lacking], kept: Mapping[str, int | None]) -> str:
    """Return, in a line, why none of the runs that `what` names has the weights of a name.

    kept: the names of the weights that some run has, each with the update that they are of, None if runs differ.
    """
    counts = Counter(reasons)
    if Lacking.NOT_KEPT in counts:
        return f"{what}: there are no {in_words(weights)}, only {_listed(kept)}"
    if Lacking.NOT_CHECKED in counts:
        return f"{what}: no run has a finite validation loss yet; see rnnctl train"
    if Lacking.DAMAGED in counts:
        return f"{what}: no checkpoint is sound; rnnctl doctor tells what is damaged"
    if Lacking.NO_CHECKPOINT in counts:
        return f"{what}: no run has a checkpoint yet; see rnnctl train"
    n = counts[Lacking.DIVERGED]
    which = "the run" if n == 1 else f"each of {n:,} runs"
    return f"{what}: {which} diverged before it had a loss: there are no best weights"


def _listed(kept: Mapping[str, int | None]) -> str:
    """Return names of weights in a sentence, such as `0, 1000, best (update 900) and last (update 1200)`."""
    updates = sorted((name for name in kept if name.isdigit()), key=int)
    others = sorted(kept.keys() - set(updates))
    names = updates + [name if kept[name] is None else f"{name} (update {kept[name]})" for name in others]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
