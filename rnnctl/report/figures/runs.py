"""The runs that a figure is about, and what of their specs, results and histories goes into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import plots
from plots import Histogram, Series, Trace
from rnnctl.diagnostics.histogram import LOG10_EDGES
from rnnctl.diagnostics.verdict import verdict
from rnnctl.report.results import Result, common_value
from rnnctl.report.units import loss_unit, task_of
from rnnctl.words import one_line

if TYPE_CHECKING:
    from store.history import History

MOST_CURVES = 300
MOST_PANELS = 6
MOST_OVERLAID = 12  # runs in a panel that shows them at one check
MOST_PARTS = 6  # panels for runs that cannot be compared with one another

GATES = {"gru": ("z", "r"), "lstm": ("i", "f", "o")}
GATE_LIMIT = 0.5  # the greatest distance of a gate

Histories = Callable[[Sequence[str], bool], Mapping[str, "History"]]  # run ids, traces wanted -> histories
Layout = Literal["overlay", "panels"]


class NothingToDraw(Exception):
    """A figure does not apply to these runs. str() is the reason."""


@dataclass(frozen=True)
class Part:
    """Runs that the same lines can be compared with."""

    runs: list[Result]
    title: str
    floor: float | None
    chance: float | None


class Runs:
    """The runs of one or several figures.

    read: returns histories by run id. title: the name of these runs together. by: the measure by which they are
    compared. below: a threshold on it. at: the updates whose checks are wanted, inf for the last, instead of a few from
    early to late. layout: all runs in one panel, or a panel for each run, instead of the figure's usual layout.

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
    ) -> None:
        several = len({run.study for run in results}) > 1
        self.all = [_with_study(run) for run in results] if several else list(results)
        self.title, self.by, self.below, self.at, self.layout, self._read = title, by, below, at, layout, read
        self.checked = [run for run in self.all if run.checked]
        self._scalars: dict[str, History] | None = None
        self._traces: dict[str, History] = {}
        self.notes: list[str] = []

    @property
    def overlay(self) -> bool:
        """Whether figures that have a panel a run are to show all runs in one."""
        return self.layout == "overlay"

    @property
    def separate(self) -> bool:
        """Whether curves, which share a panel, are to have one for each configuration."""
        return self.layout == "panels"

    @property
    def places(self) -> dict[str, Any]:
        """Arguments that figures at a few checks have in common."""
        most = MOST_OVERLAID if self.overlay else MOST_PANELS
        return {"most": most, "overlay": self.overlay, "groups": self.groups, "at": self.at}

    @cached_property
    def groups(self) -> list[str]:
        """All configurations, so that one has the same colour in every figure."""
        return list(dict.fromkeys(run.group for run in self.checked))

    # --- curves

    @cached_property
    def drawn(self) -> list[Result]:
        """The runs of figures with a line a run."""
        return choose(self.checked, MOST_CURVES)

    def heading(self, words: str) -> str:
        """The title of a figure with a line a run."""
        return self._heading(words, len(self.drawn), len(self.checked))

    def series(self, *keys: str, diagnosed: bool = False, of: Sequence[Result] | None = None) -> list[Series]:
        """One scalar (and the edges of its band) of the drawn runs, or those of them in `of`, that have it; of a
        diagnosis only where one was made.
        """
        if self._scalars is None:
            self._scalars = dict(self._read([run.run for run in self.drawn], False))
        wanted = None if of is None else {run.run for run in of}
        series = []
        for run in self.drawn:
            history = self._scalars.get(run.run)
            if history is None or keys[0] not in history.scalars or (wanted is not None and run.run not in wanted):
                continue
            at = np.isfinite(history.scalars["reach"]) if diagnosed else slice(None)
            values, *band = (history.scalars[key][at] for key in keys)
            series.append(Series(run.label, run.group, history.steps[at], values, end(run), *band))
        return series

    def parts(self) -> list[Part]:
        """The checked runs by task, floor and chance error; where these are too many, by the unit of their loss."""
        parts = self._parted(lambda run: (run.spec.task.name, run.floor, run.chance_error))
        if len(parts) > MOST_PARTS:
            parts = self._parted(lambda run: loss_unit(run.spec))
        return parts

    def plateaus(self, part: Part) -> tuple[tuple[float, str], ...]:
        """Losses with a meaning, of a task that is the same for all; none, and a note, where its text cannot be read:
        the runs have ended, and all else about them is known.
        """
        specs = {run.spec.task: run.spec for run in part.runs}
        if len(specs) > 1:
            return ()
        (spec,) = specs.values()
        try:
            return task_of(spec).plateaus
        except ValueError as error:
            note = one_line(f"no lines for known levels of the loss: {error}")
            if note not in self.notes:
                self.notes.append(note)
            return ()

    def _parted(self, key: Callable[[Result], Any]) -> list[Part]:
        together: dict[Any, list[Result]] = {}
        for run in self.checked:
            together.setdefault(key(run), []).append(run)
        return [
            Part(
                runs,
                _task_names(runs) if len(together) > 1 else "",
                common_value(runs, "floor"),
                common_value(runs, "chance_error"),
            )
            for runs in together.values()
        ]

    # --- panels

    def traced(
        self, name: str, runs: Sequence[Result] | None = None, most: int = MOST_PANELS
    ) -> list[tuple[Result, History]]:
        """The runs of a figure with a panel a run, of `runs` or all that were checked, that have this trace."""
        chosen = choose(self.checked if runs is None else runs, MOST_OVERLAID if self.overlay else most)
        missing = [run.run for run in chosen if run.run not in self._traces]
        if missing:
            self._traces |= self._read(missing, True)
        pairs = [(run, self._traces[run.run]) for run in chosen if run.run in self._traces]
        return [(run, history) for run, history in pairs if name in history.traces]

    def panel_heading(self, words: str, shown: Sequence, runs: Sequence[Result] | None = None) -> str:
        """The title of a figure with a panel a run."""
        return self._heading(words, len(shown), len(self.checked if runs is None else runs))

    def gated(self) -> list[Result]:
        """The checked runs of cells with gates."""
        return [run for run in self.checked if gates_of(run)]

    def _heading(self, words: str, shown: int, of: int) -> str:
        return f"{self.title}: {words}" + ("" if shown == of else f" ({shown} of {of} runs)")


def choose(results: Sequence[Result], most: int) -> list[Result]:
    """At most `most` runs, the first replicate of every configuration before the second of any, order kept."""
    positions = plots.first_of_each([(run.study, run.config) for run in results], most)
    return [results[position] for position in positions]


def trace(run: Result, history: History, name: str, part: str = "") -> Trace:
    """A trace over time steps at the checks that have one, shorter rows filled up with NaN."""
    rows = _rows(history, name)
    values = np.full((len(rows), max(map(len, rows.values()), default=1)), np.nan)
    for line, row in zip(values, rows.values(), strict=True):
        line[: len(row)] = row
    return Trace(run.label, run.group, history.steps[list(rows)], values, part)


def distances(run: Result, history: History, name: str, limit: float, part: str = "") -> Histogram:
    """The counts of a distance in equal bins from 0 to `limit`."""
    rows = _rows(history, name)
    counts = np.array(list(rows.values()), dtype=float)
    edges = np.linspace(0, limit, counts.shape[1] + 1)
    return Histogram(run.label, run.group, history.steps[list(rows)], edges, counts, quantity=part)


def gradients(run: Result, history: History) -> Histogram:
    """The counts of log10 |dL/dh_t| over steps and sequences; its remark is the verdict on the last check."""
    rows = _rows(history, "grad_hist")
    at = list(rows)
    counts = np.stack(list(rows.values())).astype(float)
    batch = run.spec.check.diagnostic_batch
    values = np.array([batch * len(history.traces["grad_time"][i]) for i in at])
    share = np.clip(np.nan_to_num(history.scalars["grad_zero_share"][at]), 0, 1)
    zeros = np.round(share * values)
    lost = np.maximum(0, values - zeros - counts.sum(1))  # what is no number any more
    words = str(verdict(counts[-1], float(share[-1]), int(values[-1])))
    return Histogram(run.label, run.group, history.steps[at], LOG10_EDGES, counts, zeros, lost, remark=words)


def _rows(history: History, name: str) -> dict[int, np.ndarray]:
    """Index of a check -> its trace, where it has one."""
    return {i: row for i, row in enumerate(history.traces[name]) if row is not None}


def _task_names(runs: Sequence[Result]) -> str:
    return ", ".join(dict.fromkeys(run.spec.task.name for run in runs))


def _with_study(run: Result) -> Result:
    return run.named(label=f"{run.study}/{run.label}", group=f"{run.study}/{run.group}")


def gates_of(run: Result) -> tuple[str, ...]:
    """Return the names of the gates that are measured in a run's cell."""
    return GATES.get(run.spec.model.name, ())


def end(run: Result) -> str | None:
    """Return how a run ended, if figures have a mark for it."""
    return run.ended if run.ended in plots.ENDS else None
