"""Answer the questions of a study with the results of its runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnctl.lab.asked import probe_of
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.probe import ask
from rnnctl.lab.records import unrecorded
from rnnctl.lab.workspaces import selected
from rnnctl.measures import MEASURES, SCALARS, STATUSES
from rnnctl.probes.base import Probe, QuestionError
from rnnctl.report.parameters import flat_name
from rnnctl.report.results import Result
from rnnctl.report.units import check_comparable, measure_label
from rnnctl.report.verdicts import Interval, Verdict, judge
from rnnctl.spread import Spread
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import questions_of
from rnnctl.study.quantities import FirstBelow, HasStatus, MeasureOf, ProbeNumber, ScalarOf, WeightCount
from rnnctl.study.questions import Question, check_questions, group_named, groups_of
from rnnctl.weights import BEST, LAST
from rnnctl.words import counted, did_you_mean, some
from store import Store, history, queries
from store import answers as kept_answers
from store.encoding import to_json

Told = Callable[[str], None]
Pairs = Sequence[tuple[dict[str, Any], dict[str, Any]]]  # questions put to a run, and its answers
Lookup = Callable[[Result, Probe, str], Pairs]  # run, probe, name of weights


@dataclass(frozen=True)
class Group:
    """The runs at one value of what a question compares. spread: over seeds, each a mean over configurations.

    values: by seed. missing: finished runs without a value. status: the number of runs by status.
    """

    name: str
    configurations: int
    runs: int
    spread: Spread | None
    values: Mapping[str, float]
    missing: int
    status: Mapping[str, int]


@dataclass(frozen=True)
class Answered:
    """A question with what its runs say. measure, by, where, expect: as texts, empty where it has none.

    label: the quantity in words, empty for numbers of probes. why: the estimates that decide, or what is missing.
    """

    ask: str
    claim: str
    measure: str
    label: str
    by: str
    where: str
    expect: str
    groups: list[Group]
    intervals: list[Interval]
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class Answers:
    """The questions of a study, answered. unfinished: runs that do not count yet."""

    study: str
    about: str
    unfinished: int
    verdicts: dict[str, int]  # how many questions by verdict
    questions: list[Answered]
    notes: list[str] = unrecorded()


def answers(store: Store, study: str | None, told: Told | None = None, *, ask_probes: bool = True) -> Answers:
    """Answer the questions of a registered study from its finished runs. The store must be writable: probes that
    questions need are put to the runs, and their answers are kept.

    study: None for the only one with questions, of those that are not archived. told: is given a line for each answer
    of a probe that has to be computed. ask_probes: False takes only the answers that are kept already; a note says how
    many runs have none. Raise LabError if the study has no questions, if no run has finished, or if a question names a
    number that its probe does not have.
    """
    studies = queries.studies(store)
    study = _only_one(studies) if study is None else study
    rows = selected(store, study)
    (row,) = (each for each in studies if each.name == rows[0].study)
    questions = _questions(row.name, row.source)
    results = [Result.of(run) for run in rows]
    unfinished = sum(run.outcome is None for run in rows)
    if unfinished == len(rows):
        raise LabError(f"{study}: no run has finished yet", Code.NOTHING)
    try:
        check_questions(questions, [run.spec for run in results])
    except SpecError as error:
        raise LabError(str(error.at(file=study)), Code.FAILURE) from error
    notes: list[str] = []
    finished = {row.run_id for row in rows if row.outcome is not None}
    lookup = partial(_asked if ask_probes else _kept, store, told=told)
    answered = [_answered(store, question, results, finished, lookup, notes) for question in questions]
    return Answers(
        study=row.name,
        about=row.about,
        unfinished=unfinished,
        verdicts=dict(Counter(str(each.verdict) for each in answered)),
        questions=answered,
        notes=list(dict.fromkeys(notes)),
    )


def _only_one(studies: Sequence[queries.StudyRow]) -> str:
    """Return the name of the only study with questions that is not archived. Raise LabError."""
    names = [each.name for each in studies if each.archived is None and _has_questions(each)]
    if not names:
        raise LabError("no registered study has a section questions", Code.NOTHING)
    if len(names) > 1:
        raise LabError(f"{len(names)} studies have questions; name one: {some(names)}", Code.USAGE)
    return names[0]


def _has_questions(study: queries.StudyRow) -> bool:
    """Return whether a study has questions. One that cannot be read counts: what is wrong with it is told then."""
    try:
        return bool(questions_of(study.source, study.name))
    except SpecError:
        return True


def _questions(study: str, source: str) -> tuple[Question, ...]:
    try:
        questions = questions_of(source, study)
    except SpecError as error:
        raise LabError(str(error), Code.FAILURE) from error
    if not questions:
        raise LabError(f"the file of {study} has no section questions", Code.NOTHING)
    return questions


def _answered(
    store: Store,
    question: Question,
    results: Sequence[Result],
    finished: Collection[str],
    lookup: Lookup,
    notes: list[str],
) -> Answered:
    """Answer a question. results: of all runs of the study. finished: the ids of those that count."""
    if question.quantity is None:
        why = "the question has no quantity"
        return Answered(question.ask, question.claim, "", "", "", "", "", [], [], Verdict.NOT_COMPUTED, why)
    asked = [run for run in results if question.includes(run.spec)]
    runs = [run for run in asked if run.run in finished]
    values = _values(store, question, runs, lookup, notes) if runs else {}
    # Also the groups of which no run has finished: a claim about all of them is not judged without these.
    names = groups_of(question, [run.spec for run in asked])
    group_of = {run.run: question.group_of(run.spec) for run in runs}
    by_seed = _by_seed(question, runs, group_of, values)
    groups = [
        _group(name, [run for run in runs if group_of[run.run] == name], by_seed.get(name, {}), values)
        for name in names
    ]
    verdict, why, intervals = Verdict.NOT_COMPUTED, "nothing is claimed of the quantity", list[Interval]()
    if question.expect is not None:
        named = [group_named(question, selector, names) for selector in question.expect.groups]
        seeds = {name: by_seed.get(name, {}) for name in names}
        judgement = judge(question.expect.form, seeds, named, question.expect.bound)
        verdict, why, intervals = judgement.verdict, judgement.why, judgement.intervals
    return Answered(
        ask=question.ask,
        claim=question.claim,
        measure=str(question.quantity),
        label=_label(question, runs),
        by=", ".join(".".join(path) for path in question.by),
        where=question.where_text,
        expect="" if question.expect is None else str(question.expect),
        groups=groups,
        intervals=intervals,
        verdict=verdict,
        why=why,
    )


def _group(name: str, runs: Sequence[Result], by_seed: Mapping[int, float], values: Mapping[str, float]) -> Group:
    return Group(
        name=name,
        configurations=len({run.config for run in runs}),
        runs=len(runs),
        spread=Spread.of(by_seed.values()),
        values={str(seed): value for seed, value in sorted(by_seed.items())},
        missing=sum(run.run not in values for run in runs),
        status=dict(Counter(run.status for run in runs if run.status is not None).most_common()),
    )


def _by_seed(
    question: Question, runs: Sequence[Result], group_of: Mapping[str, str], values: Mapping[str, float]
) -> dict[str, dict[int, float]]:
    """Return the quantity of each group by seed: a mean over the configurations of the group.

    Where groups are crossed with other settings, a setting counts for a seed only if all groups that have values at all
    have one there, so that groups differ in nothing else. Else a seed counts for a group if all of its configurations
    have a value.
    """
    table: dict[str, dict[str, dict[int, float]]] = {}  # group -> other settings -> seed -> value
    settings: dict[str, set[str]] = {}
    single = len({(group_of[run.run], run.config) for run in runs}) == len(set(group_of.values()))
    for run in runs:
        group, rest = group_of[run.run], "" if single else _other_settings(question, run)
        settings.setdefault(group, set()).add(rest)
        if run.run in values:
            table.setdefault(group, {}).setdefault(rest, {})[run.seed] = values[run.run]
    if not table:
        return {}
    crossed = len({frozenset(settings[group]) for group in table}) == 1
    result: dict[str, dict[int, float]] = {}
    for group, by_rest in table.items():
        for seed in sorted({seed for by_seed in by_rest.values() for seed in by_seed}):
            if crossed:
                rests = [
                    rest
                    for rest in sorted(settings[group])
                    if all(seed in other.get(rest, {}) for other in table.values() if _has(other, seed))
                ]
            else:
                rests = sorted(settings[group])
                rests = rests if all(seed in by_rest.get(rest, {}) for rest in rests) else []
            if rests:
                result.setdefault(group, {})[seed] = math.fsum(by_rest[rest][seed] for rest in rests) / len(rests)
    return result


def _has(by_rest: Mapping[str, Mapping[int, float]], seed: int) -> bool:
    return any(seed in by_seed for by_seed in by_rest.values())


def _other_settings(question: Question, run: Result) -> str:
    """Return all settings of a run but those of `by`, and of sections that `by` names, as one text."""
    names = [flat_name(path) for path in question.by] + [".".join(path) for path in question.by]
    others = {
        key: value
        for key, value in run.parameters.items()
        if not any(key == name or key.startswith(f"{name}.") for name in names)
    }
    return repr(sorted(others.items()))


# --- the quantity of each run ----------------------------------------------------------------------------------------


def _values(
    store: Store, question: Question, runs: Sequence[Result], lookup: Lookup, notes: list[str]
) -> dict[str, float]:
    """Return the quantity by run id; runs without a finite value are left out."""
    quantity = question.quantity
    values: Mapping[str, float | None]
    if isinstance(quantity, MeasureOf):
        try:
            check_comparable(quantity.key, runs)
        except ValueError as error:
            raise LabError(f"{question.place}: {error}", Code.FAILURE) from error
        values = {run.run: run.value(quantity.key) for run in runs}
    elif isinstance(quantity, WeightCount):
        values = {run.run: run.parameter_count for run in runs}
    elif isinstance(quantity, HasStatus):
        values = {run.run: None if run.status is None else float(run.status == quantity.word) for run in runs}
    elif isinstance(quantity, ProbeNumber):
        values = _of_probe(question, quantity, runs, lookup, notes)
    else:
        assert isinstance(quantity, ScalarOf | FirstBelow)
        values = _of_history(store, quantity, runs)
    return {run: value for run, value in values.items() if value is not None and math.isfinite(value)}


def _of_history(store: Store, quantity: ScalarOf | FirstBelow, runs: Sequence[Result]) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    budgets = {run.run: run.budget for run in runs}
    for run_id, read in history.read(store, [run.run for run in runs]).items():
        steps, column = read.steps, read.scalars.get(quantity.name)
        if column is None or not len(column):
            continue
        if isinstance(quantity, FirstBelow):
            below = steps[column < quantity.bound]
            values[run_id] = float(below[0]) if len(below) else float(budgets[run_id])
        elif quantity.first is None:
            values[run_id] = float(column[-1])
        elif quantity.last is None:
            at = column[steps == quantity.first]
            values[run_id] = float(at[0]) if len(at) else None
        else:
            window = column[(steps > quantity.first) & (steps <= quantity.last)]
            window = window[np.isfinite(window)]
            values[run_id] = float(window.mean()) if len(window) else None
    return values


def _of_probe(
    question: Question, quantity: ProbeNumber, runs: Sequence[Result], lookup: Lookup, notes: list[str]
) -> dict[str, float | None]:
    """Return the number of each run. Runs to which the probe does not apply, or without these weights, have none."""
    try:
        probe = probe_of(question)
    except SpecError as error:
        raise LabError(str(error), Code.FAILURE) from error
    assert probe is not None
    values: dict[str, float | None] = {}
    known: dict[str, None] = {}
    reasons: Counter[str] = Counter()
    for run in runs:
        try:
            pairs = lookup(run, probe, quantity.weights)
        except LabError as error:
            reasons[str(error).removeprefix(f"{run.run}: ")] += 1
            continue
        for put, answer in pairs:
            numbers = probe.numbers(put, answer)
            known |= dict.fromkeys(numbers)
            values[run.run] = numbers.get(quantity.number, values.get(run.run))
    notes += [f"{counted(n, 'run')} without {quantity}: {why}" for why, n in reasons.items()]
    if known and quantity.number not in known:
        hint = did_you_mean(quantity.number, known)
        what = f"the probe {quantity.probe} has no number {quantity.number}; allowed: {', '.join(known)}{hint}"
        raise LabError(f"{question.place}.measure: {what}", Code.FAILURE)
    return values


def _asked(store: Store, run: Result, probe: Probe, weights: str, *, told: Told | None) -> Pairs:
    """Put the probe to the run, unless its answers are kept. Raises LabError, as `ask` does."""
    return [pair for asked in ask(store, run.run, probe, told, weights).runs for pair in asked.answers]


def _kept(store: Store, run: Result, probe: Probe, weights: str, *, told: Told | None) -> Pairs:
    """Return the kept answers of the probe about the weights. Raises LabError if one is missing. told: has no use."""
    if why := probe.applies(run.spec):
        raise LabError(why)
    try:
        questions = probe.questions(run.spec)
    except QuestionError as error:
        raise LabError(str(error)) from error
    step = {BEST: run.best_at, LAST: run.updates}.get(weights) if weights in (BEST, LAST) else int(weights)
    known = {
        to_json(kept.asked): kept.answer
        for kept in kept_answers.of_runs(store, [run.run], probe.name)
        if kept.step == step
    }
    keys = [to_json(question) for question in questions]
    if any(key not in known for key in keys):
        raise LabError("not asked yet", Code.NOTHING)
    return [(question, known[key]) for question, key in zip(questions, keys, strict=True)]


def _label(question: Question, runs: Sequence[Result]) -> str:
    """Return the quantity in words."""
    quantity = question.quantity
    if isinstance(quantity, MeasureOf):
        return measure_label(quantity.key, runs) if runs else MEASURES[quantity.key].label
    if isinstance(quantity, WeightCount):
        return "number of weights"
    if isinstance(quantity, HasStatus):
        return f"share of runs with the status {quantity.word.replace('_', ' ')}: {STATUSES[quantity.word]}"
    if isinstance(quantity, FirstBelow):
        return f"update of the first check with {quantity.name} below {quantity.bound:g}, or of the last update"
    if isinstance(quantity, ScalarOf):
        about = SCALARS.get(quantity.name, quantity.name)
        if quantity.first is None:
            return f"{about}, at the last check"
        if quantity.last is None:
            return f"{about}, after {quantity.first:,} updates"
        return f"{about}, mean over the checks after {quantity.first:,} to {quantity.last:,} updates"
    return ""
