"""The section `train.optimizer` of a study, and what the trainer asks of an optimizer. Loads no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from rnnctl.determinism import kernel_compiler
from rnnctl.section import Section

if TYPE_CHECKING:
    import torch


class Update(NamedTuple):
    """One update of one run, which an optimizer makes in place and elementwise.

    So a run's bits do not depend on the other runs of its pack. rate: the learning rate of this update. number: counted
    from 1. scale: the factor of the gradient. gradient_N, weights_N: one value a weight. kept_SN: what the optimizer
    keeps between updates, one row a slot, zeros before the first update; None if it has no slots.
    """

    rate: float
    number: int
    scale: float
    gradient_N: torch.Tensor
    weights_N: torch.Tensor
    kept_SN: torch.Tensor | None

    def at(self, place: slice) -> Update:
        """Return the same update of some of the weights, which lie at this place."""
        kept_SN = None if self.kept_SN is None else self.kept_SN[:, place]
        return self._replace(gradient_N=self.gradient_N[place], weights_N=self.weights_N[place], kept_SN=kept_SN)

    @property
    def slots_SN(self) -> torch.Tensor:
        """What an optimizer with slots keeps."""
        assert self.kept_SN is not None
        return self.kept_SN


# Makes an update with the settings of a run, which are its optimizer section.
Step = Callable[[Any, Update], None]


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


def has_loops(device: str) -> bool:
    """Return whether updates on a device can be made by compiled loops (rnnctl.optimizers.loops)."""
    return device == "cpu" and kernel_compiler() is not None
