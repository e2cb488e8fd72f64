"""The section `train.rate` of a study: how the learning rate changes with the updates."""

from __future__ import annotations

from abc import ABC, abstractmethod

from rnnctl.section import Section


class ScheduleSection(Section, ABC):
    """The section `train.rate` of a run.

    A schedule does not know how many updates there will be, so that a longer run can go on from a shorter one. One that
    has to know has a key of its own for it.
    """

    name: str

    @abstractmethod
    def rate(self, lr: float, update: int) -> float:
        """Return the learning rate of an update, counted from 1. lr: `train.lr`."""
