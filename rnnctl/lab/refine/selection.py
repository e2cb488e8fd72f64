"""Choose the best configurations of a study, by the mean of a measure over their finished runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnctl.report.leaderboard import Configuration, configurations, rank
from rnnctl.report.results import Result, group_label
from rnnctl.spread import Spread

if TYPE_CHECKING:
    from rnnctl.study.recipe import Cut
    from store.queries import RunRow


@dataclass(frozen=True)
class Chosen:
    """A configuration that goes on. spread: of the measure, over its finished runs.

    rows: all its runs in the study, finished or not, the best one first.
    """

    label: str
    spread: Spread
    rows: tuple[RunRow, ...]

    @property
    def judged(self) -> int:
        """The number of runs that the mean is taken over."""
        return self.spread.n

    @property
    def seeds(self) -> list[int]:
        """The seeds of all its runs, in ascending order."""
        return sorted(row.spec["seed"] for row in self.rows)

    def parent(self, seed: int) -> RunRow:
        """Return the run that a run of this seed descends from: the one of the same seed, or else the best."""
        return next((row for row in self.rows if row.spec["seed"] == seed), self.rows[0])


@dataclass(frozen=True)
class Selection:
    """The chosen configurations, best first.

    judged: the number of configurations that could be chosen. without: the labels of those without a finished run that
    has the measure. diverged: the labels of those among them whose finished runs diverged before they had it.
    """

    chosen: tuple[Chosen, ...]
    judged: int
    without: tuple[str, ...]
    diverged: tuple[str, ...] = ()


def select(rows: Sequence[RunRow], cut: Cut, by: str) -> Selection:
    """Choose among the configurations of one study. by: the key of a measure.

    Equals keep their order in the study. Runs that are unfinished, failed, or diverged before their first check do not
    count against a configuration: its other runs judge it.
    """
    finished = [Result.of(row) for row in rows if row.status == "done"]
    groups = {group.config: group for group in configurations(run for run in finished if run.value(by) is not None)}
    ranked = rank(groups.values(), by)
    count = cut.of([_spread(group, by).mean for group in ranked])
    by_config: dict[str, list[RunRow]] = {}
    for row in rows:
        by_config.setdefault(row.config_id, []).append(row)
    without = {
        group_label(replicates[0].label): any(row.status == "done" for row in replicates)
        for config, replicates in by_config.items()
        if config not in groups
    }
    chosen = tuple(_chosen(group, by_config[group.config], by) for group in ranked[:count])
    return Selection(chosen, len(ranked), tuple(without), tuple(label for label, ended in without.items() if ended))


def _spread(group: Configuration, by: str) -> Spread:
    spread = group.spread(by)
    assert spread is not None, "only runs with the measure are grouped"
    return spread


def _chosen(group: Configuration, rows: Sequence[RunRow], by: str) -> Chosen:
    values = {run.run: value for run in group.runs if (value := run.value(by)) is not None}
    best_first = sorted(rows, key=lambda row: values.get(row.run_id, math.inf))
    return Chosen(group.label, _spread(group, by), tuple(best_first))
