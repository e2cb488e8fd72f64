"""Interactions of hyper-parameters in a study, and their spans over several studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.records import inlined, unrecorded
from rnnctl.lab.workspaces import check_measure, selected
from rnnctl.lab.written import keys_of
from rnnctl.report.effects import spans as report
from rnnctl.report.effects.interactions import Consistency, Interaction, consistencies, interactions
from rnnctl.report.effects.spans import NoBaseline
from rnnctl.report.effects.trials import Trials
from rnnctl.report.results import Result
from rnnctl.report.units import check_comparable, measure_label
from store import Store, queries


@dataclass(frozen=True)
class Interactions:
    """Tables of means of two hyper-parameters each, and how far the order of values depends on the others."""

    result: str  # the measure
    runs: int
    unfinished: int  # runs
    interactions: list[Interaction]
    consistency: list[Consistency]
    label: str = unrecorded()  # of the measure, with its unit


@dataclass(frozen=True)
class StudySpans:
    """The spans of hyper-parameters over studies that share a baseline."""

    result: str
    studies: list[str]
    unfinished: int
    spans: report.Spans = inlined()
    label: str = unrecorded()


def interactions_of(
    store: Store, study: str | None = None, *, by: str = "loss", where: Sequence[str] = (), hidden: bool = False
) -> Interactions:
    """Return the interactions of the hyper-parameters of a study, or of all studies, in a measure.

    where: conditions on runs. hidden: as `selected` takes it. Raise LabError if fewer than two hyper-parameters vary
    over the finished runs.
    """
    results, unfinished = _results(store, [study], by, where, hidden)
    trials = Trials.of(results, by, keys=keys_of(store, {run.study for run in results}))
    tables = interactions(trials)
    if not tables:
        raise LabError("an interaction takes two hyper-parameters that vary over finished runs", Code.NOTHING)
    return Interactions(by, len(trials.values), unfinished, tables, consistencies(trials), measure_label(by, results))


def spans_of(
    store: Store, studies: Sequence[str], *, by: str = "loss", where: Sequence[str] = (), hidden: bool = False
) -> StudySpans:
    """Return the spans of hyper-parameters in a measure over studies that share a baseline; all studies if none is
    named.

    Raise LabError if no configuration with a result is part of all of them.
    """
    names = studies or [row.name for row in queries.studies(store) if hidden or row.archived is None]
    results, unfinished = _results(store, names or [None], by, where, hidden)
    try:
        spans = report.spans(results, by)
    except NoBaseline as error:
        raise LabError(str(error), Code.NOTHING) from error
    return StudySpans(
        by, list(dict.fromkeys(run.study for run in results)), unfinished, spans, measure_label(by, results)
    )


def _results(
    store: Store, studies: Sequence[str | None], by: str, where: Sequence[str], hidden: bool
) -> tuple[list[Result], int]:
    """Return the results of the finished runs of studies, once for each study, and how many have not finished."""
    check_measure(by)
    rows = [row for study in dict.fromkeys(studies) for row in selected(store, study, where, hidden)]
    results = [Result.of(row) for row in rows if row.outcome is not None]
    if not results:
        raise LabError("no run has finished yet", Code.NOTHING)
    try:
        check_comparable(by, results)
    except ValueError as error:
        raise LabError(f"{error}; or --where task=...", argument="by", value=by) from None
    return results, len({row.run_id for row in rows if row.outcome is None})
