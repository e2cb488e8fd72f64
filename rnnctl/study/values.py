"""Lists of values for a key: written out, evenly spaced, or drawn at random.

    [0.01, 0.05]              these values
    {linspace: [0, 1, 5]}     5 values from 0 to 1, both included
    {logspace: [1e-4, 1, 5]}  likewise with equal ratios; the bounds are values, not exponents
    {range: [10, 50, 10]}     10, 20, ... up to and including 50; the step is 1 if left out

For a key that takes whole numbers, bounds that are whole numbers give whole numbers (rounded, repeats left out).

Random draws are `uniform`, `loguniform`, `int_uniform` and `int_loguniform` of [low, high], both included, and `choice`
of a list. Every key has a random generator of its own, so that more draws or another key do not change earlier draws.
Computed floats are rounded to 12 digits and drawn ones to 6: a person can write them down again, and the last bits of
exp and log, which depend on the machine, do not change what a run is.

Bounds that are so far apart that their distance, or their ratio, is no finite float64 are refused.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

from rnnctl.study.errors import SpecError
from rnnctl.study.labels import text
from rnnctl.study.overlay import Change, Place, changes_at, check_value
from rnnctl.study.schema import Key
from rnnctl.study.slips import list_meant
from rnnctl.study.yaml import Node
from rnnctl.words import counted, nearest, shown

MAX_VALUES = 10_000  # of one computed list
COMPUTED_DIGITS = 12
DRAWN_DIGITS = 6

Number = int | float
Option = tuple[Change, ...]


def read_list(key: Key, node: Node, place: Place) -> list[Option]:
    """Return the values of a grid key. Raise SpecError if it is not a list, is empty or no run takes a value."""
    if isinstance(node.value, list):
        if not node.value:
            raise SpecError("is an empty list; it needs at least one value", line=place.line, key=place.key)
        items = [(item, place._replace(line=item.line)) for item in node.value]
        return [tuple(changes_at(key, item, at)) for item, at in items]
    kind, body = _only_entry(
        node, place, "must be a list of values or one of these", list(_SPACINGS), _list_meant(key, node)
    )
    at = Place(place.layer, body.line, f"{place.key}.{kind}")
    if kind not in _SPACINGS:
        if kind in (*_DISTRIBUTIONS, "choice"):
            what = f"{kind} draws at random, which is for the section random"
            raise SpecError(what, line=node.line, key=at.key, allowed=_SPACINGS)
        what, meant = "there is no such list of values", _nearest_kind(kind, _SPACINGS) or _list_meant(key, node)
        if kind == "values" and isinstance(body.value, list):
            meant = f"the list alone, {_shown_list(body)}"
        raise SpecError(what, line=node.line, key=at.key, allowed=_SPACINGS, meant=meant)
    values = _SPACINGS[kind](body, at)
    if key.takes_whole_numbers and all(isinstance(item.value, int) for item in body.items):
        values = list(dict.fromkeys(round(value) for value in values))
    for value in values:
        check_value(key, value, at)
    return [(Change(key.path, value, at),) for value in values]


def written(option: Option) -> str:
    """Return an option as labels write values."""
    first, *below = option
    return text({change.path[-1]: change.value for change in below} if first.opens else first.value)


def is_spacing(node: Node) -> bool:
    """Return whether a node is, or is likely to have been meant as, a computed list of values or a distribution."""
    names = {*_SPACINGS, *_DISTRIBUTIONS, *_KINDS_ALSO_CALLED, "choice", "values"}
    return not isinstance(node.value, dict) or any(name in names for name in node.value)


def _only_entry(node: Node, place: Place, what: str, allowed: list[str], meant: str | None = None) -> tuple[str, Node]:
    if not isinstance(node.value, dict) or len(node.value) != 1:
        got = shown(node.plain())
        if isinstance(node.value, dict):
            got = f"a mapping of {', '.join(node.value)}" if node.value else "an empty mapping"
        raise SpecError(f"{what}, not {got}", line=place.line, key=place.key, allowed=allowed, meant=meant)
    return next(iter(node.value.items()))


def _list_meant(key: Key, node: Node) -> str | None:
    """Return the list that was most likely meant by what is none: `[3]`, or its form with ends and number of values."""
    if isinstance(node.value, dict):
        written = node.plain()
        if key.path == ("seed",) and [type(count) for count in written.values()] == [int]:
            return f"{{range: [1, {next(iter(written.values()))}]}}"
        return _spacing_meant(written)
    meant = list_meant(node.plain())
    if key.path == ("seed",) and isinstance(node.value, int) and node.value > 1:
        return f"{meant}, or {{range: [1, {node.value}]}} for {node.value} seeds"
    return meant


def _spacing_meant(written: dict[str, object]) -> str | None:
    """Return the form of `{min: 0.1, max: 1, steps: 5}`, as other tools write it; None for anything else."""
    first, last, third = (
        next((written[name] for name in names if name in written), None)
        for names in (("min", "low", "start", "from", "first"), ("max", "high", "stop", "end", "to", "last"), _COUNTS)
    )
    if first is None or last is None:
        return None
    return f"{{linspace: [{first}, {last}, {'number of values' if third is None else third}]}}"


def _nearest_kind(kind: str, names: Collection[str]) -> str | None:
    """Return the list or the distribution that was most likely meant, also by the names that other tools have."""
    meant = _KINDS_ALSO_CALLED.get(kind.lower().replace("-", "_"))
    return meant if meant in names else nearest(kind, names)


def _shown_list(body: Node) -> str:
    return f"[{', '.join(map(text, body.plain()))}]"


_COUNTS = ("steps", "num", "n", "count", "number", "points")
_KINDS_ALSO_CALLED = {
    "geomspace": "logspace",
    "log": "logspace",
    "linear": "linspace",
    "arange": "range",
    "log_uniform": "loguniform",
    "log_uniform_values": "loguniform",
    "reciprocal": "loguniform",
    "randint": "int_uniform",
    "int": "int_uniform",
    "q_uniform": "int_uniform",
    "quniform": "int_uniform",
    "float": "uniform",
    "lograndint": "int_loguniform",
    "categorical": "choice",
    "options": "choice",
    "in": "choice",
    "one_of": "choice",
}


def _numbers(body: Node, place: Place, names: tuple[str, ...], optional: int = 0) -> list[Number]:
    """Return a list of finite numbers, one per name; the last `optional` of them may be left out."""
    values = body.plain()
    if not isinstance(values, list) or not len(names) - optional <= len(values) <= len(names):
        got = counted(len(values), "value") if isinstance(values, list) else shown(values)
        optional_names = f", or [{', '.join(names[:-optional])}]" if optional else ""
        raise SpecError(f"must be [{', '.join(names)}]{optional_names}, not {got}", line=place.line, key=place.key)
    for item, name in zip(body.items, names, strict=False):
        value = item.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            what = f"{name} must be a finite number, not {shown(item.plain())}"
            raise SpecError(what, line=item.line, key=place.key)
    return values


def _points(body: Node, place: Place) -> tuple[Number, Number, int]:
    low, high, n = _numbers(body, place, ("first", "last", "number of values"))
    if not isinstance(n, int) or not 1 <= n <= MAX_VALUES:
        what = f"the number of values must be a whole number from 1 to {MAX_VALUES:,}, not {shown(n)}"
        raise SpecError(what, line=place.line, key=place.key)
    return low, high, n


def _linspace(body: Node, place: Place) -> list[Number]:
    low, high, n = _points(body, place)
    _check_distance(low, high, place)
    inner = [_round(low + (high - low) * i / (n - 1), COMPUTED_DIGITS) for i in range(1, n - 1)]
    return [low, *inner, high][:n]


def _logspace(body: Node, place: Place) -> list[Number]:
    low, high, n = _points(body, place)
    _check_ratio(low, high, place)
    ratio = math.log(high) - math.log(low)
    inner = [_round(low * math.exp(ratio * i / (n - 1)), COMPUTED_DIGITS) for i in range(1, n - 1)]
    return [low, *inner, high][:n]


def _range(body: Node, place: Place) -> list[Number]:
    first, last, step = (*_numbers(body, place, ("first", "last", "step"), optional=1), 1)[:3]
    steps = (last - first) / step * (1 + 1e-12) if step else -1.0
    # Infinite where the step is tiny.
    count = math.floor(steps) + 1 if 0 <= steps < MAX_VALUES else 0
    if not count:
        what = f"from {first} to {last} in steps of {step} there are not 1 to {MAX_VALUES:,} values"
        backwards = step == 1 and 0 < first - last < MAX_VALUES
        meant = f"[{first}, {last}, -1] for steps down" if backwards else None
        raise SpecError(what, line=place.line, key=place.key, meant=meant)
    whole = isinstance(first, int) and isinstance(step, int)
    return [first + i * step if whole else _round(first + i * step, COMPUTED_DIGITS) for i in range(count)]


_SPACINGS: dict[str, Callable[[Node, Place], list[Number]]] = {
    "linspace": _linspace,
    "logspace": _logspace,
    "range": _range,
}


@dataclass(frozen=True)
class Draws:
    """The random values of one key. generator: the text that seeds them. pick: turns a draw from [0, 1) into one."""

    generator: str
    pick: Callable[[float], Option]

    def first(self, n: int) -> list[Option]:
        """Return the first n values."""
        return [self.pick(u) for u, _ in zip(_uniform(self.generator), range(n), strict=False)]


class DrawnRows(Sequence[Option]):
    """Rows of random values, one from each of several keys. They are drawn when one is first looked at, so that a study
    with too many rows is refused before.
    """

    def __init__(self, n: int, columns: Sequence[Draws]) -> None:
        self.n, self.columns = n, columns

    @cached_property
    def _rows(self) -> list[Option]:
        columns = [column.first(self.n) for column in self.columns]
        return [tuple(change for option in row for change in option) for row in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, index: int) -> Option: ...
    @overload
    def __getitem__(self, index: slice) -> list[Option]: ...
    def __getitem__(self, index: int | slice) -> Option | list[Option]:
        return self._rows[index]


def read_draws(key: Key, node: Node, place: Place, seed: int) -> Draws:
    """Return the random values of a key. Raise SpecError like read_list, and for bounds that no run can have."""
    names = [*_DISTRIBUTIONS, "choice"]
    kind, body = _only_entry(node, place, "must be one of these distributions", names, _draws_meant(key, node))
    at = Place(place.layer, body.line, f"{place.key}.{kind}")
    generator = f"{seed} {'.'.join(key.path)}"
    if kind == "choice":
        if not isinstance(body.value, list):
            what, meant = f"must be a list of values, not {shown(body.plain())}", list_meant(body.plain())
            raise SpecError(what, line=at.line, key=at.key, meant=meant)
        options = read_list(key, body, at)
        return Draws(generator, lambda u: options[int(u * len(options))])
    if kind not in _DISTRIBUTIONS:
        if kind in _SPACINGS:
            what = f"{kind} is a list of all its values, which is for the section grid"
            raise SpecError(what, line=node.line, key=at.key, allowed=names)
        what, meant = "there is no such distribution", _nearest_kind(kind, names)
        if kind == "values" and isinstance(body.value, list):
            meant = f"choice: {_shown_list(body)}"
        raise SpecError(what, line=node.line, key=at.key, allowed=names, meant=meant)
    low, high = _numbers(body, at, ("low", "high"))
    if low >= high:
        raise SpecError(f"low {low} must be below high {high}", line=at.line, key=at.key)
    whole = kind.startswith("int_")
    if whole and not (isinstance(low, int) and isinstance(high, int)):
        raise SpecError(f"bounds must be whole numbers, not {low} and {high}", line=at.line, key=at.key)
    if kind.endswith("loguniform"):
        _check_ratio(low, high, at)
    else:
        _check_distance(low, high, at)
    if not whole:
        if key.takes_only_whole_numbers:
            raise SpecError(f"draws fractions for a whole number; use int_{kind}", line=node.line, key=at.key)
        low, high = float(low), float(high)
    for bound in (low, high):
        check_value(key, bound, at)
    draw = _DISTRIBUTIONS[kind]
    return Draws(generator, lambda u: (Change(key.path, min(max(draw(low, high, u), low), high), at),))


def _draws_meant(key: Key, node: Node) -> str | None:
    """Return the distribution that was most likely meant by what is none."""
    if isinstance(node.value, list):
        return f"{{choice: {_shown_list(node)}}}"
    if isinstance(node.value, dict):
        low, high = (
            next((node.value[name].plain() for name in names if name in node.value), None)
            for names in (("low", "min"), ("high", "max"))
        )
        uniform = "int_uniform" if key.takes_only_whole_numbers else "uniform"
        return None if low is None or high is None else f"{{{uniform}: [{low}, {high}]}}"
    return f"base: {{{'.'.join(key.path)}: {text(node.plain())}}}, where it is the same for all runs"


def _uniform(seed: str) -> Iterator[float]:
    """Yield uniform draws from [0, 1) without end. Python promises never to change them for a given seed."""
    generator = random.Random(seed)
    while True:
        yield generator.random()


_DISTRIBUTIONS: dict[str, Callable[[Number, Number, float], Number]] = {
    "uniform": lambda low, high, u: _round(low + (high - low) * u, DRAWN_DIGITS),
    "loguniform": lambda low, high, u: _round(low * math.exp((math.log(high) - math.log(low)) * u), DRAWN_DIGITS),
    "int_uniform": lambda low, high, u: low + int((high - low + 1) * u),
    "int_loguniform": lambda low, high, u: int(low * math.exp((math.log(high + 1) - math.log(low)) * u)),
}


def _check_distance(low: Number, high: Number, place: Place) -> None:
    """Raise SpecError if the distance between two bounds overflows."""
    if math.isinf(high - low):
        what = f"overflow: {low} and {high} are further apart than the largest float64, {sys.float_info.max:.2g}"
        raise SpecError(what, line=place.line, key=place.key)


def _check_ratio(low: Number, high: Number, place: Place) -> None:
    """Raise SpecError if there are no equal ratios between two bounds, or if their ratio overflows."""
    if low <= 0 or high <= 0:
        what = f"equal ratios need bounds above 0 (they are values, not exponents), not {low} and {high}"
        raise SpecError(what, line=place.line, key=place.key)
    if math.isinf(max(low, high) / min(low, high)):
        what = f"overflow: the ratio of {low} and {high} is above the largest float64, {sys.float_info.max:.2g}"
        raise SpecError(what, line=place.line, key=place.key)


def _round(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
