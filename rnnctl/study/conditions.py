"""`exclude` and `when`: partial matches on the resolved values of a run.

    exclude: [{model.hidden: 256, train.lr: [0.05, 0.1]}]      all keys must match; a list matches any of its values
    when: {model.init.connections: {model.init: smart_tanh}}   the key is dropped, back to its default, from runs that
                                                               the mapping does not match
A short form matches by the keys that it stands for: `train.clip: 1.0` is any `rescale` with cutoff 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rnnctl.section import Path
from rnnctl.study.errors import SpecError
from rnnctl.study.overlay import Overlay, Place, changes_at, read_key
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS, Key, value_at
from rnnctl.study.yaml import Node
from rnnctl.words import shown


@dataclass(frozen=True)
class Condition:
    """tests: for each key its alternatives, each of which is the values that must all be found in a resolved run."""

    tests: tuple[tuple[dict[Path, Any], ...], ...]
    place: Place

    def paths(self) -> Iterator[Path]:
        """The values that the condition looks at."""
        for alternatives in self.tests:
            for one in alternatives:
                yield from one

    def holds(self, canonical: dict[str, Any]) -> bool:
        return all(
            any(all(_holds(canonical, path, value) for path, value in one.items()) for one in alternatives)
            for alternatives in self.tests
        )


@dataclass(frozen=True)
class Rule:
    """A key that is dropped where a condition does not hold."""

    path: Path
    condition: Condition
    place: Place

    def waits_for(self, other: Rule) -> bool:
        """True if the condition looks at something that the other rule may drop."""
        return any(_overlap(path, other.path) for path in self.condition.paths())


def read_condition(node: Node, where: str) -> Condition:
    """Raises SpecError for a condition that is no mapping, is empty, or has a key or value that no run could have."""
    place = Place(0, node.key_line, where)
    if not isinstance(node.value, dict) or not node.value:
        what = f"must be a mapping of keys to values, not {shown(node.value)}" if node.value else "is empty"
        raise SpecError(what, line=place.line, key=where)
    tests = []
    for name, below in node.value.items():
        key = read_key(name, below.key_line, where)
        items = below.value if isinstance(below.value, list) else [below]
        if not items:
            raise SpecError("is an empty list, which matches nothing", line=below.line, key=f"{where}.{name}")
        at = f"{where}.{name}"
        tests.append(tuple(_alternative(key, item, Place(0, item.line, at)) for item in items))
    return Condition(tuple(tests), place)


def read_rules(node: Node) -> list[Rule]:
    """The rules of a `when` mapping, those first that no later one can change the outcome of.

    Raises SpecError as read_condition, for keys that cannot be dropped, and for rules that wait for each other.
    """
    rules = []
    for name, below in node.mapping.items():
        key = read_key(name, below.key_line, "when")
        place = Place(0, below.key_line, f"when.{name}")
        if key.required:
            raise SpecError("cannot be dropped: every run needs it", line=place.line, key=place.key)
        rules.append(Rule(key.path, read_condition(below, place.key), place))
    ordered: list[Rule] = []
    while rules:
        ready = [rule for rule in rules if not any(rule.waits_for(other) for other in rules)]
        if not ready:
            place = rules[0].place
            raise SpecError("its condition depends, in a circle, on the key itself", line=place.line, key=place.key)
        ordered += ready
        rules = [rule for rule in rules if rule not in ready]
    return ordered


def resolve(overlay: Overlay, rules: Iterable[Rule]) -> tuple[RunSpec, list[Rule]]:
    """The run that settings make under the rules, and the rules that dropped something from it.

    Raises SpecError as Overlay.resolve.
    """
    undecided = [rule for rule in rules if overlay.has(rule.path)]
    dropped: list[Rule] = []
    while undecided:
        trial = _trial(overlay, dropped, undecided)
        rule = undecided.pop(0)
        if not rule.condition.holds(trial.canonical()):
            dropped.append(rule)
    return overlay.without(rule.path for rule in dropped).resolve(), dropped


def _trial(overlay: Overlay, dropped: list[Rule], undecided: list[Rule]) -> RunSpec:
    """The run that the first undecided rule is judged on.

    That is the run without the undecided keys, which it may be unable to have (`connections` of an orthogonal init), or
    if there is no such run the one with them (10 units with 5 connections cannot have the default of 15).
    """
    try:
        return overlay.without(rule.path for rule in (*dropped, *undecided)).resolve()
    except SpecError:
        return overlay.without(rule.path for rule in dropped).resolve()


def _alternative(key: Key, node: Node, place: Place) -> dict[Path, Any]:
    """The values that must be found for one value of a condition to match, as they stand in a resolved run."""
    found: dict[Path, Any] = {}
    for change in changes_at(key, node, place):
        if not change.opens:
            found |= _leaves(KEYS[change.path], change.value)
    return found


def _leaves(key: Key, value: Any) -> dict[Path, Any]:
    if not key.is_section:
        return {key.path: key.validate(value)}
    found: dict[Path, Any] = {}
    for name, below in key.expand(value).items():
        found |= _leaves(KEYS[*key.path, name], below)
    return found


def _holds(canonical: dict[str, Any], path: Path, wanted: Any) -> bool:
    try:
        actual = value_at(canonical, path)
    except KeyError:
        return False
    return type(actual) is type(wanted) and actual == wanted


def _overlap(one: Path, other: Path) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]
