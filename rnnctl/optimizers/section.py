"""What a study says of an optimizer, and what the trainer asks of it. Loads no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from rnnctl.section import Section

if TYPE_CHECKING:
    import torch


class Step(Protocol):
    """One update of one run, in place, elementwise, so that a run's bits are its own."""

    def __call__(
        self,
        settings: Any,
        rate: float,
        update: int,
        scale: float,
        gradient_N: torch.Tensor,
        weights_N: torch.Tensor,
        kept_SN: torch.Tensor | None,
    ) -> None:
        """Change the weights by the gradient times `scale`.

        settings: the run's own section. rate: the learning rate of this update. update: its number, from 1. kept_SN:
        what the optimizer keeps between updates, zeros before the first; None where it keeps nothing.
        """


class OptimizerSection(Section, ABC):
    """The section `train.optimizer` of a run."""

    name: str

    slots: ClassVar[int]  # vectors as long as the weights that it keeps between updates

    @classmethod
    @abstractmethod
    def step(cls, device: str) -> Step:
        """Return what makes updates on a device. It is the same for all runs of a pack; their settings may differ."""
