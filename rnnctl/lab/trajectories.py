"""Trajectories: which runs of a workspace can go on from which others."""

from __future__ import annotations

from rnnctl.report.specs import read_spec
from rnnctl.study.errors import SpecError
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
