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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

from rnnctl.study.errors import SpecError
from rnnctl.study.labels import text
from rnnctl.study.overlay import Change, Place, changes_at, check_value
from rnnctl.study.schema import Key
from rnnctl.study.yaml import Node
from rnnctl.words import nearest, shown

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
    kind, body = _only_entry(node, place, "must be a list of values or one of these", list(_SPACINGS))
    at = Place(place.layer, body.line, f"{place.key}.{kind}")
    if kind not in _SPACINGS:
        what, meant = "there is no such list of values", nearest(kind, _SPACINGS)
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


def _only_entry(node: Node, place: Place, what: str, allowed: list[str]) -> tuple[str, Node]:
    if not isinstance(node.value, dict) or len(node.value) != 1:
        raise SpecError(f"{what}, not {shown(node.plain())}", line=place.line, key=place.key, allowed=allowed)
    return next(iter(node.value.items()))


def _numbers(body: Node, place: Place, names: tuple[str, ...], optional: int = 0) -> list[Number]:
    """Return a list of finite numbers, one per name; the last `optional` of them may be left out."""
    values = body.plain()
    if not isinstance(values, list) or not len(names) - optional <= len(values) <= len(names):
        got = f"{len(values)} values" if isinstance(values, list) else shown(values)
        raise SpecError(f"must be [{', '.join(names)}], not {got}", line=place.line, key=place.key)
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
        raise SpecError(what, line=place.line, key=place.key)
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
    kind, body = _only_entry(node, place, "must be one of these distributions", [*_DISTRIBUTIONS, "choice"])
    at = Place(place.layer, body.line, f"{place.key}.{kind}")
    generator = f"{seed} {'.'.join(key.path)}"
    if kind == "choice":
        if not isinstance(body.value, list):
            raise SpecError(f"must be a list of values, not {shown(body.plain())}", line=at.line, key=at.key)
        options = read_list(key, body, at)
        return Draws(generator, lambda u: options[int(u * len(options))])
    if kind not in _DISTRIBUTIONS:
        what, names = "there is no such distribution", [*_DISTRIBUTIONS, "choice"]
        raise SpecError(what, line=node.line, key=at.key, allowed=names, meant=nearest(kind, names))
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
