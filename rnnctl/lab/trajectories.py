"""Trajectories: which runs of a workspace can go on from which others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rnnctl.report.specs import read_spec
from rnnctl.study.errors import SpecError
from rnnctl.study.run import RunSpec
from store import Store, trajectories


def place_trajectories(store: Store) -> None:
    """Tell the store the trajectories of the runs with checkpoints that an earlier version has registered.

    A run whose spec this version cannot read is left out: no other run goes on from it.
    """
    ids: dict[str, str] = {}
    for run_id, spec in trajectories.without_trajectory(store).items():
        try:
            ids[run_id] = read_spec(spec).trajectory_id
        except SpecError:
            continue
    if ids:
        with store.transaction():
            trajectories.place(store, ids)


@dataclass(frozen=True)
class Extensions:
    """Runs that can go on from others. done: at most, of the updates of all of them, which are `updates`."""

    runs: int = 0
    done: int = 0
    updates: int = 0


def extensions_of(store: Store, specs: Iterable[RunSpec]) -> Extensions:
    """Return which of these runs have no checkpoint yet and can go on from another run.

    Only training knows for certain: it needs the same environment as the other run had, and the other run's checkpoint,
    which an earlier version may have written without what is needed. Runs are left out that would go on from one with
    other conditions in `stop`: they may end before.
    """
    specs = list(specs)
    begun = trajectories.begun(store, (spec.run_id for spec in specs))
    waiting = [(spec, spec.trajectory_id) for spec in specs if spec.run_id not in begun]
    relatives: dict[str, list[trajectories.Reached]] = {}
    for relative in trajectories.reached(store, (trajectory for _, trajectory in waiting)):
        relatives.setdefault(relative.trajectory, []).append(relative)
    runs = done = updates = 0
    for spec, trajectory in waiting:
        alike = relatives.get(trajectory, [])
        steps = [relative.step for relative in alike if _lies_on_path(relative, spec)]
        if steps:
            runs, done, updates = runs + 1, done + max(steps), updates + spec.train.updates
    return Extensions(runs, done, updates)


def _lies_on_path(relative: trajectories.Reached, spec: RunSpec) -> bool:
    """Return whether a run passes through the checkpoint of another one."""
    # The check at the last update differs from others, and only a run that has ended keeps what was before it.
    last = spec.train.updates if relative.ended else spec.train.updates - 1
    if relative.step > last:
        return False
    try:
        other = read_spec(relative.spec)
    except SpecError:
        return False
    kept = other.check.snapshots_up_to(relative.step) | {relative.step}
    return other.stop == spec.stop and spec.check.snapshots_up_to(relative.step) <= kept
