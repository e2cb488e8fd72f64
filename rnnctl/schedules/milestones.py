"""A learning rate that falls at given updates, as torch's MultiStepLR has it."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from rnnctl.joined import joined_updates, updates_of
from rnnctl.schedules.section import DecaySection
from rnnctl.section import also_called

_OTHERS = ("step", "steps", "multistep", "multi_step", "multisteplr", "piecewise", "piecewise_constant")


class MilestonesSection(DecaySection):
    """The rate is multiplied by the factor after each of some updates."""

    name: Annotated[Literal["milestones"], also_called(milestones=_OTHERS)] = "milestones"
    at: Annotated[str, BeforeValidator(joined_updates(1)), also_called("milestones", "boundaries", "steps")] = Field(
        description="updates after which the rate falls, such as `[5000, 8000]`; in labels and tables, and with "
        "`--where`, they are joined by `+`"
    )
    factor: Annotated[float, also_called("gamma", "decay", "decay_rate")] = Field(
        0.1, gt=0, lt=1, description="what the rate is multiplied by each time"
    )

    def oddities(self, updates: int) -> tuple[str, ...]:
        late = [str(at) for at in _milestones(self.at) if at >= updates]
        what = f"train.rate.at {', '.join(late)} is not below train.updates {updates}: the rate does not fall there"
        return (*super().oddities(updates), *([what] if late else []))

    def rate(self, lr: float, update: int) -> float:
        return lr * self.factor ** bisect_left(_milestones(self.at), update)


@lru_cache(maxsize=1024)
def _milestones(at: str) -> tuple[int, ...]:
    return updates_of(at)
