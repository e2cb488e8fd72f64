"""The section `train.teacher` of a run: how often a network is fed the true symbol in training, and not one of its own.

Scheduled sampling (Bengio, Vinyals, Jaitly and Shazeer 2015, section 2.4). At each step of a training sequence a coin
is tossed: with probability epsilon the network is fed the true symbol, otherwise one that is drawn from its own softmax
output at the step before. Epsilon is `share`, and `decay` says how it changes. In all formulas n is the number of
updates that were made before the present one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from rnnctl.section import HOST, NAMESAKE, PER_RUN, Section, also_called, named

_CONSTANT = ("none", "off", "fixed", "false")
_INVERSE_SIGMOID = ("sigmoid", "inverse-sigmoid", "inv_sigmoid", "inverse_logistic")


class _Decay(Section, ABC):
    @abstractmethod
    def share(self, first: float, updates: int) -> float:
        """Return epsilon after a number of updates. first: `train.teacher.share`."""


class ConstantDecay(_Decay):
    """Epsilon is `share` at every update."""

    name: Annotated[Literal["constant"], also_called(constant=_CONSTANT)] = "constant"

    def share(self, first: float, updates: int) -> float:
        return first


class LinearDecay(_Decay):
    """Epsilon goes in equal steps from `share` to `to`: share + (to - share) min(1, n / over)."""

    name: Literal["linear"] = "linear"
    to: Annotated[float, HOST, also_called("end", "final", "minimum", "floor", "min")] = Field(
        0.0, ge=0, le=1, description="share of true symbols in the end"
    )
    over: Annotated[int, also_called("steps", "updates", "period", "decay_steps")] = Field(
        ge=1, description="updates after which that share is reached"
    )

    def share(self, first: float, updates: int) -> float:
        return first + (self.to - first) * min(1.0, updates / self.over)


class InverseSigmoidDecay(_Decay):
    """Epsilon falls slowly, then fast, then slowly towards 0: share k / (k + exp(n / k)), half after about k ln k."""

    name: Annotated[Literal["inverse_sigmoid"], also_called(inverse_sigmoid=_INVERSE_SIGMOID)] = "inverse_sigmoid"
    k: Annotated[int, also_called("speed", "period")] = Field(
        ge=1, description="how slowly it falls: the share is halved after about k ln k updates"
    )

    def share(self, first: float, updates: int) -> float:
        exponent = updates / self.k - math.log(self.k)
        # exp(710) is more than a float64 can hold.
        return first / (1 + math.exp(exponent)) if exponent < 700 else 0.0


class Teacher(Section):
    """How often the network is fed the true symbol in training: scheduled sampling.

    This is the share at the first update; `decay` says how it changes.
    """

    share: Annotated[float, HOST, PER_RUN, also_called("ratio", "probability", "p", "epsilon", "rate")] = Field(
        1.0, ge=0, le=1, description="probability that a step is fed the true symbol, and not one of the network's own"
    )
    decay: Annotated[
        Annotated[ConstantDecay | LinearDecay | InverseSigmoidDecay, Field(discriminator="name")],
        BeforeValidator(named),
        PER_RUN,
        NAMESAKE,
        also_called("schedule", "annealing"),
    ] = Field(ConstantDecay(), description="how the share changes with the updates")

    @property
    def alone(self) -> bool:
        """Whether the network is fed true symbols alone, at every update."""
        return self == Teacher()

    def share_at(self, update: int) -> float:
        """Return the probability of a true symbol at an update, counted from 1."""
        return self.decay.share(self.share, update - 1)


def from_share(value: Any) -> Any:
    """Return the section with its short form, a number, written out."""
    return {"share": value} if isinstance(value, int | float) and not isinstance(value, bool) else value
