"""The runs that a figure is about, and what figures read of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import plots
from plots import Series
from rnnctl.measures import FLOOR
from rnnctl.report.figures.choice import choose, covering
from rnnctl.report.figures.records import end
from rnnctl.report.results import Result, common_value, reference_of
from rnnctl.weights import BEST
from rnnctl.words import one_line

if TYPE_CHECKING:
    from rnnctl.study.written import WrittenKeys
    from rnnctl.tasks.section import TaskSection
    from store.answers import Answer
    from store.history import History

MOST_CURVES = 2000  # runs with a line each: what fits into memory with thousands of checks
MOST_PANELS = 6
MOST_OVERLAID = 12  # runs in a panel that shows them at one check
CUT = "…"  # stands for the middle of a label that is too long
LONGEST_LABEL, LONGEST_GROUP = 32, 48  # characters that panel titles and legends have room for
SHORT_ID = 9  # characters of an id, by which rnnctl show finds the run
MOST_GROUPS = 6  # panels for runs that cannot be compared with one another

Histories = Callable[[Sequence[str], bool], Mapping[str, "History"]]  # run ids, traces wanted -> histories
Answers = Callable[[Sequence[str], str | None], Sequence["Answer"]]  # run ids, name of a probe -> answers
Configurations = Mapping[tuple[str, str], str]  # study and id of each configuration -> its name
Layout = Literal["overlay", "panels"]


class NothingToDraw(Exception):
    """A figure does not apply to these runs. str() is the reason."""


@dataclass(frozen=True)
class Comparable:
    """Runs whose losses and errors can be compared with the same lines."""

    runs: list[Result]
    title: str
    floor: float | None
    floor_label: str
    chance: float | None


class Runs:
    """The runs of one or several figures.

    read: returns histories by run id. title: the name of these runs together. by: the measure by which they are
    compared. below: a threshold on it. at: the updates whose checks are wanted, inf for the last, instead of a few from
    early to late. layout: all runs in one panel, or a panel for each run, instead of the figure's usual layout.
    each: curves are those of runs, even where means over seeds are clearer. linear: value axes of curves are linear.
    panels: how many runs a figure with a panel for each run shows at most.
    keys: those that the studies of these runs set, by which hyper-parameters are named.
    configurations: the names of all configurations of these studies, by study and id, whose order decides their looks.
    answers: returns what a probe, or all without a name, has answered about runs; None for runs of no workspace.
    weights: the name of the weights that answers are about.

    notes: what figures had to leave out, a line each; filled while they are drawn.
    """

    def __init__(
        self,
        results: Sequence[Result],
        read: Histories,
        *,
        title: str,
        by: str = "loss",
        below: float | None = None,
        at: Sequence[float] | None = None,
        layout: Layout | None = None,
        each: bool = False,
        linear: bool = False,
        panels: int = MOST_PANELS,
        keys: WrittenKeys | None = None,
        configurations: Configurations | None = None,
        answers: Answers | None = None,
        weights: str = BEST,
    ) -> None:
        several = len({run.study for run in results}) > 1
        names = dict(configurations or {})
        for run in results:
            names.setdefault((run.study, run.config), run.group)
        if several:
            names = {(study, config): f"{study}/{group}" for (study, config), group in names.items()}
        names = {
            (study, config): _recognisable(group, config, LONGEST_GROUP) for (study, config), group in names.items()
        }
        self.all = [
            run.named(
                label=_recognisable(f"{run.study}/{run.label}" if several else run.label, run.run, LONGEST_LABEL),
                group=names[run.study, run.config],
            )
            for run in results
        ]
        # All configurations of the studies, so that each looks the same in every figure.
        self.groups = list(names.values())
        self.title, self.by, self.below, self.at, self.layout, self.keys = title, by, below, at, layout, keys
        self.each, self.linear, self.panels, self.weights = each, linear, panels, weights
        self._read, self.answers = read, answers
        self.checked = [run for run in self.all if run.checked]
        self._scalars: dict[str, History] | None = None
        self._traces: dict[str, History] = {}
        self._plateaus: dict[TaskSection, tuple[tuple[float, str], ...]] = {}
        self.notes: list[str] = []

    @property
    def overlay(self) -> bool:
        """Whether figures with a panel for each run show all runs in one panel instead."""
        return self.layout == "overlay"

    @property
    def separate(self) -> bool:
        """Whether curves, which share a panel, have a panel for each configuration instead."""
        return self.layout == "panels"

    @property
    def at_checks(self) -> dict[str, Any]:
        """The arguments that all figures at a few checks have in common."""
        most = MOST_OVERLAID if self.overlay else self.panels
        return {"most": most, "overlay": self.overlay, "groups": self.groups, "at": self.at}

    # --- figures with a line for each run

    @cached_property
    def drawn(self) -> list[Result]:
        """The runs of figures with a line for each run."""
        positions = plots.first_of_each([(run.study, run.config) for run in self.checked], MOST_CURVES)
        return [self.checked[position] for position in positions]

    @cached_property
    def curves(self) -> dict[str, Any]:
        """The arguments that all figures with a line for each run have in common."""
        chosen: list[str] = []
        if self.separate:
            names = {(run.study, run.config): run.group for run in self.drawn}
            chosen = [names[identity] for identity in covering(self.drawn, plots.MOST_SEPARATE)]
        options = {"separate": self.separate, "chosen": chosen, "each": self.each, "linear": self.linear}
        return {**options, "groups": self.groups}

    def heading(self, words: str) -> str:
        """Return the title of a figure with a line for each run."""
        return self._heading(words, len(self.drawn), len(self.checked))

    def series(self, *keys: str, diagnosed: bool = False, among: Sequence[Result] | None = None) -> list[Series]:
        """Return the curves of a scalar, of the drawn runs that have it.

        keys: the scalar, and the edges of its band if it has one. diagnosed: only the checks that made a diagnosis.
        among: only these runs.
        """
        if self._scalars is None:
            self._scalars = dict(self._read([run.run for run in self.drawn], False))
        wanted = None if among is None else {run.run for run in among}
        series = []
        for run in self.drawn:
            history = self._scalars.get(run.run)
            if history is None or keys[0] not in history.scalars or (wanted is not None and run.run not in wanted):
                continue
            # Means since the last check begin with the first check after updates.
            means_only = (history.steps == 0) & np.isnan(history.scalars[keys[0]])
            at = np.isfinite(history.scalars["reach"]) if diagnosed else ~means_only
            values, *band = (history.scalars[key][at] for key in keys)
            series.append(Series(run.label, run.group, history.steps[at], values, end(run), *band))
        return series

    def comparable(self) -> list[Comparable]:
        """Return the checked runs by task, floor and chance error; by task and unit of the loss if those are many."""
        groups = self._grouped(lambda run: (run.task.name, run.floor, run.chance_error))
        if len(groups) > MOST_GROUPS:
            groups = self._grouped(lambda run: (run.task.name, run.loss_unit))
        return groups

    def plateaus(self, group: Comparable) -> tuple[tuple[float, str], ...]:
        """Return losses with a meaning, if all runs of a group have the same task.

        If the data that they are computed from cannot be read any more, there are none, and a note: the runs have
        ended, and everything else about them is known.
        """
        sections = {run.task for run in group.runs}
        if len(sections) > 1:
            return ()
        (section,) = sections
        if section not in self._plateaus:
            try:
                self._plateaus[section] = section.make().plateaus
            except ValueError as error:
                self._plateaus[section] = ()
                self.notes.append(one_line(f"no lines for losses with a known meaning: {error}"))
        return self._plateaus[section]

    def _grouped(self, key: Callable[[Result], Hashable]) -> list[Comparable]:
        groups: dict[Hashable, list[Result]] = {}
        for run in self.checked:
            groups.setdefault(key(run), []).append(run)
        return [
            Comparable(
                runs,
                _task_names(runs) if len(groups) > 1 else "",
                *reference_of(runs, FLOOR),
                common_value(runs, "chance_error"),
            )
            for runs in groups.values()
        ]

    # --- figures with a panel for each run

    def traced(
        self, name: str, runs: Sequence[Result] | None = None, most: int | None = None
    ) -> list[tuple[Result, History]]:
        """Return the runs of a figure with a panel for each run: those with this trace, and their histories.

        runs: the runs to choose from, else all that were checked. most: how many are chosen,
        by default `panels`, unless they are overlaid.
        """
        chosen = choose(self.checked if runs is None else runs, MOST_OVERLAID if self.overlay else most or self.panels)
        missing = [run.run for run in chosen if run.run not in self._traces]
        if missing:
            self._traces |= self._read(missing, True)
        pairs = [(run, self._traces[run.run]) for run in chosen if run.run in self._traces]
        return [(run, history) for run, history in pairs if name in history.traces]

    def panel_heading(self, words: str, shown: Sequence[object], runs: Sequence[Result] | None = None) -> str:
        """Return the title of a figure with a panel for each run."""
        return self._heading(words, len(shown), len(self.checked if runs is None else runs))

    def gated(self) -> list[Result]:
        """Return the checked runs whose cells have gates."""
        return [run for run in self.checked if run.spec.model.gates]

    def _heading(self, words: str, shown: int, total: int) -> str:
        return f"{self.title}: {words}" + ("" if shown == total else f" ({shown} of {total} runs)")


def _recognisable(label: str, identity: str, most: int) -> str:
    """Return a label; one that is too long without its middle, but with the beginning of the id."""
    if len(label) <= most:
        return label
    kept = (most - SHORT_ID - 2) // 2
    return f"{label[:kept]}{CUT}{label[-kept:]} {identity[:SHORT_ID]}"


def _task_names(runs: Sequence[Result]) -> str:
    return ", ".join(dict.fromkeys(run.task.name for run in runs))
