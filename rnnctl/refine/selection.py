"""Which configurations of a study are its best, by the mean of a figure over their finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnctl.report.leaderboard import Configuration, Spread, configurations, rank
from rnnctl.report.results import Result, group_label

if TYPE_CHECKING:
    from rnnctl.study.recipe import Cut
    from store.queries import RunRow


@dataclass(frozen=True)
class Chosen:
    """A configuration that goes on. rows: all its runs in the study, finished or not, the best finished one first;
    judged: how many of them the figure is a mean over.
    """

    label: str
    figure: Spread
    rows: tuple[RunRow, ...]
    judged: int

    @property
    def seeds(self) -> list[int]:
        """Of all its runs, in ascending order."""
        return sorted(row.spec["seed"] for row in self.rows)

    def parent(self, seed: int) -> RunRow:
        """The run that one of a seed descends from: the replicate of that seed or else the best."""
        return next((row for row in self.rows if row.spec["seed"] == seed), self.rows[0])


@dataclass(frozen=True)
class Selection:
    """The chosen, best first. judged: how many configurations there were to choose from; without: the labels of those
    that no run has finished of, or none with a figure; diverged: the latter of these.
    """

    chosen: tuple[Chosen, ...]
    judged: int
    without: tuple[str, ...]
    diverged: tuple[str, ...] = ()


def select(rows: Sequence[RunRow], cut: Cut, by: str) -> Selection:
    """Choose among the configurations of one study. by: the key of a measure.

    Equals keep their order in the study. Unfinished and failed runs do not count against a configuration, and neither
    does one that has no figure because it diverged before its first check: the others judge it.
    """
    finished = [Result.of(row) for row in rows if row.status == "done"]
    groups = {group.config: group for group in configurations(run for run in finished if run.value(by) is not None)}
    ranked = rank(list(groups.values()), by)
    count = cut.of([group.spread(by).mean for group in ranked])
    of_config: dict[str, list[RunRow]] = {}
    for row in rows:
        of_config.setdefault(row.config_id, []).append(row)
    without = {
        group_label(of[0].label): any(row.status == "done" for row in of)
        for config, of in of_config.items()
        if config not in groups
    }
    chosen = tuple(_chosen(group, of_config[group.config], by) for group in ranked[:count])
    return Selection(chosen, len(ranked), tuple(without), tuple(label for label, ended in without.items() if ended))


def _chosen(group: Configuration, rows: Sequence[RunRow], by: str) -> Chosen:
    figures = {run.run: run.value(by) for run in group.runs}
    best_first = sorted(rows, key=lambda row: figures.get(row.run_id, float("inf")))
    return Chosen(group.label, group.spread(by), tuple(best_first), len(figures))
