"""The section `train.optimizer` of a study, and what the trainer asks of an optimizer. Loads no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from rnnctl.section import Section

if TYPE_CHECKING:
    import torch


class Step(Protocol):
    """One update of one run, in place and elementwise: a run's bits do not depend on the other runs of its pack."""

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

        settings: the optimizer section of the run. rate: the learning rate of this update. update: its number, counted
        from 1. gradient_N, weights_N: one value a weight. kept_SN: what the optimizer keeps between updates, one row a
        slot, zeros before the first update; None if it has no slots.
        """


class OptimizerSection(Section, ABC):
    """The section `train.optimizer` of a run."""

    name: str

    slots: ClassVar[int]  # number of vectors, as long as the weights, that are kept between updates

    @classmethod
    @abstractmethod
    def step(cls, device: str) -> Step:
        """Return the function that makes updates on a device. The runs of a pack share it, not their settings."""

    @classmethod
    def kernel(cls) -> Any:
        """Return the function that makes updates inside a GPU kernel (see rnnctl.kernels.gpu.updates.step); None for an
        optimizer without, whose packs train on a GPU step by step through torch. Loads Triton.
        """
        return None

    def numbers(self, rate: float, update: int) -> tuple[float, ...]:
        """Return the numbers that the function of `kernel` reads for an update, in its order; always as many."""
        return (rate,)
