"""A verdict on one topic of a run, in words, and the rules by which a topic is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rnnctl.words import number, with_se
from store.history import History

UNDECIDED = "undecided"


@dataclass(frozen=True)
class Remark:
    """What can be said of one topic of a run.

    topic: such as `gradient`. verdict: one or two words, one of the topic's rules. text: one or two sentences with the
    numbers and their units. An undecided verdict says why.
    """

    topic: str
    verdict: str
    text: str


@dataclass(frozen=True)
class Topic:
    """What remarks of one topic are about, and by which rule each of its verdicts is given.

    rules: by verdict, in the order in which they are tried.
    """

    name: str
    about: str
    rules: Mapping[str, str] = field(hash=False)

    def remark(self, verdict: str, text: str, name: str | None = None) -> Remark:
        """Return a remark. The verdict must have a rule. name: of one of several things that the topic is about."""
        assert verdict in self.rules, f"{self.name} has no rule for {verdict}"
        return Remark(name or self.name, verdict, text)


def scalar(past: History, name: str) -> npt.NDArray[np.float64]:
    """Return a scalar at each of N checks, (N,): NaN where a check has none."""
    values = past.scalars.get(name)
    return np.full(len(past.steps), math.nan) if values is None else values


def known(past: History, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the updates and the values of a scalar at the checks that have a finite number, oldest first."""
    values = scalar(past, name)
    finite = np.isfinite(values)
    return past.steps[finite], values[finite]


def value_at(past: History, name: str, update: int) -> float | None:
    """Return a scalar at the check after these updates; None if that check has no finite number of this name."""
    steps, values = known(past, name)
    here = values[steps == update]
    return float(here[0]) if len(here) else None


def with_unit(value: float | None, unit: str, se: float | None = None, digits: int = 4) -> str:
    """Return a loss with its unit for a sentence: `1.386 nats`, `0.167 (mean squared error)`.

    se: its standard error, shown if it is not 0. digits: significant ones of a value without an error.
    """
    return in_unit(with_se(value, se) if se else number(value, digits), unit)


def in_unit(text: str, unit: str) -> str:
    """Return a number that is already a text with its unit, as `with_unit` does."""
    return f"{text} {unit}" if unit.startswith(("nats", "bits")) else f"{text} ({unit})"
