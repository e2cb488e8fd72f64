"""Put the question of a probe to trained runs. Answers are kept in the store and not computed again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnctl.lab.errors import Code, LabError, NotYet
from rnnctl.lab.figures import figures_folder, safe_name, save
from rnnctl.lab.trained import Lacking, newest, none_has_weights, why_lacking
from rnnctl.lab.workspaces import runs_named
from rnnctl.lab.written import configurations_of
from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError
from rnnctl.report.specs import read_spec
from rnnctl.study.run import RunSpec
from rnnctl.weights import BEST, in_words, weights_name
from rnnctl.words import counted, one_line, some
from store import Store, answers
from store.answers import Answer as Kept
from store.encoding import finite, to_json
from store.queries import RunRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.training.trained import Trained, WeightsAt


@dataclass(frozen=True)
class LeftOut:
    """A run that was not asked, and why: `without a checkpoint`, or that the probe does not apply."""

    study: str
    label: str
    why: str


@dataclass(frozen=True)
class Probed:
    """The runs that were asked, with their answers, and those that were left out."""

    name: str  # of the runs together
    probe: Probe
    weights: str  # their name: best, last or an update
    runs: list[Asked]
    left_out: list[LeftOut]
    notes: list[str]
    title: str  # STUDY or STUDY/LABEL
    run: str | None  # the id of the run, if the name is that of one run

    def records(self) -> list[dict[str, Any]]:
        """Return one JSON object an answer: the run, the update of its weights, question and answer."""
        return [
            {
                "study": run.study,
                "label": run.label,
                "run_id": run.run_id,
                "step": run.step,
                **self.probe.record(question, answer),
            }
            for run in self.runs
            for question, answer in run.answers
        ]


def ask(
    store: Store, name: str, probe: Probe, told: Callable[[str], None] | None = None, weights: str = BEST
) -> Probed:
    """Ask the runs that a name stands for: all runs of a study, or one run. The store must be writable.

    Runs to which the probe does not apply, or without these weights, are left out. told: is given a line for each
    answer as soon as it is computed, for probes that have one. weights: best, last, or the update of a snapshot. Raise
    LabError if no run can be asked, if the code of a part of one is missing, if the question does not fit one of them,
    or if its text has changed; StoreError if an answer cannot be kept.
    """
    try:
        weights = weights_name(weights)
    except ValueError as error:
        raise LabError(str(error), argument="weights") from error
    named = runs_named(store, name)
    specs = {row.run_id: read_spec(row.spec) for row in named.runs}
    if why_not := next((spec.code_problem for spec in specs.values() if spec.code_problem), None):
        raise LabError(f"{name} cannot be asked: {why_not}", Code.FAILURE)
    unfit = {row.run_id: why for row in named.runs if (why := probe.applies(specs[row.run_id])) is not None}
    rows = [row for row in named.runs if row.run_id not in unfit]
    if not rows:
        raise LabError(f"{name}: the probe {probe.name} does not apply: {', '.join(dict.fromkeys(unfit.values()))}")
    if probe.single and len(rows) > 1:
        labels = some([row.label for row in rows])
        raise LabError(f"{name} has {len(rows)} runs, and {probe.name} is for one run: {labels}")
    questions = {row.run_id: _questions(probe, row, specs[row.run_id]) for row in rows}
    names = configurations_of(store, {named.study})
    notes, asked = list(named.notes), []
    without: dict[str, Lacking] = {}
    kept: dict[str, set[int]] = {}  # the updates of the weights that there are, by name
    for row in rows:
        state = newest(store, row)
        notes += state.notes
        for known, weights_at in state.trained.weights.items() if state.trained is not None else ():
            kept.setdefault(known, set()).add(weights_at.step)
        if (reason := why_lacking(row, state, weights)) is not None or state.trained is None:
            without[row.run_id] = reason or Lacking.NO_CHECKPOINT
            continue
        pairs = _answered(store, probe, row, state.trained, state.trained.weights[weights], questions[row.run_id], told)
        group, step = names[row.study, row.config_id], state.trained.weights[weights].step
        spec = state.trained.spec
        asked.append(Asked(row.study, row.label, group, row.run_id, spec, step, pairs, tuple(names.values()), weights))
    if not asked:
        there = {known: next(iter(steps)) if len(steps) == 1 else None for known, steps in kept.items()}
        raise NotYet(none_has_weights(name, weights, without.values(), there))
    notes += [f"{counted(n, 'run')} left out: {why}" for why, n in Counter(unfit.values()).items()]
    clauses = {run_id: reason.clause(weights) for run_id, reason in without.items()}
    notes += [f"{counted(n, 'run')} {why} left out" for why, n in Counter(clauses.values()).items()]
    reasons = {**unfit, **clauses}
    left_out = [LeftOut(row.study, row.label, reasons[row.run_id]) for row in named.runs if row.run_id in reasons]
    run = None if named.whole else named.runs[0].run_id
    return Probed(name, probe, weights, asked, left_out, notes, named.title, run)


def figure(probed: Probed) -> Figure | None:
    """Return a figure of the answers; None for probes without one."""
    name = probed.name if probed.weights == BEST else f"{probed.name}, {in_words(probed.weights)}"
    return probed.probe.draw(probed.runs, name)


def draw(store: Store, probed: Probed) -> Path | None:
    """Draw the answers into the figures folder of the workspace, and return the file; None for probes without a figure.

    Raise StoreError if it cannot be written.
    """
    drawn = figure(probed)
    if drawn is None:
        return None
    end = probed.probe.figure if probed.weights == BEST else f"{probed.probe.figure}-{probed.weights}"
    path = figures_folder(store) / f"{safe_name(probed.title)}-{end}.png"
    save(drawn, path, title=probed.title, run=probed.run)
    return path


def _questions(probe: Probe, row: RunRow, spec: RunSpec) -> list[Question]:
    try:
        return probe.questions(spec)
    except QuestionError as error:
        raise LabError(f"{row.label}: {error}", argument=error.field) from error


def _answered(
    store: Store,
    probe: Probe,
    row: RunRow,
    trained: Trained,
    weights: WeightsAt,
    questions: Sequence[Question],
    told: Callable[[str], None] | None,
) -> list[tuple[Question, Answer]]:
    """Return the kept answers about these weights of a run, and those that had to be computed."""
    # Weights of a run after the same updates are the same, whatever they are called.
    known = {
        to_json(kept.asked): kept.answer
        for kept in answers.of_runs(store, [row.run_id], probe.name)
        if kept.step == weights.step
    }
    pairs = []
    for question in questions:
        key = to_json(question)
        if key not in known:
            known[key] = finite(_computed(probe, row, trained, weights, question))
            answers.add(store, [Kept(row.run_id, probe.name, weights.step, question, known[key])], time.time())
            sentence = probe.sentence(question, known[key])
            if told is not None and sentence:
                told(f"{row.label}: {sentence}")
        pairs.append((question, known[key]))
    return pairs


def _computed(probe: Probe, row: RunRow, trained: Trained, weights: WeightsAt, question: Question) -> Answer:
    import torch

    torch.set_num_threads(1)  # products this small only wait for each other
    try:
        trained.cell  # noqa: B018 (reads the text, so that its errors are told apart from those of the question)
    except ValueError as error:
        raise LabError(f"{row.label}: {error}", Code.FAILURE) from error
    try:
        return probe.ask(trained, question, weights)
    except QuestionError as error:
        raise LabError(one_line(str(error)), argument=error.field) from error
    except FloatingPointError as error:
        raise LabError(f"{row.label}: {error}", Code.FAILURE) from error
