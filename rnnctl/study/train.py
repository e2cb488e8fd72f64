"""The section `train` of a run: budget, batches, optimizer, learning rate, clipping, regulariser, truncation.

Short forms stand for sections: `clip: 1.0`, `clip: none`, `omega: 0.5`, `optimizer: adam`, `rate: constant`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.optimizers.sgd import SgdSection
from rnnctl.schedules.catalogue import SCHEDULES
from rnnctl.schedules.constant import ConstantSection
from rnnctl.section import LATER, PER_RUN, Dtype, NotNegative, Section, default_name, named

if TYPE_CHECKING:
    from rnnctl.optimizers.section import OptimizerSection as Optimizer
    from rnnctl.schedules.section import ScheduleSection as Schedule
else:
    Optimizer, Schedule = OPTIMIZERS.section(), SCHEDULES.section()


class Rescale(Section):
    """Scale the whole gradient to norm `cutoff` if its norm is greater.

    A non-finite gradient shrinks W_hh (in a gated cell, all recurrent matrices) instead.
    """

    style: Literal["rescale"] = "rescale"
    cutoff: float = Field(1.0, gt=0, description="norm from which the gradient is scaled down")


class NoClip(Section):
    """Neither clipping nor the guard against non-finite gradients."""

    style: Literal["none"] = "none"


def _clip(value: Any) -> Any:
    if value is None or value == "none":
        return {"style": "none"}
    if isinstance(value, str):
        return {"style": value}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"style": "rescale", "cutoff": value}
    return {"style": "rescale", **value} if isinstance(value, dict) and "cutoff" in value else value


class Omega(Section):
    """The regulariser of Pascanu, Mikolov and Bengio 2013, section 3.3.

    Its weight is alpha, or alpha / t for a `1/t` decay, where t counts periods of `period` updates, from 1.
    """

    alpha: NotNegative = Field(0.0, description="weight of the regulariser")
    decay: Literal["constant", "1/t"] = Field("constant", description="how the weight changes with the updates")
    period: int = Field(1, ge=1, description="updates after which the weight falls to a half, then a third, ...")
    bound: float = Field(1e-20, gt=0, description="time steps whose squared gradient norm is below this do not count")

    def weight(self, update: int) -> float:
        """Return the weight at an update, counted from 1."""
        return self.alpha if self.decay == "constant" else self.alpha / (1 + (update - 1) // self.period)


def _omega(value: Any) -> Any:
    return {"alpha": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


class Train(Section):
    """How a run is trained."""

    updates: Annotated[int, PER_RUN] = Field(50_000, ge=1, description="number of updates at most")
    batch: int = Field(20, ge=1, description="sequences in a training batch")
    optimizer: Annotated[Optimizer, BeforeValidator(named)] = Field(
        SgdSection(), description="what turns gradients into changes of the weights"
    )
    lr: Annotated[float, PER_RUN] = Field(0.01, gt=0, description="learning rate")
    rate: Annotated[Schedule, default_name("constant"), PER_RUN, LATER] = Field(
        ConstantSection(), description="how the learning rate changes with the updates"
    )
    clip: Annotated[Annotated[Rescale | NoClip, Field(discriminator="style")], BeforeValidator(_clip), PER_RUN] = Field(
        Rescale(), description="what happens to gradients above a norm; a number is that norm"
    )
    omega: Annotated[Omega, BeforeValidator(_omega), PER_RUN] = Field(
        Omega(), description="the regulariser Omega; a number is its weight"
    )
    dtype: Dtype = Field("float32", description="precision of weights, states and gradients")
    precision: Annotated[Literal["ieee", "tf32"], LATER] = Field(
        "ieee",
        description="how a GPU multiplies float32 matrices: exactly rounded factors, or tf32, factors of 10 bits on "
        "tensor cores; a CPU always multiplies exactly rounded factors",
    )
    bptt: Annotated[Annotated[int, Field(ge=1)] | Literal["full"], LATER] = Field(
        "full",
        description="time steps that the gradient goes back; a number cuts each batch into pieces of so many steps, "
        "with an update for each, and carries the state on as a constant",
    )

    def learning_rate(self, update: int) -> float:
        """Return the learning rate of an update, counted from 1."""
        return self.rate.rate(self.lr, update)
