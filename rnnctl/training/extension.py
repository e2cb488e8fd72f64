"""Go on from another run: start a run at a checkpoint of one with the same trajectory.

Runs of one trajectory compute the same until they end (`RunSpec.trajectory_id`), so a checkpoint of one is a checkpoint
of the other too, unless the other would have ended before it, or has to keep snapshots that are not in it. The last
check of a run is one that a run which goes on may not make, or makes otherwise. So a run goes on from before that
check, and makes it by its own rules if it is due.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch

from rnnctl.study.check import Stop
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Task
from rnnctl.training.best import Best
from rnnctl.training.member import Member, refuse_other_state, restore
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

    Return None if the other run has made no update yet, if its checkpoint or spec cannot be read or is of another
    trajectory, if a snapshot that the run has to keep is not there, and if that state is not known.
    """
    try:
        state = load(relative.checkpoint)
        refuse_other_state(state, relative.run_id)
        same = RunSpec.model_validate(relative.spec).trajectory_id == spec.trajectory_id
    except (OSError, ValueError):
        return None
    if not same or state["step"] == 0 or (snapshots := _snapshots_of(state, spec)) is None:
        return None
    return _before_the_end({**state, "snapshots": snapshots}, spec)


def _snapshots_of(state: dict[str, Any], spec: RunSpec) -> dict[int, torch.Tensor] | None:
    """Return the snapshots that a run with this spec has at a state of another run; None if that has not kept one."""
    kept = {**state.get("snapshots", {}), state["step"]: state["weights"]}
    wanted = spec.check.snapshots_up_to(state["step"])
    return {update: kept[update] for update in sorted(wanted)} if wanted <= kept.keys() else None


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
    rows = (checks.steps > 0) & (checks.steps <= last)  # the check of the initial weights ends no run
    names = [name for name in ("valid_loss", "valid_floor", "valid_error", stop.on) if name in checks.scalars]
    for values in zip(*(checks.scalars[name][rows].tolist() for name in names), strict=True):
        scalars = dict(zip(names, values, strict=True))
        if (value := stop.watched(scalars)) is not None:
            waited.wait(value, stop.min_delta)
        ended = not math.isfinite(scalars["valid_loss"]) or stop.is_solved(scalars["valid_error"])
        if ended or stop.is_out_of_patience(waited.stale_checks):
            return None
    return _Patience(waited.patience_excess, waited.stale_checks)


def _take_over(member: Member, patience: _Patience) -> None:
    """Make the state of another run the run's own, in what its own rules decide: patience, and whether to check."""
    member.unchecked = member.unchecked and (member.due or member.diverged)
    member.best.patience_excess, member.best.stale_checks = patience
