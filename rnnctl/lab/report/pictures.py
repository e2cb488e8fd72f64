"""The figures of a page: those that `plot` draws, as SVG or images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rnnctl.measures import FLOOR
from rnnctl.report.figures import KINDS, NothingToDraw, Runs
from rnnctl.report.page.content import Picture
from rnnctl.report.page.curves import curves
from rnnctl.report.page.figures import is_large, png_of, svg_of
from rnnctl.report.results import reference_of
from rnnctl.report.units import with_loss_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.report.figures import Kind
    from rnnctl.report.figures.kind import Topic

PANELS = 12  # runs of a figure with a panel for each run


@dataclass
class Pictures:
    """Draws pictures, each with a name of its own in the page.

    labels: of runs, by id, in full. drawn: their kinds, in order. notes: what was left out.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    drawn: dict[str, Kind] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)

    def of(self, figure: Figure, name: str, title: str, about: str, lines: dict[str, Any] | None = None) -> Picture:
        """Return a figure as a picture."""
        unique = self.name(name)
        figure.suptitle("")  # the page has the title
        alternative = f"{title}: {about}"
        if is_large(figure):
            return Picture(unique, title, about, png=png_of(figure), alternative=alternative, curves=lines)
        return Picture(unique, title, about, svg=svg_of(figure, unique, alternative), curves=lines)

    def name(self, wanted: str) -> str:
        """Return a name that nothing else in the page has: the wanted one, or with a number."""
        number, unique = 1, wanted
        while unique in self._names:
            number += 1
            unique = f"{wanted}-{number}"
        self._names.add(unique)
        return unique

    def topic(self, topic: Topic, runs: Runs) -> list[Picture]:
        """Return the figures of a topic that apply to these runs."""
        return [self._one(kind, figure, runs, "") for kind, figure in self._figures(topic, runs)]

    def curves(self, groups: Sequence[Runs]) -> list[Picture]:
        """Return the curves of losses and errors. groups: runs whose results can be compared, which share a figure."""
        pictures = []
        for runs in groups:
            task = ", ".join(dict.fromkeys(run.task.name for run in runs.all)) if len(groups) > 1 else ""
            pictures += [self._one(kind, figure, runs, task) for kind, figure in self._figures("results", runs)]
        return pictures

    def _figures(self, topic: Topic, runs: Runs) -> Iterator[tuple[Kind, Figure]]:
        if not runs.checked:
            return
        for kind in KINDS.values():
            if kind.topic != topic or not kind.plotted:
                continue
            try:
                figure = kind.draw(runs)
            except NothingToDraw:
                continue
            self.drawn[kind.name] = kind
            yield kind, figure

    def _one(self, kind: Kind, figure: Figure, runs: Runs, task: str) -> Picture:
        title = kind.name.replace("_", " ") + (f", {task}" if task else "")
        lines = self._lines(kind, runs) if kind.scalar else None
        return self.of(figure, kind.name.replace("_", "-"), title, kind.about, lines)

    def _lines(self, kind: Kind, runs: Runs) -> dict[str, Any] | None:
        """Return the numbers of a kind's curves; None if there are none, or if the runs cannot share axes."""
        groups = runs.comparable()
        if len(groups) != 1:
            return None
        series = runs.series(kind.scalar)
        if not series:
            return None
        ids = {run.label: run.run for run in runs.drawn}
        is_loss = kind.scalar.endswith("loss")
        label = kind.scalar.replace("_", " ").replace("valid", "validation").replace("train ", "training ")
        if is_loss:
            floor, floor_label = reference_of(groups[0].runs, FLOOR)
            levels = [] if floor is None else [(floor, floor_label)]
        else:
            chance = groups[0].chance
            levels = [] if chance is None else [(chance, "chance")]
        run_ids = [ids[each.label] for each in series]
        return curves(
            [replace(each, label=self.labels.get(run, each.label)) for each, run in zip(series, run_ids, strict=True)],
            run_ids,
            y_label=with_loss_unit(label, groups[0].runs) if is_loss else label,
            log_y=is_loss,
            levels=levels,
        )
