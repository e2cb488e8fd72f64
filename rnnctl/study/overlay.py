"""Lay settings over each other, and remember where in the study file they were written.

A short form, or a mapping that names another variant, replaces a whole section. Any other mapping, and a dotted key,
change only what they name. Below a short form they write it out first: `init: smart_tanh` and then
`init.connections: 0.3` are {name: smart_tanh, connections: 0.3}. The order of keys never matters: within one mapping,
keys nearer to the top of the tree are laid down first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pydantic import ValidationError

from rnnctl.parts import kept_until_a_part_joins
from rnnctl.section import Path, Section
from rnnctl.study.errors import SpecError
from rnnctl.study.explain import Problem, disagreement, problems
from rnnctl.study.labels import text
from rnnctl.study.lookup import UnknownKey, lookup
from rnnctl.study.numbers import unrepresentable
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS, Key, section_of_tag, value_at
from rnnctl.study.yaml import Node
from rnnctl.words import MOST_NAMES


class Place(NamedTuple):
    """Where a value was written. layer: later layers lie over earlier ones (base, case, axes)."""

    layer: int
    line: int
    key: str


class InvalidRun(SpecError):
    """A problem of a run, or of a value that no run can have, at its place in the file."""

    def __init__(self, problem: Problem, place: Place):
        super().__init__(problem.message, line=place.line, key=place.key, allowed=problem.allowed, meant=problem.meant)
        self.problem = problem


@dataclass(frozen=True)
class Change:
    """One setting. The mapping of a section is a change too (opens), its tag as value, before those of its keys."""

    path: Path
    value: Any
    place: Place
    opens: bool = False


def read_changes(node: Node, where: str, layer: int) -> list[Change]:
    """Return the changes that a mapping of plain or dotted keys makes, outermost first. where: the key of the mapping.

    Raise SpecError for an unknown key, a value that no run can have, an empty section or a key that is set twice.
    """
    changes = [change for name, below in node.mapping.items() for change in read_change(name, below, where, layer)]
    first: dict[Path, Place] = {}
    for change in changes:
        clash = first.setdefault(change.path, change.place)
        both_open = change.opens and all(c.opens for c in changes if c.path == change.path)
        if clash is not change.place and not both_open:
            what = f"is set twice, first in line {clash.line} as {clash.key}"
            raise SpecError(what, line=change.place.line, key=change.place.key)
    _check_variants_agree(changes)
    return outermost_first(changes)


def _check_variants_agree(changes: Iterable[Change]) -> None:
    """Raise SpecError if a section and its tag name two variants: `optimizer: adam` and `optimizer.name: sgd`."""
    first: dict[Path, tuple[Any, Place]] = {}
    for change in changes:
        section, variant = section_of_tag(change.path), change.value
        if section is None:
            key = KEYS[change.path]
            written_out = key.expand(change.value)
            if change.opens or key.tag is None or not isinstance(written_out, dict):
                continue
            section, variant = change.path, written_out.get(key.tag)
        named, place = first.setdefault(section, (variant, change.place))
        if named != variant:
            what = f"is set twice, first in line {place.line} as {place.key}"
            raise SpecError(what, line=change.place.line, key=change.place.key)


def read_change(
    name: str, node: Node, where: str, layer: int, above: Path = (), variant: type[Section] | None = None
) -> list[Change]:
    """Return the changes that one plain or dotted key makes, itself first.

    above: the section in which it stands. variant: that of this section, if the file says it beside the key. Raise
    SpecError like read_changes.
    """
    key = read_key(name, node.key_line, where, above, variant)
    return changes_at(key, node, Place(layer, node.line, f"{where}.{name}" if where else name))


def read_key(name: str, line: int, where: str, above: Path = (), variant: type[Section] | None = None) -> Key:
    """Return the key with a dotted name below the section `above`. Raise SpecError if there is none."""
    try:
        return lookup((*above, *name.split(".")), variant)
    except UnknownKey as error:
        raise error.at(line=line, key=f"{where}.{name}" if where else name) from None


def changes_at(key: Key, node: Node, place: Place) -> list[Change]:
    """Return the changes that a value makes at a key."""
    if not (key.is_section and isinstance(node.value, dict)):
        check_value(key, node.plain(), place)
        return [Change(key.path, node.plain(), place)]
    place = place._replace(line=node.key_line)
    if not node.value:
        raise SpecError("is an empty section; leave it out or give it keys", line=place.line, key=place.key)
    tag = node.value.get(key.tag) if key.tag else None
    changes = [Change(key.path, tag.plain() if tag else None, place, opens=True)]
    named = key.variant({key.tag: tag.value}) if key.tag and tag else None
    for name, below in node.value.items():
        changes += read_change(name, below, place.key, place.layer, key.path, named)
    return changes


def check_value(key: Key, value: Any, place: Place) -> None:
    """Raise SpecError if no run can have this value at this key, whatever else is set."""
    try:
        key.validate(value)
    except ValidationError as error:
        for problem in problems(error, key.path):
            if not problem.missing:  # it may be set elsewhere
                listable = isinstance(value, list) and all(_takes(key, item) for item in value)
                if listable and place.key.startswith(("base.", "cases.")):
                    listed = ", ".join(map(text, value[:MOST_NAMES]))
                    problem = replace(problem, meant=f"grid: {{{'.'.join(key.path)}: [{listed}]}}")
                raise InvalidRun(problem, place) from None


def _takes(key: Key, value: Any) -> bool:
    try:
        key.validate(value)
    except ValidationError:
        return False
    return True


def outermost_first(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: len(change.path))


class Overlay:
    """Nested settings of a run that is not yet resolved, and their places. Copies share what they do not change.

    places has the place of the whole under the empty path, so that every problem has a place.
    """

    def __init__(self, values: dict[str, Any], places: dict[Path, Place]):
        self.values = values
        self.places = places

    def with_changes(self, changes: Iterable[Change]) -> Overlay:
        """Return a copy with changes laid over it, in their order."""
        result = Overlay(dict(self.values), dict(self.places))
        for change in changes:
            result._lay(change)
        return result

    def without(self, paths: Iterable[Path]) -> Overlay:
        """Return a copy without the settings at these paths, and without sections that this leaves empty."""
        result = Overlay(dict(self.values), dict(self.places))
        for path in paths:
            result._remove(path)
        return result

    def written_out(self) -> dict[str, Any]:
        """Return the settings with their short forms written out, also those of a run that is invalid.

        A section that can stand alone has its defaults.
        """
        defaults = {name: info.default for name, info in RunSpec.model_fields.items() if not info.is_required()}
        settings = {**defaults, **self.values}
        return {name: _completed((name,), value) for name, value in settings.items()}

    def has(self, path: Path) -> bool:
        """Return whether something is set at or below a path, or by a short form that stands for it."""
        section = self.values
        for depth, name in enumerate(path, start=1):
            if name not in section:
                return False
            if depth < len(path):
                section = _written_out(path[:depth], section[name])
        return True

    def at(self, path: Path) -> Any:
        """Return the setting at a path as it is written. Raise KeyError if there is none."""
        return value_at(self.values, path)

    def is_from(self, path: Path, other: Overlay) -> bool:
        """Return whether the setting at a path is that of another overlay, which this one was made from."""
        if self.places.get(path) is not other.places[path]:
            return False
        section, before = self.at(path), other.at(path)
        return isinstance(section, dict) or section == before or not isinstance(before, str)

    def place_of(self, path: Path, message: str) -> Place:
        """Return the place of what a message tells of the section at a path: of the keys that it names."""
        return self._place(disagreement(path, message))

    def resolve(self) -> RunSpec:
        """Return the run that these settings make. Raise SpecError at the place of what is wrong."""
        try:
            return self._checked(
                RunSpec.model_validate({key: _section(key, value) for key, value in self.values.items()})
            )
        except ValidationError:
            pass
        # Again, with settings instead of sections: errors name the keys as a study writes them.
        try:
            return self._checked(RunSpec.model_validate(self.values))
        except ValidationError as error:
            located = [(self._place(problem), problem) for problem in problems(error)]
            place, problem = min(located, key=lambda pair: pair[0].line)
            raise InvalidRun(problem, place) from None

    def _checked(self, spec: RunSpec) -> RunSpec:
        """Return a run. Raise SpecError if its dtype cannot hold one of its numbers."""
        if (unfit := unrepresentable(spec)) is not None:
            raise self.error(unfit)
        return spec

    def error(self, problem: Problem) -> SpecError:
        """Return a problem of the run that these settings make as an error at its place."""
        return InvalidRun(problem, self._place(problem))

    def identified(self, spec: RunSpec) -> RunSpec:
        """Return the run that these settings make with its data identified: files may be read.

        Raise SpecError at the place of what is wrong, such as a text that is missing.
        """
        path: Path = ("task",)
        try:
            spec = spec.task_identified()
            path = ("model", "init")
            return spec.model_identified()
        except ValueError as error:
            raise self.error(disagreement(path, str(error))) from None

    def _lay(self, change: Change) -> None:
        section = self._open(change.path[:-1])
        name = change.path[-1]
        if change.opens:
            key = KEYS[change.path]
            below = _written_out(change.path, section[name]) if name in section else {}
            before = key.variant(below)
            named = key.variant({key.tag: change.value}) if key.tag and change.value is not None else before
            another = before is not None and named is not before
            if another:
                self._forget(change.path)
            section[name] = {} if another else dict(below)
            self.places.setdefault(change.path, change.place)
        else:
            self._forget(change.path)
            section[name] = change.value
            self.places[change.path] = change.place

    def _open(self, path: Path) -> dict[str, Any]:
        """Return a new copy of the section at a path, put in its place; an empty one if it is missing."""
        section = self.values
        for depth, name in enumerate(path, start=1):
            below = _written_out(path[:depth], section[name]) if name in section else {}
            section[name] = dict(below)
            section = section[name]
        return section

    def _remove(self, path: Path) -> None:
        if not self.has(path):
            return
        del self._open(path[:-1])[path[-1]]
        self._forget(path)
        if len(path) > 1 and not self._open(path[:-1]):
            self._remove(path[:-1])

    def _forget(self, path: Path) -> None:
        self.places = {other: place for other, place in self.places.items() if other[: len(path)] != path}

    def _place(self, problem: Problem) -> Place:
        """Return the place of a problem: of the key it mentions that was laid down last, or of the nearest key."""
        if problem.mentions:
            written = [self._written(path) for path in problem.mentions]
            return self.places[max(written, key=lambda path: (self.places[path].layer, len(path)))]
        nearest = self._written(problem.path)
        place = self.places[nearest]
        missing = problem.path[len(nearest) :] if problem.missing else ()
        return place._replace(key=".".join((place.key, *missing)))

    def _written(self, path: Path) -> Path:
        """Return the path if it was written, or else the nearest section above it that was."""
        return next(path[:length] for length in range(len(path), -1, -1) if path[:length] in self.places)


def _section(name: str, settings: Any) -> Any:
    """Return the section that settings make; the settings themselves if they are none, or invalid.

    Runs with equal settings share the section. Equal is their JSON, in which 1, 1.0 and true differ.
    """
    return _shared_section(name, json.dumps(settings)) if KEYS[name,].is_section else settings


@kept_until_a_part_joins
def _shared_section(name: str, text: str) -> Any:
    settings = json.loads(text)
    try:
        return KEYS[name,].read(settings)
    except ValidationError:
        return settings


def _completed(path: Path, value: Any) -> Any:
    """Return a setting with short forms written out; with its defaults if it is a section that can stand alone."""
    key = KEYS[path]
    if isinstance(value, Section):
        return value.written_out()
    if not key.is_section:
        return value
    try:
        return key.read(value).written_out()
    except ValidationError:
        section = _written_out(path, value)
        if not isinstance(section, dict):
            return value
        return {name: _completed((*path, name), item) for name, item in section.items() if (*path, name) in KEYS}


def _written_out(path: Path, section: Any) -> dict[str, Any]:
    return section if isinstance(section, dict) else KEYS[path].expand(section)
