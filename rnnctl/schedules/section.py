"""The section `train.rate` of a study: how the learning rate changes with the updates."""

from __future__ import annotations

from abc import ABC, abstractmethod

from rnnctl.section import Section


class ScheduleSection(Section, ABC):
    """The section `train.rate` of a run."""

    name: str

    @abstractmethod
    def rate(self, lr: float, update: int) -> float:
        """Return the learning rate of an update, counted from 1. lr: `train.lr`."""
