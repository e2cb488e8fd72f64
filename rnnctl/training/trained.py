"""A trained network: what all modules but the trainer read of a checkpoint.

The trainer reads checkpoints by `rnnctl.training.member.restore`, which restores all that is needed to go on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import torch

from rnnctl.cells.base.cell import Cell
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Task
from rnnctl.training.member import network_of, refuse_other_state
from rnnctl.weights import BEST, LAST


@dataclass(frozen=True, eq=False)
class WeightsAt:
    """All weights of a network in one row, (N,) on the CPU, and the number of updates that led to them."""

    flat_N: torch.Tensor
    step: int


@dataclass(frozen=True, eq=False)
class Trained:
    """A run's network and its weights by name: `last`, `best` if some validation loss was finite, and each snapshot by
    its update in decimal.
    """

    run_id: str
    spec: RunSpec
    weights: Mapping[str, WeightsAt]

    @classmethod
    def from_state(cls, state: Mapping[str, Any], run_id: str, spec: RunSpec) -> Self:
        """Read what `Member.state` wrote. Raise ValueError if it is of another run or in another format."""
        refuse_other_state(state, run_id)
        weights = {LAST: WeightsAt(state["weights"], state["step"])}
        if math.isfinite(state["best"]["loss"]):
            weights[BEST] = WeightsAt(state["best_weights"], state["best"]["step"])
        for update, flat_N in state.get("snapshots", {}).items():  # states of earlier versions have none
            weights[str(update)] = WeightsAt(flat_N, update)
        return cls(run_id, spec, weights)

    @cached_property
    def task(self) -> Task:
        """The task. One of text reads its corpus when that is first needed, and raises ValueError if it has changed."""
        return self.spec.task.make()

    @cached_property
    def cell(self) -> Cell:
        """The equations and sizes of the network. Raise ValueError if its text has changed or is gone."""
        return network_of(self.spec.model, self.task)

    def views(self, weights: WeightsAt) -> dict[str, torch.Tensor]:
        """Return each weight matrix and bias, (*shape,), by name, as a view of these weights."""
        return {name: view[0] for name, view in self.cell.layout.views(weights.flat_N[None]).items()}
