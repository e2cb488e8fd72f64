"""Texts of parts and studies for these tests."""

from __future__ import annotations

SIGNS = '''\
"""An optimizer: w <- w - rate sign(g), with a share of the last directions."""

from typing import Annotated, ClassVar

from pydantic import Field

from rnnctl.optimizers.section import OptimizerSection, Step, Update
from rnnctl.section import PER_RUN


class Signs(OptimizerSection):
    """Steps of one size."""

    keep: Annotated[float, PER_RUN] = Field(0.5, ge=0, lt=1, description="share of the mean that stays")

    slots: ClassVar[int] = 1

    @classmethod
    def step(cls, device: str) -> Step:
        return _step


def _step(settings: Signs, update: Update) -> None:
    mean_N = update.slots_SN[0]
    mean_N.mul_(settings.keep).add_(update.gradient_N, alpha=(1 - settings.keep) * update.scale)
    update.weights_N.sub_(mean_N.sign(), alpha=update.rate)
'''

STAIRS = '''\
"""A schedule: the rate falls in steps."""

from pydantic import Field

from rnnctl.schedules.section import ScheduleSection


class Stairs(ScheduleSection):
    """lr factor^(t // every), t being the updates made before."""

    every: int = Field(100, ge=1, description="updates on one step")
    factor: float = Field(0.5, gt=0, lt=1, description="what the rate falls to from one step to the next")

    def rate(self, lr: float, update: int) -> float:
        return lr * self.factor ** ((update - 1) // self.every)
'''

CONVEYOR = '''\
"""A cell whose state is longer than its hidden units, and whose matrices are none of (hidden, hidden)."""

import torch

from rnnctl.cells.base.stepped import StepSection


class Conveyor(StepSection):
    """Units that add up what is let in, and units that show it."""

    furthest = 1.0

    @property
    def state_size(self):
        return 2 * self.hidden

    def shapes(self, inputs):
        return {"W": (inputs, 2 * self.hidden), "U": (self.hidden, 2 * self.hidden), "b": (2 * self.hidden,)}

    def step(self, weights, x, state):
        h, c = state.split(self.hidden, 1)
        new, gate = (x @ weights["W"] + h @ weights["U"] + weights["b"]).split(self.hidden, 1)
        c = c + gate.sigmoid() * new
        return torch.cat([c.tanh(), c], 1)
'''

STUDY = """\
study: mine
base:
  task: {name: temporal_order, min_length: 10, max_length: 12}
  model: {hidden: 8, init: orthogonal}
  train:
    updates: 20
    batch: 5
    optimizer: {name: "signs:Signs", keep: 0.25}
    rate: {name: "lab.stairs:Stairs", every: 10}
  check: {every: 10, samples: 20, chunk: 20, diagnostic_batch: 5}
  stop: {solved: never}
"""
