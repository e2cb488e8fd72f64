"""Go on from another run: start a run at a checkpoint of one with the same trajectory.

Runs of one trajectory compute the same until they end (`RunSpec.trajectory_id`), so a checkpoint of one is a checkpoint
of the other too, unless the other would have ended before it. The last check of a run is one that a run which goes on
may not make, or makes otherwise. So a run goes on from before that check, and makes it by its own rules if it is due.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Task
from rnnctl.training.member import Member, refuse_other_state, restore
from rnnctl.training.recorder import Checks, Recorder
from rnnctl.training.saved import load, writer


def extend(run_id: str, spec: RunSpec, task: Task, recorder: Recorder) -> tuple[Member, torch.Tensor] | None:
    """Return a run and its weights, (N,) on the CPU, at the newest checkpoint of another run that lies on its path.

    The recorder keeps them as the run's own checkpoint, with the history up to it. Return None if there is no such
    checkpoint. One that cannot be read is passed over, as the run can do without it.
    """
    for relative in recorder.relatives(run_id, spec.trajectory_id):
        try:
            state = load(relative.checkpoint)
            refuse_other_state(state, relative.run_id)
            same = RunSpec.model_validate(relative.spec).trajectory_id == spec.trajectory_id
        except (OSError, ValueError):
            continue
        going_on = _before_the_end(state, spec) if same else None
        if going_on is None:
            continue
        member, weights = restore({**going_on, "run_id": run_id}, run_id, spec, task)
        # The run takes over the history up to this update. If it is unchecked, it makes the next check itself.
        checked = member.step - 1 if member.unchecked else member.step
        member.unchecked = member.unchecked and (member.due or member.diverged)
        if _goes_on(member, relative.history, checked) and recorder.extend(
            run_id, relative.checkpoint, member.step, checked, writer(member.state(weights)), member.summary()
        ):
            return member, weights
    return None


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


def _goes_on(member: Member, checks: Checks, last: int) -> bool:
    """Return whether the run has not ended by its own rules at a check up to the update `last`.

    Its patience becomes what these checks leave by its own rules.
    """
    stop, best = member.spec.stop, member.best
    best.patience_excess, best.stale_checks = math.inf, 0
    rows = checks.steps <= last
    if not rows.any():
        return True
    results = (checks.scalars[name][rows].tolist() for name in ("valid_loss", "valid_floor", "valid_error"))
    for loss, floor, error in zip(*results, strict=True):
        best.wait(loss - floor, stop.min_delta)
        if not math.isfinite(loss) or stop.is_solved(error) or stop.is_out_of_patience(best.stale_checks):
            return False
    return True
