"""The section `train.rate` of a study: how the learning rate changes with the updates. Loads no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from rnnctl.section import LATER, OncePerSection, Path, Section, also_called

# What a schedule keeps of the checks of a run: plain numbers by name, empty before the first check.
Seen = Mapping[str, float]
NOTHING: Seen = {}

BUDGET: Path = ("train", "updates")


class Checked(NamedTuple):
    """What a check shows to a schedule.

    update: the number of updates made. excess: the validation loss minus the floor of its samples. below_floor: whether
    the loss is clearly below that floor.
    """

    update: int
    excess: float
    below_floor: bool


class ScheduleSection(Section, ABC):
    """The section `train.rate` of a run.

    A schedule does not know how many updates there will be, so that a longer run can go on from a shorter one. One that
    has to know (see OverUpdatesSection) names that key in `ending_keys_used`.
    """

    name: str
    warmup: Annotated[int, LATER, also_called("warmup_steps", "warm_up", "warmup_updates", "num_warmup_steps")] = Field(
        0, ge=0, description="updates in which the rate also rises: at update t it is multiplied by t / warmup"
    )

    @abstractmethod
    def rate(self, lr: float, update: int) -> float:
        """Return the learning rate of an update, counted from 1, without warm-up. lr: `train.lr`."""

    def oddities(self, updates: int) -> tuple[str, ...]:
        """Return what has no effect in a run of this many updates, each in words that name the keys."""
        if self.warmup > updates:
            return (f"train.rate.warmup {self.warmup} is above train.updates {updates}: the rate rises to the end",)
        return ()

    @property
    def reads_checks(self) -> bool:
        """Whether the rate depends on what the checks of the run have shown, too."""
        return False

    def observe(self, seen: Seen, check: Checked) -> Seen:
        """Return what is kept after a check. seen: what was kept before. Neither is changed later."""
        return seen

    def over(self, updates: int) -> ScheduleSection:
        """Return the schedule for a run of this many updates. Only asked if `ending_keys_used` names train.updates."""
        return self

    def in_force(self, lr: float, update: int, updates: int, seen: Seen) -> float:
        """Return the learning rate with which a run makes an update, counted from 1.

        lr, updates: `train.lr` and `train.updates`. seen: what is kept of the checks before that update.
        """
        rate = self.after_checks(lr, update, updates, seen)
        return rate if update >= self.warmup else rate * (update / self.warmup)

    def after_checks(self, lr: float, update: int, updates: int, seen: Seen) -> float:
        """Return the same without warm-up. A schedule that reads checks computes its rate here."""
        schedule = self.over(updates) if self.ending_keys_used else self
        return schedule.rate(lr, update)


class DecaySection(ScheduleSection):
    """A schedule that may begin later: its first update is then the first one after the floor was broken."""

    after: Annotated[Literal["start", "broke_floor"], LATER, also_called("begin", "since")] = Field(
        "start",
        description="when it begins: at the first update, or after the check that first finds the validation loss "
        "clearly below the floor; the rate is lr until then",
    )

    @property
    def reads_checks(self) -> bool:
        return self.after == "broke_floor"

    def observe(self, seen: Seen, check: Checked) -> Seen:
        return {"began": check.update} if self.reads_checks and not seen and check.below_floor else seen

    def after_checks(self, lr: float, update: int, updates: int, seen: Seen) -> float:
        if self.after == "start":
            return super().after_checks(lr, update, updates, seen)
        if "began" not in seen:
            return lr
        began = int(seen["began"])
        return super().after_checks(lr, update - began, updates - began, seen)


class OverUpdatesSection(ScheduleSection):
    """A schedule that ends: after all updates of the run, or after a number of its own."""

    period: Annotated[
        Annotated[int, Field(ge=1)] | Literal["updates"],
        also_called("t_max", "total_steps", "decay_steps", updates=("all", "budget", "auto", "total", "full", "none")),
    ] = Field("updates", description="updates until its end, or `updates`: all updates of the run")

    @property
    def ending_keys_used(self) -> tuple[Path, ...]:
        return (BUDGET,) if self.period == "updates" else ()

    def over(self, updates: int) -> ScheduleSection:
        return _filled(self, updates)

    def rate(self, lr: float, update: int) -> float:
        assert isinstance(self.period, int), "the number of updates is not known: see over()"
        return lr * self.share(update, self.period)

    @abstractmethod
    def share(self, update: int, period: int) -> float:
        """Return the share of lr that the rate of an update is, counted from 1. period: updates until the end."""


_FILLED: OncePerSection[dict[int, OverUpdatesSection]] = OncePerSection(lambda section: {})


def _filled(section: OverUpdatesSection, updates: int) -> OverUpdatesSection:
    """Return the schedule with its period filled in."""
    filled = _FILLED[section]
    if updates not in filled:
        filled[updates] = section.model_copy(update={"period": updates})
    return filled[updates]
