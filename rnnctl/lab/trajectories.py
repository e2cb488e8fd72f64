"""Trajectories: which runs of a workspace can go on from which others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rnnctl.report.specs import read_spec
from rnnctl.study.check import Stop
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
    """Runs that can go on from others, which train in the same environment. done: of the updates of all of them."""

    runs: int = 0
    done: int = 0
    updates: int = 0


def extensions_of(store: Store, specs: Iterable[RunSpec]) -> Extensions:
    """Return which of these runs have no checkpoint yet and can go on from another run.

    Runs are left out that would go on from one with other conditions in `stop`: they may end before.
    """
    pairs = [(spec, spec.trajectory_id) for spec in specs]
    relatives: dict[str, list[trajectories.Reached]] = {}
    for each in trajectories.reached(store, (trajectory for _, trajectory in pairs)):
        relatives.setdefault(each.trajectory, []).append(each)
    runs = done = updates = 0
    for spec, trajectory in pairs:
        alike = relatives.get(trajectory, [])
        if any(each.run_id == spec.run_id for each in alike):
            continue
        steps = [each.step for each in alike if each.step <= spec.train.updates and _stop_of(each.spec) == spec.stop]
        if steps:
            runs, done, updates = runs + 1, done + max(steps), updates + spec.train.updates
    return Extensions(runs, done, updates)


def _stop_of(spec: Mapping[str, Any]) -> Stop | None:
    try:
        return read_spec(spec).stop
    except SpecError:
        return None
