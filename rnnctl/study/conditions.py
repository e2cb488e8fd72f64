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
    """Keys that a resolved run must match.

    tests: for every key its alternatives. An alternative is a set of values that the run must all have.
    """

    tests: tuple[tuple[dict[Path, Any], ...], ...]
    place: Place

    def paths(self) -> Iterator[Path]:
        """Iterate over the paths that the condition looks at."""
        for alternatives in self.tests:
            for values in alternatives:
                yield from values

    def holds(self, settings: dict[str, Any]) -> bool:
        """Return whether the settings of a run, written out, match."""
        return all(
            any(all(_holds(settings, path, value) for path, value in values.items()) for values in alternatives)
            for alternatives in self.tests
        )


@dataclass(frozen=True)
class Rule:
    """A key that is dropped where a condition does not hold."""

    path: Path
    condition: Condition
    place: Place

    def waits_for(self, other: Rule) -> bool:
        """Return whether the condition looks at something that the other rule may drop."""
        return any(_overlap(path, other.path) for path in self.condition.paths())


def read_condition(node: Node, where: str) -> Condition:
    """Return a condition.

    Raise SpecError if it is not a mapping, is empty, or has a key or a value that no run can have.
    """
    place = Place(0, node.key_line, where)
    if not isinstance(node.value, dict) or not node.value:
        what = (
            f"must be a mapping of keys to values such as {{model.hidden: 50}}, not {shown(node.value)}"
            if node.value
            else "is empty"
        )
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
    """Return the rules of a `when` mapping, ordered so that no later rule changes the outcome of an earlier one.

    Raise SpecError like read_condition, for keys that cannot be dropped, and for rules that depend on each other.
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
    """Return the run that settings make under the rules, and the rules that dropped something from it.

    Raise SpecError like Overlay.resolve.
    """
    undecided = [rule for rule in rules if overlay.has(rule.path)]
    dropped: list[Rule] = []
    while undecided:
        trial = _trial(overlay, dropped, undecided)
        rule = undecided.pop(0)
        if not rule.condition.holds(trial.written_out()):
            dropped.append(rule)
    return overlay.without(rule.path for rule in dropped).resolve(), dropped


def _trial(overlay: Overlay, dropped: list[Rule], undecided: list[Rule]) -> RunSpec:
    """Return the run that the first undecided rule is judged on.

    This is the run without the undecided keys, which may be invalid for it (`connections` of an orthogonal init). If
    there is no such run, it is the run with them (10 units with 5 connections cannot have the default of 15).
    """
    try:
        return overlay.without(rule.path for rule in (*dropped, *undecided)).resolve()
    except SpecError:
        return overlay.without(rule.path for rule in dropped).resolve()


def _alternative(key: Key, node: Node, place: Place) -> dict[Path, Any]:
    """Return the values that a resolved run must have to match one value of a condition."""
    values: dict[Path, Any] = {}
    for change in changes_at(key, node, place):
        if not change.opens:
            values |= _leaves(KEYS[change.path], change.value)
    return values


def _leaves(key: Key, value: Any) -> dict[Path, Any]:
    if not key.is_section:
        return {key.path: key.validate(value)}
    values: dict[Path, Any] = {}
    for name, below in key.expand(value).items():
        values |= _leaves(KEYS[*key.path, name], below)
    return values


def _holds(settings: dict[str, Any], path: Path, wanted: Any) -> bool:
    try:
        actual = value_at(settings, path)
    except KeyError:
        return False
    return type(actual) is type(wanted) and actual == wanted


def _overlap(first: Path, second: Path) -> bool:
    length = min(len(first), len(second))
    return first[:length] == second[:length]
