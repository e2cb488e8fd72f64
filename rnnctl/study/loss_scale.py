"""The section `train.loss_scale` of a run: a factor of the loss, so that small gradients survive narrow numbers.

Gradients of the loss times S are S times as large. They are divided by S before anything else is done with them
(Micikevicius et al. 2018, section 3.2). Where one is not finite although the loss is, an operand has overflowed: the
update is skipped. A dynamic scale then falls, and grows again after a number of updates without an overflow, as that of
torch.amp.GradScaler does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from rnnctl.section import HOST, Section, also_called, named

LARGEST = 3.4028234663852886e38  # float32
SMALLEST = 2.0**-126  # the smallest normal number of float32


@dataclass(frozen=True)
class Scaling:
    """The scale of a run's loss. made: updates in a row that were not skipped. skipped: updates so far that were."""

    scale: float = 1.0
    made: int = 0
    skipped: int = 0


class _LossScale(Section, ABC):
    @property
    @abstractmethod
    def begin(self) -> Scaling:
        """The scale before the first update."""

    @abstractmethod
    def after(self, scaling: Scaling, overflow: bool) -> Scaling:
        """Return the scale after an update. overflow: whether it was skipped."""


class NoScale(_LossScale):
    """The loss is not scaled, and no update is skipped."""

    name: Annotated[Literal["none"], also_called(none=("off", "false", "no"))] = "none"

    @property
    def begin(self) -> Scaling:
        return Scaling()

    def after(self, scaling: Scaling, overflow: bool) -> Scaling:
        return scaling


class StaticScale(_LossScale):
    """One scale for all updates. Updates whose gradient overflows are skipped."""

    name: Annotated[Literal["static"], also_called(static=("fixed",))] = "static"
    scale: Annotated[float, also_called("value", "factor")] = Field(65536.0, gt=0, description="factor of the loss")

    @property
    def begin(self) -> Scaling:
        return Scaling(self.scale)

    def after(self, scaling: Scaling, overflow: bool) -> Scaling:
        if overflow:
            return Scaling(scaling.scale, 0, scaling.skipped + 1)
        return Scaling(scaling.scale, scaling.made + 1, scaling.skipped)


class DynamicScale(_LossScale):
    """The scale falls where the gradient overflows, and that update is skipped; it grows after `interval` updates
    without an overflow. The defaults are those of torch.amp.GradScaler.
    """

    name: Annotated[Literal["dynamic"], also_called(dynamic=("auto", "true", "adaptive"))] = "dynamic"
    initial: Annotated[float, also_called("init_scale", "init", "scale")] = Field(
        65536.0, gt=0, description="factor of the loss at the first update"
    )
    growth: Annotated[float, HOST, also_called("growth_factor")] = Field(
        2.0, gt=1, description="factor by which the scale grows"
    )
    backoff: Annotated[float, HOST, also_called("backoff_factor")] = Field(
        0.5, gt=0, lt=1, description="factor by which the scale falls"
    )
    interval: Annotated[int, also_called("growth_interval", "scale_window")] = Field(
        2000, ge=1, description="updates in a row without an overflow after which the scale grows"
    )

    @property
    def begin(self) -> Scaling:
        return Scaling(self.initial)

    def after(self, scaling: Scaling, overflow: bool) -> Scaling:
        if overflow:
            return Scaling(max(scaling.scale * self.backoff, SMALLEST), 0, scaling.skipped + 1)
        if scaling.made + 1 < self.interval:
            return Scaling(scaling.scale, scaling.made + 1, scaling.skipped)
        grown = scaling.scale * self.growth
        fits = math.isfinite(grown) and grown <= LARGEST
        return Scaling(grown if fits else scaling.scale, 0, scaling.skipped)


def from_scale(value: Any) -> Any:
    """Return the section with its short forms, a name or a number, written out."""
    if value is None:
        return {"name": "none"}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"name": "static", "scale": value}
    return named(value)
