"""Expand a study to its runs: cross cases with axes, then apply `when` and `exclude`, merge equal runs and label them.

An axis is a zip group, a grid key, the random draws or the seeds. Its options are laid over base and case, sections
before the keys inside them. Runs come in the order of the file; the last axis varies fastest. Runs that differ only in
their seed are resolved once, since nothing else of a run depends on its seed.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from rnnctl.section import Path
from rnnctl.study.conditions import Condition, Rule, resolve
from rnnctl.study.errors import SpecError
from rnnctl.study.explain import Refuse
from rnnctl.study.labels import label, setting_word, text
from rnnctl.study.overlay import Change, InvalidRun, Overlay, Place, outermost_first
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import section_of_tag
from rnnctl.study.values import Option, written
from rnnctl.study.written import WrittenKeys, below
from rnnctl.words import counted

MAX_RUNS = 100_000
SEED: Path = ("seed",)


@dataclass(frozen=True)
class Case:
    """Changes to base under a label. A study without cases has one case without a label."""

    label: str | None
    changes: list[Change]
    place: Place


@dataclass(frozen=True)
class Axis:
    """Keys that vary together, and their options. An option sets all keys.

    listed: whether options are written out. warns: whether to warn of settings of base that it replaces.
    """

    paths: tuple[Path, ...]
    options: Sequence[Option]
    place: Place
    listed: bool = True
    warns: bool = True


@dataclass(frozen=True)
class Plan:
    """A study file, read but not yet expanded."""

    base: Overlay
    cases: list[Case]
    axes: list[Axis]
    exclude: list[Condition] = field(default_factory=list)
    when: list[Rule] = field(default_factory=list)

    @property
    def keys(self) -> WrittenKeys:
        """The keys that cases and axes set."""
        return WrittenKeys.of(
            (change for case in self.cases for change in case.changes), (axis.paths for axis in self.axes)
        )


@dataclass(frozen=True)
class LabelledRun:
    """A run under its name in a study. differences: its values at the study's varied keys (dotted), in short form."""

    label: str
    spec: RunSpec
    case: str | None
    differences: dict[str, Any]


@dataclass(frozen=True)
class _Configuration:
    """What runs that differ only in their seed have in common. spec: of the first of them.

    values: its values at the keys that some case or axis sets. dropped: whether a rule dropped something. odd: what is
    allowed but hardly intended, with its places.
    """

    spec: RunSpec
    case: Case
    values: dict[Path, Any]
    dropped: bool
    odd: list[tuple[Place, str]]
    labelled: tuple[Path, ...]  # keys that labels tell

    @cached_property
    def words(self) -> dict[Path, str]:
        return {path: setting_word(path, self.values[path]) for path in self.labelled if path in self.values}


class _Candidate(NamedTuple):
    """A run of the study."""

    spec: RunSpec
    configuration: _Configuration

    def labelled(self, varied: Sequence[Path]) -> LabelledRun:
        """Return the run with its label and its values at the keys that vary."""
        spec, configuration = self
        words, values = configuration.words, configuration.values
        if SEED in values:
            values = {**values, SEED: spec.seed}
            words = {**words, SEED: setting_word(SEED, spec.seed)} if SEED in words else words
        case = configuration.case.label
        differences = {".".join(path): values[path] for path in varied if path in values}
        return LabelledRun(label(case, words.values()), spec, case, differences)


class Expansion(NamedTuple):
    runs: list[LabelledRun]
    varied: list[str]
    warnings: list[tuple[Place, str]]


def expand(plan: Plan, *, identify: bool, refuse: Refuse | None = None) -> Expansion:
    """Return the runs, the dotted keys that vary among them, and warnings with their places.

    identify: whether to identify the data of tasks, for which files may be read. refuse: return why a run is refused,
    None if it is not; it is asked before files are read. Raise SpecError for an invalid run, at
    the place of the value that is wrong, for too many runs and for no runs.
    """
    combinations = len(plan.cases) * math.prod(len(axis.options) for axis in plan.axes)
    if combinations > MAX_RUNS:
        place = max(plan.axes, key=lambda axis: len(axis.options)).place
        what = f"the study would have {combinations:,} runs, more than {MAX_RUNS:,}"
        raise SpecError(what, line=place.line, key=place.key)
    crossing = _Crossing(plan, identify, refuse)
    candidates = list(crossing.candidates())
    if not candidates:
        place = plan.exclude[0].place
        raise SpecError(f"leaves no run: all {combinations:,} are excluded", line=place.line, key="exclude")
    varied = [path for path in crossing.keys.paths if _varies(path, candidates)]
    runs = [candidate.labelled(varied) for candidate in candidates]
    assert len({run.label for run in runs}) == len(runs), "equal labels mean equal runs, which are merged"
    return Expansion(runs, [".".join(path) for path in varied], crossing.warnings())


def _varies(path: Path, candidates: Sequence[_Candidate]) -> bool:
    """Return whether runs have different values at a key that some case or axis sets."""
    if path == SEED:
        return len({spec.seed if path in of.values else None for spec, of in candidates}) > 1
    first = candidates[0].configuration.values.get(path)
    word = text(first)
    values = (candidate.configuration.values.get(path) for candidate in candidates)
    return any(value is not first and text(value) != word for value in values)


class _Crossing:
    """One pass over all combinations. It counts what has an effect, so that warnings can name what has none."""

    def __init__(self, plan: Plan, identify: bool, refuse: Refuse | None) -> None:
        self.plan = plan
        self.identify = identify
        self.refuse = refuse
        self.keys = plan.keys
        self.axis_paths = self.keys.of_axes
        self.seeds = _number_of_seeds(plan)
        self.effective: set[Path] = set()  # axis keys that some run of the study was left with
        self.used: set[tuple[int, int]] = set()  # (axis, option) in some run of the study
        self.excluding: set[int] = set()  # `exclude` entries that matched something
        self.dropping: set[Path] = set()  # keys that a `when` rule dropped from something
        self.repeats: Counter[int] = Counter()  # of a case, equal to an earlier run although nothing was dropped
        self.cases_with_runs: set[int] = set()
        # Settings of base that some axis may replace, those that some combination was left with, and odd settings.
        self.base_replaced = {path: axis for axis in plan.axes if axis.warns for path in _replaced_by(axis, plan.base)}
        self.base_kept: set[Path] = set()
        self.odd: Counter[tuple[Place, str]] = Counter()

    def candidates(self) -> Iterator[_Candidate]:
        """Iterate over the runs in order, without those that are excluded; equal runs are merged."""
        seen: dict[str, bool] = {}  # id of a run: whether a rule dropped something from it
        axes, seeds = self.plan.axes, self.seeds
        for case_number, case in enumerate(self.plan.cases):
            overlay = self.plan.base.with_changes(case.changes)
            resolved: dict[tuple[int, ...], _Configuration | None] = {}
            for picked in itertools.product(*(range(len(axis.options)) for axis in axes)):
                apart = picked if seeds is None else picked[:seeds] + picked[seeds + 1 :]
                if apart not in resolved:
                    options = [axis.options[n] for axis, n in zip(axes, picked, strict=True)]
                    resolved[apart] = self._configuration(case, overlay, options)
                configuration = resolved[apart]
                if configuration is None:
                    continue
                self.used.update(enumerate(picked))
                spec = configuration.spec
                if seeds is not None:
                    spec = spec.with_seed(axes[seeds].options[picked[seeds]][0].value)
                run_id = spec.run_id
                if run_id in seen:
                    self.repeats[case_number] += not (configuration.dropped or seen[run_id])
                    continue
                seen[run_id] = configuration.dropped
                self.cases_with_runs.add(case_number)
                self.odd.update(configuration.odd)
                yield _Candidate(spec, configuration)

    def _configuration(self, case: Case, overlay: Overlay, options: Sequence[Option]) -> _Configuration | None:
        """Return what a combination of options makes of the settings of a case, None if it is excluded."""
        settings = overlay.with_changes(outermost_first(itertools.chain(*options)))
        self.base_kept.update(path for path in self.base_replaced if settings.is_from(path, self.plan.base))
        try:
            spec, dropped = resolve(settings, self.plan.when)
            if self.refuse is not None and (problem := self.refuse(spec)) is not None:
                raise settings.error(problem)
            if self.identify:
                spec = settings.identified(spec)
        except SpecError as error:
            # An invalid run is not a mistake if its settings exclude it.
            if self._is_excluded(settings.written_out()):
                return None
            error.remedy = self._remedy(error)
            raise
        gone = [rule.path for rule in dropped]
        self.dropping.update(gone)
        if self.plan.exclude and self._is_excluded(spec.written_out()):
            return None
        self.effective.update(path for path in self.axis_paths if not below(path, gone))
        odd = [(settings.place_of(path, what), what) for path, what in spec.oddities]
        return _Configuration(spec, case, self.keys.values(spec, without=gone), bool(dropped), odd, self.axis_paths)

    def _remedy(self, error: SpecError) -> str | None:
        """Return how an invalid combination can be kept out of the study, if it is one of what varies."""
        if not isinstance(error, InvalidRun):
            return None
        needs, clash = error.problem.needs, error.problem.clash
        if needs is not None and self._varies(needs.where):
            words = needs.words[0] if len(needs.words) == 1 else f"[{', '.join(needs.words)}]"
            rule = f"{{{'.'.join(needs.path)}: {{{'.'.join(needs.where)}: {words}}}}}"
            return f"to drop it from other runs, write when: {rule}"
        if clash is not None and all(map(self._varies, clash)):
            settings = ", ".join(f"{'.'.join(path)}: {text(value)}" for path, value in clash.items())
            return f"to leave such runs out, write exclude: [{{{settings}}}]"
        return None

    def _varies(self, path: Path) -> bool:
        """Return whether some case or axis sets the key at a path, or a section that has it."""
        return any(path[: len(varied)] == varied for varied in self.keys.paths)

    def _is_excluded(self, settings: dict[str, Any]) -> bool:
        matching = [n for n, condition in enumerate(self.plan.exclude) if condition.holds(settings)]
        self.excluding.update(matching)
        return bool(matching)

    def warnings(self) -> list[tuple[Place, str]]:
        """Return what had no effect, in the order of the file. Call it after the last candidate."""
        warnings = [
            *self._idle_base(),
            *self._idle_axes(),
            *self._idle_conditions(),
            *self._idle_cases(),
            *((place, f"of {counted(n, 'run')}: {what}") for (place, what), n in self.odd.items()),
        ]
        return sorted(warnings, key=lambda warning: warning[0].line)

    def _idle_base(self) -> Iterator[tuple[Place, str]]:
        idle = [path for path in self.base_replaced if path not in self.base_kept]
        for path in idle:
            if not below(path[:-1], idle):
                axis = self.base_replaced[path]
                yield self.plan.base.places[path], f"has no effect: {axis.place.key} sets it in every run"

    def _idle_axes(self) -> Iterator[tuple[Place, str]]:
        for number, axis in enumerate(self.plan.axes):
            for path in axis.paths:
                if path not in self.effective:
                    yield axis.place, f"{'.'.join(path)} has no effect: `when` drops it from every run"
            for n, option in enumerate(axis.options if axis.listed else ()):
                if (number, n) not in self.used:
                    yield option[0].place, f"the value {written(option)} is in no run: `exclude` removes them all"

    def _idle_conditions(self) -> Iterator[tuple[Place, str]]:
        for number, condition in enumerate(self.plan.exclude):
            if number not in self.excluding:
                yield condition.place, "matches no run"
        for rule in self.plan.when:
            if rule.path not in self.dropping:
                yield rule.place, "drops nothing: no run sets the key and fails the condition"

    def _idle_cases(self) -> Iterator[tuple[Place, str]]:
        for number, case in enumerate(self.plan.cases):
            if case.label is not None and number not in self.cases_with_runs:
                yield case.place, "has no run of its own: all are excluded or equal to earlier ones"
            elif self.repeats[number]:
                yield case.place, f"runs that equal earlier ones, merged with them: {self.repeats[number]:,}"
            for change in case.changes:
                above = [path for path in self.axis_paths if below(change.path, [path])]
                if above and not change.opens:
                    yield change.place, f"has no effect: {'.'.join(above[0])} is varied for all cases"


def _number_of_seeds(plan: Plan) -> int | None:
    """Return which axis sets the seed alone; None if there is none, or conditions look at the seed."""
    looked_at = [rule.path for rule in plan.when]
    for condition in (*plan.exclude, *(rule.condition for rule in plan.when)):
        looked_at += condition.paths()
    if SEED in looked_at:
        return None
    return next((number for number, axis in enumerate(plan.axes) if axis.paths == (SEED,)), None)


def _replaced_by(axis: Axis, base: Overlay) -> Iterator[Path]:
    """Iterate over the settings of base that the keys of an axis, or what is below these, may replace."""
    sections = [section for path in axis.paths if (section := section_of_tag(path)) is not None]
    for path in base.places:
        if path and (below(path, axis.paths) or (path in sections and isinstance(base.at(path), str))):
            yield path
