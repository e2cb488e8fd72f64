"""`questions`: what a study asks, what somebody claims, and the quantity that decides.

    questions:
      - ask: Which initialisation reaches the lowest loss?
        claim: Orthogonal; 1.12 against 2.1.        # optional: what somebody said
        measure: loss                               # a quantity, see quantities.py
        by: model.init                              # the key, or list of keys, that divides the runs
        where: {train.clip: 5.0}                    # only runs that match, as in `exclude`
        expect: {lowest: orthogonal}                # what the claim says of the quantity
      - ask: Why is that?                           # without a quantity: listed, not computed

Forms of `expect`, in which a VALUE is a value of `by` (of several keys, a mapping of them):

    lowest: VALUE                        lower than at every other value
    highest: VALUE
    order: [VALUE, VALUE, ...]           from the lowest to the highest
    increases / decreases                along the numbers of `by`, from the first to the last
    u_shape: VALUE                       lowest there, higher at both ends
    value: {of: VALUE, BOUND}
    ratio: {of: VALUE, to: VALUE, BOUND}
    difference: {of: VALUE, to: VALUE, BOUND}

BOUND is `is: X, within: Y` (a number, or a share of X such as 10%), `between: [X, Y]`, `below: X` or `above: X`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from rnnctl.section import Path
from rnnctl.study.conditions import Condition, read_condition
from rnnctl.study.errors import SpecError
from rnnctl.study.labels import text
from rnnctl.study.overlay import read_key
from rnnctl.study.quantities import Quantity, ScalarOf, read_quantity
from rnnctl.study.run import RunSpec
from rnnctl.study.written import WrittenKeys
from rnnctl.study.yaml import Node
from rnnctl.words import nearest, number, shown, some

_KEYS = ("ask", "claim", "measure", "by", "where", "expect")
_ALSO_CALLED = {
    **dict.fromkeys(("question", "q", "title", "asks"), "ask"),
    **dict.fromkeys(("answer", "hypothesis", "says", "statement", "source"), "claim"),
    **dict.fromkeys(("quantity", "metric", "of", "value"), "measure"),
    **dict.fromkeys(("group_by", "over", "key", "along"), "by"),
    **dict.fromkeys(("if", "filter", "only", "runs", "when"), "where"),
    **dict.fromkeys(("expected", "expects", "check", "verdict", "test"), "expect"),
}
Form = Literal["lowest", "highest", "order", "increases", "decreases", "u_shape", "value", "ratio", "difference"]
FORMS: tuple[Form, ...] = (
    "lowest", "highest", "order", "increases", "decreases", "u_shape", "value", "ratio", "difference",
)  # fmt: skip
_ALONG = ("increases", "decreases")  # forms without a value
_BOUNDS = ("is", "within", "between", "below", "above")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
LONGEST_TEXT = 2000


@dataclass(frozen=True)
class Bound:
    """An interval that a number is claimed to lie in, both ends included."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"above {number(self.low)}"
        if math.isinf(self.low):
            return f"below {number(self.high)}"
        return f"between {number(self.low)} and {number(self.high)}"


@dataclass(frozen=True)
class Selector:
    """A value of `by`, or a mapping of values, that one group of runs has."""

    text: str
    condition: Condition


@dataclass(frozen=True)
class Expectation:
    """What a claim says of a quantity. groups: the values that it names, in its order."""

    form: Form
    groups: tuple[Selector, ...] = ()
    bound: Bound | None = None

    def __str__(self) -> str:
        names = [selector.text for selector in self.groups]
        if self.form in _ALONG:
            return self.form
        if self.form == "order":
            return "lowest first: " + ", ".join(f"({name})" if " " in name else name for name in names)
        if self.form == "u_shape":
            return f"U-shape, lowest at {names[0]}"
        if self.bound is None:
            return f"{self.form}: {names[0]}"
        of = {"value": "", "ratio": " / ", "difference": " - "}[self.form].join(
            f"({name})" if " " in name and len(names) > 1 else name for name in names
        )
        return f"{of} {self.bound}".strip()


@dataclass(frozen=True)
class Question:
    """One entry. number: its place in the list, from 1. A question without a quantity is not computed."""

    number: int
    ask: str
    claim: str
    quantity: Quantity | None
    by: tuple[Path, ...]
    where: Condition | None
    where_text: str
    expect: Expectation | None
    line: int

    @property
    def place(self) -> str:
        """The entry as messages name it."""
        return f"questions[{self.number}]"

    def includes(self, spec: RunSpec) -> bool:
        """Return whether the question is about a run."""
        return self.where is None or self.where.holds(spec.written_out())

    def group_of(self, spec: RunSpec) -> str:
        """Return the name of the group that a run belongs to: its values at `by`."""
        values = WrittenKeys((), self.by).values(spec)
        return ", ".join(text(values[path]) if path in values else "not set" for path in self.by) or "all"

    def along(self, spec: RunSpec) -> float | None:
        """Return the number that a run has at the key of `by`; None for several keys, and for words."""
        values = list(WrittenKeys((), self.by).values(spec).values())
        known = len(values) == 1 and isinstance(values[0], int | float) and not isinstance(values[0], bool)
        return float(values[0]) if known else None


def read_questions(node: Node) -> tuple[Question, ...]:
    """Return the questions of a section. Raise SpecError for keys and values that are not allowed."""
    return tuple(_question(entry, position) for position, entry in enumerate(node.items, start=1))


def check_questions(questions: Sequence[Question], specs: Sequence[RunSpec]) -> None:
    """Raise SpecError for a question about runs, or values, that are not among these runs of the study."""
    for question in questions:
        quantity = question.quantity
        if quantity is None:
            continue
        chosen = [spec for spec in specs if question.includes(spec)]
        if not chosen:
            raise SpecError("no run of the study matches", line=question.line, key=f"{question.place}.where")
        at = quantity.first if isinstance(quantity, ScalarOf) and quantity.last is None else None
        if at is not None and not any(_is_checked(spec, at) for spec in chosen):
            what = f"no run is checked after {at:,} updates; check.every says when they are"
            raise SpecError(what, line=question.line, key=f"{question.place}.measure")
        _check_groups(question, chosen)


def _is_checked(spec: RunSpec, update: int) -> bool:
    return update <= spec.train.updates and (update % spec.check.every == 0 or update == spec.train.updates)


def groups_of(question: Question, specs: Sequence[RunSpec]) -> dict[str, RunSpec]:
    """Return the groups into which a question divides runs, each with one of its runs: numbers in ascending order."""
    groups: dict[str, RunSpec] = {}
    for spec in specs:
        groups.setdefault(question.group_of(spec), spec)
    along = {name: question.along(spec) for name, spec in groups.items()}
    if any(value is None for value in along.values()):
        return groups
    return {name: groups[name] for name in sorted(groups, key=lambda name: cast(float, along[name]))}


def group_named(question: Question, selector: Selector, groups: dict[str, RunSpec]) -> str:
    """Return the name of the one group that a selector stands for. Raise SpecError if there is none, or several."""
    matches = [name for name, spec in groups.items() if selector.condition.holds(spec.written_out())]
    exact = [name for name in matches if name == selector.text]
    if len(exact or matches) == 1:
        return (exact or matches)[0]
    where = {"line": selector.condition.place.line, "key": f"{question.place}.expect"}
    if matches:
        raise SpecError(f"{selector.text} could be {', '.join(matches)}; name it whole", **cast(Any, where))
    what = f"no run of the study has {selector.text}"
    raise SpecError(what, allowed=[some(list(groups))], meant=nearest(selector.text, groups), **cast(Any, where))


def _check_groups(question: Question, specs: Sequence[RunSpec]) -> None:
    groups, expect = groups_of(question, specs), question.expect
    if expect is None:
        return
    key = f"{question.place}.expect"
    names = [group_named(question, selector, groups) for selector in expect.groups]
    if len(set(names)) < len(names):
        raise SpecError("names a value twice", line=question.line, key=key)
    if len(groups) < 2 and expect.form != "value":
        what = f"compares values of by, and all these runs have {next(iter(groups))}"
        raise SpecError(what, line=question.line, key=key)
    if expect.form == "value" and not names and len(groups) > 1:
        raise SpecError("say of which value", line=question.line, key=f"{key}.value.of", allowed=[some(list(groups))])
    if expect.form in (*_ALONG, "u_shape"):
        if any(question.along(spec) is None for spec in groups.values()):
            what = (
                f"{expect.form} goes along numbers, and {', '.join('.'.join(path) for path in question.by)} has words"
            )
            raise SpecError(what, line=question.line, key=key)
        if expect.form == "u_shape" and names[0] in (list(groups)[0], list(groups)[-1]):
            raise SpecError(f"{names[0]} is at an end, not inside", line=question.line, key=f"{key}.u_shape")


def _question(entry: Node, position: int) -> Question:
    where = f"questions[{position}]"
    if not isinstance(entry.value, dict) or not entry.value:
        what = f'must be a mapping such as {{ask: "Which is best?", measure: loss}}, not {shown(entry.plain())}'
        raise SpecError(what, line=entry.line, key=where)
    fields = entry.mapping
    for name, below in fields.items():
        if name not in _KEYS:
            meant = _ALSO_CALLED.get(name) or nearest(name, _KEYS)
            raise SpecError(
                "there is no such key", line=below.key_line, key=f"{where}.{name}", allowed=_KEYS, meant=meant
            )
    if "ask" not in fields:
        raise SpecError("is missing: the question, in words", line=entry.line, key=f"{where}.ask")
    if "measure" not in fields and (extra := [key for key in ("by", "where", "expect") if key in fields]):
        what = f"is missing: {', '.join(extra)} {'says' if len(extra) == 1 else 'say'} nothing without a quantity"
        raise SpecError(what, line=entry.line, key=f"{where}.measure")
    by = _by(fields["by"], f"{where}.by") if "by" in fields else ()
    return Question(
        number=position,
        ask=_words(fields["ask"], f"{where}.ask"),
        claim=_words(fields["claim"], f"{where}.claim") if "claim" in fields else "",
        quantity=read_quantity(fields["measure"], f"{where}.measure") if "measure" in fields else None,
        by=by,
        where=read_condition(fields["where"], f"{where}.where") if "where" in fields else None,
        where_text=_condition_text(fields["where"]) if "where" in fields else "",
        expect=_expectation(fields["expect"], by, f"{where}.expect") if "expect" in fields else None,
        line=entry.line,
    )


def _words(node: Node, where: str) -> str:
    if not isinstance(node.value, str) or not node.value.strip():
        raise SpecError(f"must be text, not {shown(node.plain())}", line=node.line, key=where)
    if len(node.value) > LONGEST_TEXT:
        raise SpecError(f"is longer than {LONGEST_TEXT:,} characters", line=node.line, key=where)
    return " ".join(node.value.split())


def _condition_text(node: Node) -> str:
    def words(value: Any) -> str:
        return ",".join(map(text, value)) if isinstance(value, list) else text(value)

    return " ".join(f"{key}={words(value)}" for key, value in node.plain().items())


def _by(node: Node, where: str) -> tuple[Path, ...]:
    nodes = node.value if isinstance(node.value, list) else [node]
    if not nodes:
        raise SpecError("is empty", line=node.line, key=where)
    paths = []
    for each in nodes:
        if not isinstance(each.value, str):
            what = f"must be a key such as model.hidden, or a list of keys, not {shown(each.plain())}"
            raise SpecError(what, line=each.line, key=where)
        if each.value == "seed":
            raise SpecError("runs that differ in their seed are replicates", line=each.line, key=where)
        try:
            paths.append(read_key(each.value, each.line, "").path)
        except SpecError as error:
            error.key = where
            raise
    return tuple(dict.fromkeys(paths))


# --- what is expected ------------------------------------------------------------------------------------------------


def _expectation(node: Node, by: tuple[Path, ...], where: str) -> Expectation:
    if isinstance(node.value, str) and node.value in _ALONG:
        return Expectation(cast(Form, node.value))
    if not isinstance(node.value, dict) or len(node.value) != 1:
        got = "several" if isinstance(node.value, dict) and node.value else shown(node.plain())
        what = f"must be one form such as {{lowest: VALUE}} or increases, not {got}"
        meant = nearest(node.value, FORMS) if isinstance(node.value, str) else None
        raise SpecError(what, line=node.line, key=where, allowed=FORMS, meant=meant)
    ((name, below),) = node.mapping.items()
    if name not in FORMS:
        also = {"best": "lowest", "worst": "highest", "minimum": "lowest", "maximum": "highest", "ranking": "order"}
        meant = also.get(name) or nearest(name, FORMS)
        raise SpecError("there is no such form", line=below.key_line, key=f"{where}.{name}", allowed=FORMS, meant=meant)
    form, at = name, f"{where}.{name}"
    if form in _ALONG:
        if below.value is not True:
            raise SpecError(f"has no value: write `expect: {form}`", line=below.line, key=at)
        return Expectation(form)
    if not by and form != "value":
        raise SpecError("compares values of a key, and `by` names none", line=below.key_line, key=at)
    if form == "order":
        if not isinstance(below.value, list) or len(below.value) < 2:
            raise SpecError("must be a list of two values or more, the lowest first", line=below.line, key=at)
        return Expectation(form, tuple(_selector(item, by, at) for item in below.items))
    if form in ("lowest", "highest", "u_shape"):
        return Expectation(form, (_selector(below, by, at),))
    return _bounded(form, below, by, at)


def _bounded(form: Form, node: Node, by: tuple[Path, ...], where: str) -> Expectation:
    names = ("of",) if form == "value" else ("of", "to")
    if not isinstance(node.value, dict):
        example = "{of: VALUE, below: 2}" if form == "value" else "{of: VALUE, to: VALUE, below: 2}"
        raise SpecError(f"must be a mapping such as {example}, not {shown(node.plain())}", line=node.line, key=where)
    fields, allowed = node.mapping, (*names, *_BOUNDS)
    for name, below in fields.items():
        if name not in allowed:
            meant = nearest(name, allowed)
            raise SpecError(
                "there is no such key", line=below.key_line, key=f"{where}.{name}", allowed=allowed, meant=meant
            )
    if form != "value" and (missing := [name for name in names if name not in fields]):
        raise SpecError("is missing: a value of by", line=node.line, key=f"{where}.{missing[0]}")
    if "of" in fields and not by:
        raise SpecError("is a value of a key, and `by` names none", line=fields["of"].key_line, key=f"{where}.of")
    groups = tuple(_selector(fields[name], by, f"{where}.{name}") for name in names if name in fields)
    return Expectation(form, groups, _bound(node, where))


def _bound(node: Node, where: str) -> Bound:
    fields = node.mapping
    given = [name for name in ("is", "between", "below", "above") if name in fields]
    if len(given) != 1 or ("within" in fields) != (given == ["is"]):
        what = "needs one bound: is with within, between, below or above"
        raise SpecError(what, line=node.line, key=where, allowed=_BOUNDS)
    if given == ["is"]:
        centre = _number(fields["is"], f"{where}.is")
        width = _width(fields["within"], centre, f"{where}.within")
        return Bound(centre - width, centre + width)
    (name,) = given
    if name == "between":
        ends = fields[name]
        if not isinstance(ends.value, list) or len(ends.value) != 2:
            raise SpecError("must be two numbers such as [1, 2]", line=ends.line, key=f"{where}.{name}")
        low, high = (_number(end, f"{where}.{name}") for end in ends.items)
        if low > high:
            raise SpecError(f"starts above its end: {low:g}, {high:g}", line=ends.line, key=f"{where}.{name}")
        return Bound(low, high)
    value = _number(fields[name], f"{where}.{name}")
    return Bound(high=value) if name == "below" else Bound(low=value)


def _number(node: Node, where: str) -> float:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SpecError(f"must be a finite number, not {shown(node.plain())}", line=node.line, key=where)
    return float(value)


def _width(node: Node, centre: float, where: str) -> float:
    if isinstance(node.value, str) and (match := _PERCENT.fullmatch(node.value.strip())):
        return abs(centre) * float(match[1]) / 100
    value = _number(node, where) if not isinstance(node.value, str) else -1.0
    if value < 0:
        what = f"must be a number from 0, or a share such as 10%, not {shown(node.plain())}"
        raise SpecError(what, line=node.line, key=where)
    return value


def _selector(node: Node, by: tuple[Path, ...], where: str) -> Selector:
    """Return the selector of a value of the key of `by`; of several keys, of a mapping of all of them."""
    if len(by) == 1:
        name = ".".join(by[0])
        try:
            return Selector(text(node.plain()), read_condition(Node({name: node}, node.line, node.line), where))
        except SpecError as error:
            error.key = where
            raise
    if not isinstance(node.value, dict):
        example = ", ".join(f"{'.'.join(path)}: ..." for path in by)
        raise SpecError(f"must be {{{example}}}, not {shown(node.plain())}", line=node.line, key=where)
    return Selector(", ".join(text(value) for value in node.plain().values()), read_condition(node, where))
