"""Rank configurations by what their runs reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnctl.lab.errors import LabError
from rnnctl.lab.figures import DrawnFigures, folder_of, remove, save, title_of
from rnnctl.lab.records import inlined, unrecorded
from rnnctl.lab.workspaces import check_threshold, selected
from rnnctl.lab.written import keys_of
from rnnctl.measures import MEASURES
from rnnctl.report.leaderboard import SORTABLE, Configuration, Spread, configurations, rank
from rnnctl.report.parameters import complete_key
from rnnctl.report.results import Result
from rnnctl.report.units import best_measure
from store import Store, queries


@dataclass(frozen=True)
class ConfigurationResult:
    """What the replicates of a configuration reached. ended: the number of runs by how they ended.

    broke_floor_at: the updates at which replicates broke the floor, in ascending order. spreads: of each measure, and
    of `seconds`, over the replicates that have it.
    """

    study: str
    label: str
    config: str
    runs: int
    floor: float | None
    floor_se: float | None
    chance_error: float | None
    ended: dict[str, int]
    broke_floor_at: list[int]
    spreads: dict[str, Spread | None] = inlined()


@dataclass(frozen=True)
class Examination:
    """The configurations, best first or as sorted. runs: all of theirs, or, best first, those below the threshold."""

    configurations: list[ConfigurationResult]
    runs: list[Result]
    below: float | None
    notes: dict[str, str]  # on studies, by name
    by: str = unrecorded()  # the measure of the threshold
    every_run: list[Result] = unrecorded()  # of these configurations
    more: int = unrecorded()  # configurations that `top` left out
    title: str = unrecorded()  # of the runs together
    partial: bool = unrecorded()  # whether conditions or `top` left out runs


def examine(
    store: Store,
    study: str | None = None,
    *,
    where: Sequence[str] = (),
    below: float | None = None,
    sort: str | None = None,
    top: int = 0,
    hidden: bool = False,
) -> Examination:
    """Rank the configurations of a study, or of all studies.

    where: conditions `key=value` on runs. below: a threshold on the best loss, or on bits per byte if losses have
    several units. sort: a measure, another key of the leaderboard or a hyper-parameter instead of that measure. top: at
    most so many configurations, 0 for all. hidden: as `selected` takes it. Raises LabError.
    """
    check_threshold(below)
    results = [Result.of(row) for row in selected(store, study, where, hidden)]
    by = best_measure(results)
    groups = configurations(results)
    ranked = rank(groups, by if sort is None else _sort_key(sort, groups))
    shown = ranked[:top] if top else ranked
    runs = [run for group in shown for run in group.runs]
    return Examination(
        configurations=[_result(group) for group in shown],
        runs=runs if below is None else _below(runs, below, by),
        below=below,
        notes=_notes(store, {run.study for run in runs}),
        by=by,
        every_run=runs,
        more=len(ranked) - len(shown),
        title=title_of(study, runs),
        partial=bool(where) or top > 0,
    )


def _notes(store: Store, studies: set[str]) -> dict[str, str]:
    """Return the notes on these studies, by name."""
    return {row.name: row.note for row in queries.studies(store) if row.note and row.name in studies}


def _sort_key(sort: str, groups: Sequence[Configuration]) -> str:
    if sort in SORTABLE:
        return sort
    names = dict.fromkeys(name for group in groups for name in group.runs[0].parameters)
    try:
        return complete_key(sort, [*SORTABLE, *names])
    except ValueError as error:
        raise LabError(str(error), argument="sort") from None


def _below(runs: Sequence[Result], below: float, by: str) -> list[Result]:
    return sorted((run for run in runs if run.is_below(below, by)), key=lambda run: run.value(by) or 0.0)


def _result(group: Configuration) -> ConfigurationResult:
    floor, floor_se = group.floor
    return ConfigurationResult(
        study=group.study,
        label=group.label,
        config=group.config,
        runs=len(group.runs),
        floor=floor,
        floor_se=floor_se,
        chance_error=group.first("chance_error"),
        ended=group.ends,
        broke_floor_at=group.broke_floor,
        spreads={key: group.spread(key) for key in (*MEASURES, "seconds")},
    )


def draw(store: Store, examination: Examination) -> DrawnFigures:
    """Draw the figures of an examination into the workspace's folder for figures. Raises StoreError."""
    from rnnctl.report.figures import EXAMINED, Runs
    from rnnctl.report.figures import examination as drawn
    from store import history

    title = examination.title
    folder = folder_of(store, title)
    runs = Runs(
        examination.every_run,
        lambda run_ids, traces: history.read(store, run_ids, traces),
        title=f"{title} (a selection)" if examination.partial else title,
        by=examination.by,
        below=examination.below,
        keys=keys_of(store, {run.study for run in examination.every_run}),
    )
    remove(folder, EXAMINED)
    names = []
    for name, figure in drawn(runs):
        save(figure, folder / f"{name}.png")
        names.append(name)
    return DrawnFigures(folder, names, runs.notes)
