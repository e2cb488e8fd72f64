"""`refine`: which configurations of a study are continued, and with what changes.

    refine:
      best: 10%                     # a share of the configurations that have the measure, at least one; or a
                                    # count (best: 5); or `below: 1.9`, those whose measure is less. Default: 10%
      by: loss                      # the measure, a mean over replicates: see rnnctl.measures
      seeds: [1, 2, 3]              # of the new runs; by default configurations keep their seeds
      variants:                     # every variant is made of every chosen configuration that it applies to
        longer: {train.updates: 50000}
        wider:  {train.updates: 50000, model.hidden: 512}
        relu:   {model.activation: relu, if: {model.name: rnn, model.hidden: [50, 100]}}

The keys of a variant are those of a case. They are laid over the resolved run, defaults included; `if` is a condition
like those of `exclude`, judged on that run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rnnctl.measures import MEASURES
from rnnctl.study.conditions import Condition, read_condition
from rnnctl.study.errors import SpecError
from rnnctl.study.explain import Refuse
from rnnctl.study.labels import text
from rnnctl.study.names import check_name
from rnnctl.study.overlay import Change, Overlay, Place, read_changes
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS
from rnnctl.study.values import read_list
from rnnctl.study.yaml import Node
from rnnctl.words import nearest, shown

LONGEST_VARIANT = 32  # a label holds the configuration's name as well
_RUN, _VARIANT = range(2)  # layers
_KEYS = ("best", "below", "by", "seeds", "variants")
_ALSO_CALLED = {
    **dict.fromkeys(("top", "n", "keep", "share", "fraction", "count"), "best"),
    **dict.fromkeys(("metric", "measure", "sort", "order", "monitor", "rank"), "by"),
    **dict.fromkeys(("threshold", "max_loss", "under", "less_than"), "below"),
    **dict.fromkeys(("changes", "cases", "runs", "grid", "with"), "variants"),
}
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
BEST_RULE = "a share above 0% and up to 100%, such as 10%, or a count from 1, such as 5"


@dataclass(frozen=True)
class Cut:
    """How many configurations are continued.

    best: a count, or an exact share in (0, 1]. below: a bound that the measure must be less than. One of them is None.
    """

    best: int | Fraction | None = None
    below: float | None = None

    def of(self, values: Sequence[float]) -> int:
        """Return how many of these ascending values are continued. A share is rounded up."""
        if self.below is not None:
            return sum(value < self.below for value in values)
        if isinstance(self.best, Fraction):
            return math.ceil(self.best * len(values))
        assert self.best is not None
        return min(self.best, len(values))

    def __str__(self) -> str:
        if self.below is not None:
            return f"below {self.below:g}"
        return f"best {float(100 * self.best):g}%" if isinstance(self.best, Fraction) else f"best {self.best}"


TENTH = Cut(best=Fraction(1, 10))


@dataclass(frozen=True)
class Variant:
    """Changes under a name. about: the changes as written, on one line."""

    name: str
    changes: list[Change]
    condition: Condition | None
    place: Place
    about: str

    def applies(self, spec: RunSpec) -> bool:
        """Return whether the condition of the variant holds for a run."""
        return self.condition is None or self.condition.holds(spec.written_out())

    def of(self, spec: RunSpec, refuse: Refuse | None = None) -> RunSpec:
        """Return the run with the changes, its data identified again: the same unless the changes name other data.

        refuse: return why a run is refused, None if it is not. Raise SpecError at the place of a change that the run
        cannot take.
        """
        settings = spec.canonical()
        changed = {change.path[1] for change in self.changes if change.path[0] == "task" and len(change.path) > 1}
        for key in set(settings["task"]) - spec.task.holds_after(changed):
            if KEYS["task", key].derived:
                del settings["task"][key]
        sections = {change.path[:-1] for change in self.changes}
        stale = [path for path, key in KEYS.items() if key.derived and path[0] != "task" and path[:-1] in sections]
        overlay = Overlay(settings, {(): self.place}).without(stale).with_changes(self.changes)
        result = overlay.resolve()
        if refuse is not None and (problem := refuse(result)) is not None:
            raise overlay.error(problem)
        return overlay.identified(result)


@dataclass(frozen=True)
class Recipe:
    """What `refine` does. seeds: None keeps those of the configurations. file: where it was read, for messages."""

    variants: tuple[Variant, ...]
    file: str
    cut: Cut = TENTH
    by: str = "loss"
    seeds: tuple[int, ...] | None = None


def parse_best(value: Any) -> int | Fraction:
    """Return the share of a text such as `10%`, or a count. Raise ValueError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, str) and (match := _PERCENT.fullmatch(value.strip())):
        share = Fraction(match[1]) / 100
        if 0 < share <= 1:
            return share
    raise ValueError(f"must be {BEST_RULE}, not {shown(value)}")


def read_recipe(node: Node, file: str) -> Recipe:
    """Return the recipe in a `refine` section. Raise SpecError for keys and values that are not allowed."""
    section = node.mapping
    for name, below in section.items():
        if name not in _KEYS:
            meant = _ALSO_CALLED.get(name) or nearest(name, _KEYS)
            if name.split(".")[0] in {path[0] for path in KEYS}:
                meant = f"variants: {{NAME: {{{name}: ...}}}}"
            raise SpecError(
                "there is no such key", line=below.key_line, key=f"refine.{name}", allowed=_KEYS, meant=meant
            )
    if "best" in section and "below" in section:
        line = max(section["best"].key_line, section["below"].key_line)
        raise SpecError("best and below exclude each other", line=line, key="refine")
    if "variants" not in section:
        what = "is missing: what the chosen configurations become, such as {longer: {train.updates: 50000}}"
        raise SpecError(what, line=node.key_line, key="refine.variants")
    given: dict[str, Any] = {}
    if "best" in section or "below" in section:
        given["cut"] = _cut(section)
    if "by" in section:
        given["by"] = _by(section["by"])
    if "seeds" in section:
        place = Place(_VARIANT, section["seeds"].line, "refine.seeds")
        options = read_list(KEYS["seed",], section["seeds"], place)
        given["seeds"] = tuple(dict.fromkeys(change.value for (change,) in options))
    return Recipe(_variants(section["variants"]), file, **given)


def _cut(section: dict[str, Node]) -> Cut:
    if "best" in section:
        try:
            return Cut(best=parse_best(section["best"].plain()))
        except ValueError as error:
            value = section["best"].plain()
            meant = f"{100 * value:g}%" if isinstance(value, float) and 0 < value < 1 else None
            raise SpecError(str(error), line=section["best"].line, key="refine.best", meant=meant) from None
    value = section["below"].plain()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        what = f"must be a finite number, such as 1.9, not {shown(value)}"
        raise SpecError(what, line=section["below"].line, key="refine.below")
    return Cut(below=float(value))


def _by(node: Node) -> str:
    if isinstance(node.value, str) and node.value in MEASURES:
        return node.value
    meant = nearest(node.value, MEASURES) if isinstance(node.value, str) else None
    what = f"there is no such measure as {shown(node.plain())}"
    raise SpecError(what, line=node.line, key="refine.by", allowed=MEASURES, meant=meant)


def _variants(node: Node) -> tuple[Variant, ...]:
    if not isinstance(node.value, dict) or not node.value:
        what = f"must be a mapping of names to changes, not {shown(node.plain())}" if node.value else "is empty"
        raise SpecError(what, line=node.key_line, key="refine.variants")
    return tuple(_variant(name, below) for name, below in node.value.items())


def _variant(name: str, node: Node) -> Variant:
    place = Place(_RUN, node.key_line, f"refine.variants.{name}")
    check_name(name, place.line, place.key)
    if len(name) > LONGEST_VARIANT:
        raise SpecError(f"is a name of more than {LONGEST_VARIANT} characters", line=place.line, key=place.key)
    if not isinstance(node.value, dict):
        what = f"must be a mapping of changes, {{}} for none, not {shown(node.plain())}"
        raise SpecError(what, line=place.line, key=place.key)
    below = {key: value for key, value in node.value.items() if key != "if"}
    if "seed" in below:
        what = "would make replicates equal; new seeds are the recipe's own: refine: {seeds: [1, 2, 3]}"
        raise SpecError(what, line=below["seed"].key_line, key=f"{place.key}.seed")
    changes = read_changes(Node(below, node.line, node.key_line), place.key, _VARIANT)
    condition = read_condition(node.value["if"], f"{place.key}.if") if "if" in node.value else None
    return Variant(name, changes, condition, place, _about(node))


def _about(node: Node) -> str:
    settings = [f"{key}={text(value)}" for key, value in node.plain().items() if key != "if"]
    about = " ".join(settings) or "as it is"
    if "if" in node.mapping:
        about += " if " + " and ".join(f"{key}={text(value)}" for key, value in node.mapping["if"].plain().items())
    return about
