"""Go on from another run: start a run at a checkpoint of one with the same trajectory.

Runs of one trajectory compute the same until they end (`RunSpec.trajectory_id`), so a checkpoint of one is a checkpoint
of the other too, unless the other would have ended before it. The last check of a run is one that a run which goes on
may not make, or makes otherwise. So a run goes on from before that check, and makes it by its own rules if it is due.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch

from rnnctl.study.check import Stop
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Task
from rnnctl.training.member import Best, Member, refuse_other_state, restore
from rnnctl.training.recorder import Checks, Recorder, Relative
from rnnctl.training.saved import load, writer


def extend(run_id: str, spec: RunSpec, task: Task, recorder: Recorder) -> tuple[Member, torch.Tensor] | None:
    """Return a run and its weights, (N,) on the CPU, at the newest checkpoint of another run that lies on its path.

    The recorder keeps them as the run's own checkpoint, with the history up to it. Return None if there is no such
    checkpoint. One that cannot be read is passed over, as the run can do without it.
    """
    for relative in recorder.relatives(run_id, spec.trajectory_id):
        state = _candidate(relative, spec)
        if state is None:
            continue
        member, weights = restore({**state, "run_id": run_id}, run_id, spec, task)
        # The run takes over the history up to this update. If it is unchecked, it makes the next check itself.
        checked = member.step - 1 if member.unchecked else member.step
        patience = _patience_after(relative.history, checked, spec.stop)
        if patience is None:
            continue
        _take_over(member, patience)
        if recorder.extend(
            run_id, relative.checkpoint, member.step, checked, writer(member.state(weights)), member.summary()
        ):
            return member, weights
    return None


def _candidate(relative: Relative, spec: RunSpec) -> dict[str, Any] | None:
    """Return the state in which a run with this spec was at the checkpoint of another run.

    Return None if the checkpoint or the spec of the other run cannot be read, or is of another trajectory, and if that
    state is not known.
    """
    try:
        state = load(relative.checkpoint)
        refuse_other_state(state, relative.run_id)
        same = RunSpec.model_validate(relative.spec).trajectory_id == spec.trajectory_id
    except (OSError, ValueError):
        return None
    return _before_the_end(state, spec) if same else None


def _before_the_end(state: dict[str, Any], spec: RunSpec) -> dict[str, Any] | None:
    """Return the state in which a run with this spec was at the update of a state of another run.

    Return None if that is not known: a check at the last update of the run differs from those before, and earlier
    versions did not keep what was before the check.
    """
    if "before_check" not in state:
        return None
    if (before := state["before_check"]) is not None:
        return {**state, **before, "unchecked": True, "before_check": None}
    return state if state["unchecked"] or state["step"] < spec.train.updates else None


class _Patience(NamedTuple):
    """What patience keeps of the checks so far; the fields of `Best` of the same names."""

    patience_excess: float
    stale_checks: int


def _patience_after(checks: Checks, last: int, stop: Stop) -> _Patience | None:
    """Return what the checks up to the update `last` leave of patience by the rules of `stop`.

    Return None if a run with these rules ends at one of these checks.
    """
    waited = Best()
    rows = checks.steps <= last
    if rows.any():
        results = (checks.scalars[name][rows].tolist() for name in ("valid_loss", "valid_floor", "valid_error"))
        for loss, floor, error in zip(*results, strict=True):
            waited.wait(loss - floor, stop.min_delta)
            if not math.isfinite(loss) or stop.is_solved(error) or stop.is_out_of_patience(waited.stale_checks):
                return None
    return _Patience(waited.patience_excess, waited.stale_checks)


def _take_over(member: Member, patience: _Patience) -> None:
    """Make the state of another run the run's own, in what its own rules decide: patience, and whether to check."""
    member.unchecked = member.unchecked and (member.due or member.diverged)
    member.best.patience_excess, member.best.stale_checks = patience
