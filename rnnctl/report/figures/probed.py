"""Kinds made from the answers that probes have given: one for each probe that has a figure."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnctl.parts import names_of
from rnnctl.probes.base import Asked, Probe
from rnnctl.probes.catalogue import PROBES
from rnnctl.report.figures.kind import Kind
from rnnctl.report.figures.runs import CUT, NothingToDraw, Runs
from rnnctl.report.results import Result
from rnnctl.weights import BEST, LAST, in_words
from rnnctl.words import shell_word
from store.encoding import to_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from store.answers import Answer as Kept


@dataclass(frozen=True)
class Candidate:
    """A probe with settings, and the runs that have answered all that it asks. position: higher for newer answers."""

    probe: Probe
    runs: list[Asked]
    position: int

    @property
    def asked(self) -> set[str]:
        """The questions whose answers it shows, as texts."""
        return {to_json(question) for run in self.runs for question, _ in run.answers}


def probe_kinds() -> dict[str, Kind]:
    """Return a kind for each probe that has a figure, by the name of the probe."""
    return {names_of(probe)[0]: probe_kind(probe) for probe in PROBES if probe.figure is not None}


def probe_kind(probe: type[Probe]) -> Kind:
    """Return the kind of the figure that a probe makes of its answers."""
    doc = (inspect.getdoc(probe) or "").partition("\n")[0].rstrip(".")
    return Kind(
        names_of(probe)[0],
        f"probe: {doc[:1].lower()}{doc[1:]}",
        lambda runs: _drawn(probe, runs),
        examined=False,
        plotted=True,
        at=False,
        layouts=False,
        curves=False,
        weights=True,
    )


def answered(runs: Runs, probes: Iterable[str]) -> set[str]:
    """Return those of some probes, by name, that have answered about the wanted weights of one of these runs."""
    if runs.answers is None:
        return set()
    steps = {run.run: _step(run, runs.weights) for run in runs.checked}
    return {kept.probe for kept in runs.answers(list(steps), None) if kept.step == steps[kept.run_id]} & set(probes)


def _drawn(probe: type[Probe], runs: Runs) -> Figure:
    """Return the figure of a probe. Raise NothingToDraw if there are no answers, or they make no figure.

    Of answers with several settings, those that most runs have are drawn, and the newest if that is not one.
    """
    if runs.answers is None:
        raise NothingToDraw("answers of probes are kept in workspaces, and this run is in none")
    name = names_of(probe)[0]
    candidates = candidates_of(probe, runs)
    if not candidates:
        what = in_words(runs.weights)
        raise NothingToDraw(f"the probe has not been asked about {what}; ask it with {_command(probe, runs)}")
    chosen = max(candidates, key=lambda candidate: (len(candidate.runs), candidate.position))
    asked, answers = chosen.probe, chosen.runs
    if asked.single and len(answers) > 1:
        raise NothingToDraw(f"it shows one run, and {len(answers):,} have answers; name one of them")
    title = runs.title if runs.weights == BEST else f"{runs.title}, {in_words(runs.weights)}"
    figure = asked.draw(answers, title)
    if figure is None:
        raise NothingToDraw("these answers make no figure; `rnnctl probe` prints them")
    drawn = chosen.asked
    if any(candidate.asked - drawn for candidate in candidates):
        runs.notes.append(f"{name}: these are the answers with {settings(asked)}; there are some with other settings")
    if left_out := len(runs.all) - len(answers):
        runs.notes.append(f"{name}: {left_out:,} of {len(runs.all):,} runs have no such answers and are left out")
    return figure


def candidates_of(probe: type[Probe], runs: Runs) -> list[Candidate]:
    """Return what could be shown: the probe with each of the settings that led to answers about the wanted weights."""
    assert runs.answers is not None
    steps = {run.run: _step(run, runs.weights) for run in runs.checked}
    kept = [each for each in runs.answers(list(steps), names_of(probe)[0]) if each.step == steps[each.run_id]]
    by_run: dict[str, list[Kept]] = {}
    for each in kept:
        by_run.setdefault(each.run_id, []).append(each)
    by_settings: dict[str, tuple[Probe, int]] = {}
    for answers in by_run.values():
        for position, each in enumerate(answers):  # those of a run stand in the order in which they were given
            for asking in probe.that_ask(each.asked):
                by_settings[asking.model_dump_json()] = (asking, position)
    groups = tuple(runs.groups)
    candidates = []
    for asking, position in by_settings.values():
        asked = []
        for run in runs.checked:
            step = steps[run.run]
            pairs = asking.recalled(run.spec, [(each.asked, each.answer) for each in by_run.get(run.run, ())])
            if pairs and step is not None:
                asked.append(
                    Asked(run.study, run.label, run.group, run.run, run.spec, step, pairs, groups, runs.weights)
                )
        if asked:
            candidates.append(Candidate(asking, asked, position))
    return candidates


def _step(run: Result, weights: str) -> int | None:
    """Return the updates that the weights of a name have had; None if the run has no such weights yet."""
    if weights == BEST:
        return run.best_at
    return run.updates if weights == LAST else int(weights)


def settings(probe: Probe) -> str:
    """Return the settings of a probe that are not its defaults, such as `lags=40`."""
    fields = type(probe).model_fields
    values = {name: value for name, value in probe.model_dump(mode="json").items() if value != fields[name].default}
    return ", ".join(f"{name}={_text(value)}" for name, value in values.items()) or "the default settings"


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _command(probe: type[Probe], runs: Runs) -> str:
    """Return the commands that put the question of a probe to these runs."""
    names = list(dict.fromkeys(run.study for run in runs.all))
    if len(runs.all) == 1 or probe.single:
        run = runs.all[0]
        names = [f"{run.study}/{run.label}" if CUT not in run.label else run.run]
    needed = [
        f" --{name.replace('_', '-')} {(info.examples or ['...'])[0]}"
        for name, info in probe.model_fields.items()
        if info.is_required()
    ]
    end = "".join(needed) + ("" if runs.weights == BEST else f" --weights {runs.weights}")
    return "; ".join(f"rnnctl probe {shell_word(name)} {names_of(probe)[0]}{end}" for name in names)
