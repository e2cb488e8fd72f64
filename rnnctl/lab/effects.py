"""Analyse which hyper-parameters mattered, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from rnnctl.lab.errors import LabError, NotYet
from rnnctl.lab.figures import DrawnFigures, folder_of, save, title_of
from rnnctl.lab.importances import Importances, importances
from rnnctl.lab.records import inlined, named, unrecorded
from rnnctl.lab.workspaces import check_measure, check_threshold, selected
from rnnctl.lab.written import configurations_of, keys_of
from rnnctl.measures import MEASURES
from rnnctl.report.effects.analysis import Analysis, analyse
from rnnctl.report.effects.factors import Factor, Follower
from rnnctl.report.effects.levels import Estimate
from rnnctl.report.effects.pairs import Signs
from rnnctl.report.effects.stability import Stability
from rnnctl.report.results import Result, reference_of
from rnnctl.report.units import check_comparable, measure_label
from rnnctl.study.written import WrittenKeys
from rnnctl.words import counted
from store import Store


@dataclass(frozen=True)
class HyperParameter:
    """A hyper-parameter that varies. follow: others whose values follow from it.

    values: how many numbers it has, if these are too many for two configurations to differ in it alone.
    """

    name: str
    follow: tuple[str, ...]
    values: int | None = unrecorded()


@dataclass(frozen=True, kw_only=True)
class Effect:
    """The results at a value of a hyper-parameter. below: of the runs below the threshold alone."""

    name: str
    value: float | str
    all: Estimate = inlined()
    share_below: float
    below: Estimate | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two values of a hyper-parameter, everything else equal (see rnnctl.report.effects.pairs.Comparison)."""

    name: str
    first: float | str = named("from")
    other: float | str = named("to")
    alone: int
    difference: Estimate | None
    lowest: float | None
    highest: float | None
    configurations: Signs
    runs: Signs


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Whether seeds agree on the ranks of configurations."""

    stability: Stability = inlined()
    same_best: bool


@dataclass(frozen=True)
class Effects:
    """The effects of hyper-parameters on a measure, over finished runs.

    missing: why something could not be computed, under importance, linear, forest or stability.
    """

    result: str  # the measure
    runs: int
    configurations: int
    unfinished: int  # runs
    without_result: int  # finished runs
    below: float | None
    hyperparameters: list[HyperParameter]
    following: list[Follower]  # hyper-parameters that vary only because they follow from these
    main_effects: list[Effect]
    comparisons: list[Difference]
    importance: Importances | None
    stability: Ranks | None
    missing: dict[str, str]
    label: str = unrecorded()  # of the measure, with its unit
    floor: float | None = unrecorded()  # of the measure, if all runs have the same
    floor_label: str = unrecorded()
    title: str = unrecorded()  # of the runs together
    selection: list[str] = unrecorded()  # the conditions that chose these runs
    several: bool = unrecorded()  # whether the runs are of several studies
    results: list[Result] = unrecorded()
    analysis: Analysis = unrecorded()
    keys: WrittenKeys | None = unrecorded()  # that the studies of these runs set

    def __repr__(self) -> str:
        varied = ", ".join(each.name for each in self.hyperparameters) or "nothing"
        return f"Effects(on {self.result} of {varied}, over {counted(self.runs, 'run')})"


def effects(
    store: Store,
    study: str | None = None,
    *,
    by: str = "loss",
    below: float | None = None,
    where: Sequence[str] = (),
    hidden: bool = False,
) -> Effects:
    """Analyse the finished runs of a study, or of all studies, by a measure.

    below: a threshold on the measure, to look at the runs below it as well. where: conditions on runs.
    hidden: as `selected` takes it. Raises LabError, also if the measure has several units over these runs.
    """
    check_measure(by)
    check_threshold(below)
    unique = {row.run_id: row for row in selected(store, study, where, hidden)}  # a run of several studies counts once
    finished = [row for row in unique.values() if row.outcome is not None]
    if not finished:
        raise NotYet(f"{study or 'all studies'}: no run has finished yet")
    results = [Result.of(row) for row in finished]
    try:
        check_comparable(by, results)
    except ValueError as error:
        hint = "or name a study, or --where task=..."
        raise LabError(f"{error}; {hint}", argument="by", value=by) from None
    return effects_of(
        store,
        results,
        by=by,
        below=below,
        unfinished=len(unique) - len(finished),
        title=title_of(study, results),
        selection=[*where, *(["all"] if hidden else [])],
    )


def effects_of(
    store: Store,
    results: Sequence[Result],
    *,
    by: str,
    below: float | None = None,
    unfinished: int = 0,
    title: str,
    selection: Sequence[str] = (),
) -> Effects:
    """Analyse these finished runs, whose results can be compared by the measure.

    unfinished: how many runs were left out. title, selection: of the runs together, and the conditions that chose them.
    """
    keys = keys_of(store, {run.study for run in results})
    analysis = analyse(results, by, below, keys)
    trials = analysis.trials
    floor, floor_label = reference_of(results, MEASURES[by].reference)
    return Effects(
        result=by,
        runs=len(trials.values),
        configurations=int((trials.counts > 0).sum()),
        unfinished=unfinished,
        without_result=len(results) - len(trials.values),
        below=below,
        hyperparameters=[_hyper_parameter(factor) for factor in trials.factors],
        following=trials.varied.followers,
        main_effects=[
            Effect(name=each.name, value=each.value, all=each.all, share_below=each.share_below, below=each.below)
            for each in analysis.main
        ],
        comparisons=[
            Difference(
                name=each.name,
                first=each.first,
                other=each.other,
                alone=each.alone,
                difference=each.difference,
                lowest=each.lowest,
                highest=each.highest,
                configurations=each.configurations,
                runs=each.runs,
            )
            for each in analysis.pairs
        ],
        importance=importances(analysis),
        stability=None
        if analysis.stability is None
        else Ranks(stability=analysis.stability, same_best=analysis.stability.same_best),
        missing=analysis.missing,
        label=measure_label(by, results),
        floor=floor,
        floor_label=floor_label,
        title=title,
        selection=list(selection),
        several=len({run.study for run in results}) > 1,
        results=list(results),
        analysis=analysis,
        keys=keys,
    )


def _hyper_parameter(factor: Factor) -> HyperParameter:
    return HyperParameter(
        name=factor.name,
        follow=factor.follow,
        values=len(factor.numbers) if factor.drawn else None,
    )


def draw(store: Store, effects: Effects) -> DrawnFigures | None:
    """Draw the figures of an analysis into the workspace's folder for figures; None if nothing varies.

    Raises StoreError.
    """
    from rnnctl.report.effects.analysis import draw as draw_effects
    from rnnctl.report.figures import KINDS, NothingToDraw, Runs, file_name

    if not effects.main_effects:
        return None
    folder = folder_of(store, effects.title, effects.selection)
    title = ", ".join([effects.title, *effects.selection])
    figures = {
        "effects": draw_effects(
            effects.analysis,
            xlabel=effects.label,
            floor=effects.floor,
            floor_label=effects.floor_label,
            title=f"{title}: effects",
        )
    }
    runs = Runs(
        effects.results,
        lambda run_ids, traces: {},
        title=title,
        by=effects.result,
        below=effects.below,
        keys=effects.keys,
        configurations=configurations_of(store, {run.study for run in effects.results}),
    )
    for name in ("hyperparameters", "hyperparameters_below"):
        with suppress(NothingToDraw):
            figures[name] = KINDS[name].draw(runs)
    names = {name: file_name(name, by=effects.result, below=effects.below) for name in figures}
    for name, figure in figures.items():
        save(figure, folder / f"{names[name]}.png", title=title)
    return DrawnFigures(folder, list(names.values()), runs.notes)
