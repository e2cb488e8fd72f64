"""Rank configurations by what their runs reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from rnnctl.lab.errors import LabError
from rnnctl.lab.figures import DrawnFigures, folder_of, remove, save, title_of
from rnnctl.lab.in_words import NOTHING, InWords, in_words
from rnnctl.lab.records import inlined, plain, unrecorded
from rnnctl.lab.workspaces import check_measure, check_threshold, selected
from rnnctl.lab.written import configurations_of, keys_of
from rnnctl.measures import MEASURES
from rnnctl.report.effects.trials import Trials
from rnnctl.report.gradients import gradients_of
from rnnctl.report.leaderboard import SORTABLE, Configuration, configurations, rank
from rnnctl.report.parameters import complete_key
from rnnctl.report.results import Result
from rnnctl.report.units import best_measure, by_task, unit_of
from rnnctl.spread import Spread
from rnnctl.study.written import WrittenKeys
from rnnctl.words import counted
from store import Store, queries
from store.history import shares_below
from store.queries import RunRow
from store.verification import verify_runs

# Numbers of results, other than measures, whose spread over replicates is told.
SPREAD = ("below_floor", "gradient_zero", "gradient_vanished", "gradient_exploded", "seconds", "share_seconds")


@dataclass(frozen=True)
class ConfigurationResult:
    """What the replicates of a configuration reached. ended: the number of runs by how they ended.

    parameters: the hyper-parameters that vary over the examined runs. parameter_count: the number of weights of the
    network, None for a text that has not been read yet. broke_floor_at: the updates at which replicates
    broke the floor, in ascending order. spreads: of each measure and of the other numbers in SPREAD, over the
    replicates that have them.
    """

    study: str
    label: str
    config: str
    task: str
    loss_unit: str
    parameters: dict[str, float | str]
    parameter_count: int | None
    runs: int
    floor: float | None
    floor_se: float | None
    floor_bits_per_byte: float | None
    floor_bits_per_byte_se: float | None
    chance_error: float | None
    ended: dict[str, int]
    status: dict[str, int]  # the number of runs by their status in a word
    broke_floor_at: list[int]
    spreads: dict[str, Spread | None] = inlined()

    def row(self) -> dict[str, Any]:
        """Return the record as one row of a table: means as NAME, standard deviations as NAME_sd, and the
        hyper-parameters that vary by their keys.
        """
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        parameters, spreads = row.pop("parameters"), row.pop("spreads")
        for key, spread in spreads.items():
            row[key], row[f"{key}_sd"] = (None, None) if spread is None else (spread.mean, spread.sd)
        return {**row, **parameters}


@dataclass(frozen=True)
class ExaminedRun:
    """A run with its task, and the unit of its losses."""

    task: str
    loss_unit: str
    result: Result = inlined()


@dataclass(frozen=True)
class TaskTable:
    """The configurations of one task whose losses have one unit: they are ranked together, and with no others.

    unit: of the loss by which they are sorted, else of the measure that ranks. by_unit: of the measure that ranks.
    more: how many configurations `top` left out.
    """

    task: str
    unit: str
    by_unit: str
    configurations: list[ConfigurationResult]
    runs: list[Result]  # all of theirs
    below: list[Result]  # those below the threshold, best first
    more: int


@dataclass(frozen=True)
class Examination:
    """The configurations, task by task, best first or as sorted.

    runs: all of theirs, or, best first, those below the threshold.
    """

    configurations: list[ConfigurationResult]
    runs: list[ExaminedRun]
    below: float | None
    notes: dict[str, str]  # on studies, by name
    by: str  # the measure that ranks
    tables: list[TaskTable] = unrecorded()
    every_run: list[Result] = unrecorded()  # of these configurations
    words: InWords = inlined()  # nothing unless asked for
    title: str = unrecorded()  # of the runs together
    selection: list[str] = unrecorded()  # the conditions that chose these runs
    keys: WrittenKeys | None = unrecorded()  # that the studies of these runs set

    def __repr__(self) -> str:
        of = f"{counted(len(self.configurations), 'configuration')}, {counted(len(self.every_run), 'run')}"
        return f"Examination({of}, by {self.by})"

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each of `runs`: its result, its task and the hyper-parameters that vary."""
        of = {(each.study, each.config): each for each in self.configurations}
        return [{**plain(run), **of[run.result.study, run.result.config].parameters} for run in self.runs]


def examine(
    store: Store,
    study: str | None = None,
    *,
    by: str | None = None,
    where: Sequence[str] = (),
    below: float | None = None,
    sort: str | None = None,
    top: int = 0,
    hidden: bool = False,
    words: bool = False,
) -> Examination:
    """Rank the configurations of a study, or of all studies, task by task.

    by: the measure that ranks; by default the best loss, or bits per byte if all is text and losses have several units.
    where: conditions on runs. below: a threshold on the measure. sort: a measure, another key of the
    leaderboard or a hyper-parameter, to order by instead. top: at most so many configurations of each task, 0 for all.
    hidden: as `selected` takes it. words: whether to compare the runs in words too, which reads their histories.
    Raises LabError.
    """
    check_threshold(below)
    if by is not None:
        check_measure(by)
    rows = selected(store, study, where, hidden)
    examination = examined(store, rows, by=by, below=below, sort=sort, top=top, title=study, words=words)
    by = examination.by
    chosen = [f"top={top}", *([f"sort={sort}"] if sort else []), *([f"by={by}"] if by != "loss" else [])] if top else []
    return replace(examination, selection=[*where, *chosen, *(["all"] if hidden else [])])


def examined(
    store: Store,
    rows: Sequence[RunRow],
    *,
    by: str | None = None,
    below: float | None = None,
    sort: str | None = None,
    top: int = 0,
    title: str | None = None,
    selection: Sequence[str] = (),
    words: bool = False,
) -> Examination:
    """Rank the configurations of these runs, as `examine` does.

    title: of the runs together; by default the name of their study. selection: the conditions that chose them. Raises
    LabError for an unknown `sort`.
    """
    limits = {row.run_id: limit for row in rows if (limit := Result.limit_of(row)) is not None}
    verify_runs(store, "history", [row.run_id for row in rows], large_too=False)
    shares = shares_below(store, "valid_loss", limits)
    gradients = gradients_of(store, rows)
    results = [Result.of(row, shares.get(row.run_id), gradients.get(row.run_id)) for row in rows]
    by = by or best_measure(results)
    keys = keys_of(store, {run.study for run in results})
    groups = configurations(results)
    order = by if sort is None else _sort_key(sort, groups)
    grouped = by_task(results, order if order in MEASURES and MEASURES[order].unit == "loss" else by)
    tables = [_table(*task, some, keys, by, order, below, top) for task, some in grouped.items()]
    every_run = [run for table in tables for run in table.runs]
    told = in_words(store, results, gradients, shown=every_run, by=by, keys=keys) if words else NOTHING
    return Examination(
        configurations=[each for table in tables for each in table.configurations],
        runs=[
            ExaminedRun(table.task, run.loss_unit, run)
            for table in tables
            for run in (table.runs if below is None else table.below)
        ],
        below=below,
        notes=_notes(store, {run.study for run in every_run}),
        by=by,
        tables=tables,
        every_run=every_run,
        words=told,
        title=title_of(title, every_run),
        selection=list(selection),
        keys=keys,
    )


def _table(
    task: str,
    unit: str,
    results: Sequence[Result],
    keys: WrittenKeys | None,
    by: str,
    order: str,
    below: float | None,
    top: int,
) -> TaskTable:
    """Return the configurations of one task, ranked."""
    ranked = rank(configurations(results), order)
    shown = ranked[:top] if top else ranked
    runs = [run for group in shown for run in group.runs]
    parameters = Trials.of(results, by, keys=keys, empty=True).all_parameters
    return TaskTable(
        task=task,
        unit=unit,
        by_unit=unit_of(by, results[0]),
        configurations=[_result(group, parameters[group.config]) for group in shown],
        runs=runs,
        below=[] if below is None else _below(runs, below, by),
        more=len(ranked) - len(shown),
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


def _result(group: Configuration, parameters: dict[str, float | str]) -> ConfigurationResult:
    floor, floor_se = group.floor
    return ConfigurationResult(
        study=group.study,
        label=group.label,
        config=group.config,
        task=group.runs[0].task.name,
        loss_unit=group.runs[0].loss_unit,
        parameters=parameters,
        parameter_count=group.runs[0].parameter_count,
        runs=len(group.runs),
        floor=floor,
        floor_se=floor_se,
        floor_bits_per_byte=group.first("floor_bits_per_byte"),
        floor_bits_per_byte_se=group.first("floor_bits_per_byte_se"),
        chance_error=group.first("chance_error"),
        ended=group.ends,
        status=group.statuses,
        broke_floor_at=group.broke_floor,
        spreads={key: group.spread(key) for key in (*MEASURES, *SPREAD)},
    )


def draw(store: Store, examination: Examination) -> DrawnFigures:
    """Draw the figures of an examination into the workspace's folder for figures. Raises StoreError."""
    from rnnctl.report.figures import EXAMINED, Runs, file_name
    from rnnctl.report.figures import examination as drawn
    from store import history

    title = examination.title
    folder = folder_of(store, title, examination.selection)
    studies = {run.study for run in examination.every_run}
    runs = Runs(
        examination.every_run,
        lambda run_ids, traces: history.read(store, run_ids, traces),
        title=", ".join([title, *examination.selection]),
        by=examination.by,
        below=examination.below,
        keys=examination.keys,
        configurations=configurations_of(store, studies),
    )
    remove(folder, EXAMINED)
    names = []
    for kind, figure in drawn(runs):
        name = file_name(kind, by=examination.by, below=examination.below)
        save(figure, folder / f"{name}.png", title=runs.title)
        names.append(name)
    return DrawnFigures(folder, names, runs.notes)
