"""Configurations ranked by the results of their runs, with the spread over replicates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rnnctl.measures import MEASURES
from rnnctl.report.results import Result
from rnnctl.spread import Spread

SORTABLE = (*MEASURES, "broke_floor_at", "updates", "seconds", "label", "study")


@dataclass(frozen=True)
class Configuration:
    """The replicates of one configuration within a study."""

    study: str
    label: str
    config: str
    runs: list[Result]

    def spread(self, key: str) -> Spread | None:
        """Return the spread of a measure, or another number of a result, over the replicates that have it."""
        return Spread.of(run.value(key) for run in self.runs)

    def first(self, key: str) -> float | None:
        """Return a number that all replicates share, such as the chance error."""
        return next((value for run in self.runs if (value := run.value(key)) is not None), None)

    @property
    def floor(self) -> tuple[float | None, float | None]:
        """The floor that replicates share and its standard error. One with an error comes first: a replicate that an
        earlier version trained has none, and another floor.
        """
        checked = sorted((run for run in self.runs if run.checked), key=lambda run: run.floor_se is None)
        return (checked[0].floor, checked[0].floor_se) if checked else (None, None)

    @property
    def ends(self) -> dict[str, int]:
        """The number of runs by how they ended, the most frequent end first."""
        return dict(Counter(run.ended for run in self.runs).most_common())

    @property
    def statuses(self) -> dict[str, int]:
        """The number of runs by status, the most frequent first; runs that have not been checked are left out."""
        return dict(Counter(run.status for run in self.runs if run.status is not None).most_common())

    @property
    def broke_floor(self) -> list[int]:
        """The updates at which replicates broke the floor, in ascending order; replicates that did not are left out."""
        return sorted(run.broke_floor_at for run in self.runs if run.broke_floor_at is not None)


def configurations(results: Iterable[Result]) -> list[Configuration]:
    """Group results by study and configuration, in order of first appearance."""
    groups: dict[tuple[str, str], Configuration] = {}
    for run in results:
        key = (run.study, run.config)
        if key not in groups:
            groups[key] = Configuration(run.study, run.group, run.config, [])
        groups[key].runs.append(run)
    return list(groups.values())


def rank(groups: Iterable[Configuration], key: str) -> list[Configuration]:
    """Sort configurations, smallest first, by a key of SORTABLE or a hyper-parameter by its dotted key.

    Numbers come before words. Configurations without a finite value come last; equals keep their order.
    """

    def order(group: Configuration) -> tuple[int, float, str]:
        value = _value(group, key)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return (2, 0, "")
        return (1, 0, value) if isinstance(value, str) else (0, value, "")

    return sorted(groups, key=order)


def _value(group: Configuration, key: str) -> Any:
    if key in ("label", "study"):
        return getattr(group, key)
    if key in SORTABLE:
        spread = group.spread(key)
        return None if spread is None else spread.mean
    return group.runs[0].parameters.get(key)
