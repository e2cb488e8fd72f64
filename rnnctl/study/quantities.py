"""The quantities that answer the questions of a study: one number for each run.

loss                     a measure of `examine`
status.learning          1 for a run with this status, else 0
rho                      a scalar of the history: at the last check, or
rho@1000                 at the check after 1,000 updates, or
clip_share@0:5000        the mean over the checks after update 0, up to update 5,000
valid_loss<1.2           the update of the first check at which a scalar is below a number
memory.horizon           a headline number of a probe, or with settings of the probe
{probe: memory, number: horizon, weights: last, lags: 25}
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnctl.measures import MEASURES, SCALARS, STATUSES, is_scalar
from rnnctl.study.errors import SpecError
from rnnctl.study.labels import text
from rnnctl.study.yaml import Node
from rnnctl.weights import BEST, weights_name
from rnnctl.words import nearest, shown

_AT = re.compile(r"(?P<name>\w+)@(?P<first>\d{1,18})(?::(?P<last>\d{1,18}))?")
_BELOW = re.compile(r"(?P<name>\w+)\s*<\s*(?P<bound>\S+)")
_NUMBER_OF_PROBE = re.compile(r"(?P<probe>[\w-]+)\.(?P<number>[\w-]+)")
_PROBE_KEYS = ("probe", "number", "weights")
PARAMETERS = "parameters"
FORMS = (
    *MEASURES,
    PARAMETERS,
    "status.WORD",
    "SCALAR",
    "SCALAR@UPDATE",
    "SCALAR@FROM:TO",
    "SCALAR<BOUND",
    "PROBE.NUMBER",
)


@dataclass(frozen=True)
class MeasureOf:
    """A measure, by its key in MEASURES."""

    key: str

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True)
class WeightCount:
    """The number of weights of a run."""

    def __str__(self) -> str:
        return PARAMETERS


@dataclass(frozen=True)
class HasStatus:
    """Whether a run has a status, as 1 or 0."""

    word: str

    def __str__(self) -> str:
        return f"status.{self.word}"


@dataclass(frozen=True)
class ScalarOf:
    """A scalar of the history: at the last check if first is None, else at update `first`, or as a mean over the checks
    after `first`, up to `last`.
    """

    name: str
    first: int | None = None
    last: int | None = None

    def __str__(self) -> str:
        at = "" if self.first is None else f"@{self.first}" if self.last is None else f"@{self.first}:{self.last}"
        return f"{self.name}{at}"


@dataclass(frozen=True)
class FirstBelow:
    """The update of the first check at which a scalar of the history is below a bound."""

    name: str
    bound: float

    def __str__(self) -> str:
        return f"{self.name}<{self.bound:g}"


@dataclass(frozen=True)
class ProbeNumber:
    """A headline number of a probe. settings: of the probe, as plain values. weights: the name of those that it is put
    to. line: where the file names it.
    """

    probe: str
    number: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: str = BEST
    line: int = 0

    def __str__(self) -> str:
        weights = {} if self.weights == BEST else {"weights": self.weights}
        settings = " ".join(f"{key}={text(value)}" for key, value in {**weights, **self.settings}.items())
        return f"{self.probe}.{self.number}" + (f" ({settings})" if settings else "")


Quantity = MeasureOf | WeightCount | HasStatus | ScalarOf | FirstBelow | ProbeNumber


def read_quantity(node: Node, where: str) -> Quantity:
    """Return the quantity that a text or a mapping names. Whether there is such a probe is asked later.

    Raise SpecError, with the nearest name, if it names none.
    """
    if isinstance(node.value, dict):
        return _read_probe(node, where)
    if not isinstance(node.value, str):
        what = f"must be the name of a quantity such as loss, not {shown(node.plain())}"
        raise SpecError(what, line=node.line, key=where, allowed=FORMS)
    name = node.value.strip()
    if name in MEASURES:
        return MeasureOf(name)
    if name == PARAMETERS:
        return WeightCount()
    if name.startswith("status."):
        word = name.removeprefix("status.")
        if word not in STATUSES:
            what = f"there is no status {shown(word)}"
            raise SpecError(what, line=node.line, key=where, allowed=STATUSES, meant=nearest(word, STATUSES))
        return HasStatus(word)
    if match := _AT.fullmatch(name):
        first, last = int(match["first"]), None if match["last"] is None else int(match["last"])
        if last is not None and last <= first:
            raise SpecError(f"must end after it starts, not {name}", line=node.line, key=where)
        return ScalarOf(_scalar(match["name"], node, where), first, last)
    if match := _BELOW.fullmatch(name):
        return FirstBelow(_scalar(match["name"], node, where), _bound(match["bound"], node, where))
    if is_scalar(name):
        return ScalarOf(name)
    if match := _NUMBER_OF_PROBE.fullmatch(name):
        return ProbeNumber(match["probe"], match["number"], line=node.line)
    meant = nearest(name, [*MEASURES, PARAMETERS, *SCALARS])
    raise SpecError(f"there is no quantity {shown(name)}", line=node.line, key=where, allowed=FORMS, meant=meant)


def _scalar(name: str, node: Node, where: str) -> str:
    if is_scalar(name):
        return name
    what = f"there is no scalar {shown(name)} of the history"
    raise SpecError(what, line=node.line, key=where, allowed=SCALARS, meant=nearest(name, SCALARS))


def _bound(word: str, node: Node, where: str) -> float:
    try:
        bound = float(word)
    except ValueError:
        bound = float("nan")
    if not math.isfinite(bound):
        raise SpecError(f"must have a number after <, not {shown(word)}", line=node.line, key=where)
    return bound


def _read_probe(node: Node, where: str) -> ProbeNumber:
    fields = dict(node.mapping)
    for key in ("probe", "number"):
        if key not in fields:
            what = "is missing: a quantity of a probe is {probe: NAME, number: NAME} and settings of the probe"
            meant = next((other for other in fields if nearest(other, [key])), None)
            line = fields[meant].key_line if meant else node.line
            raise SpecError(what, line=line, key=f"{where}.{key}", meant=meant and f"{key} for {meant}")
    for key in ("probe", "number"):
        if not isinstance(fields[key].value, str) or not fields[key].value:
            what = f"must be a name, not {shown(fields[key].plain())}"
            raise SpecError(what, line=fields[key].line, key=f"{where}.{key}")
    weights = _weights(fields["weights"], f"{where}.weights") if "weights" in fields else BEST
    settings = {key: below.plain() for key, below in fields.items() if key not in _PROBE_KEYS}
    return ProbeNumber(str(fields["probe"].value), str(fields["number"].value), settings, weights, node.line)


def _weights(node: Node, where: str) -> str:
    try:
        return weights_name(str(node.plain()))
    except ValueError as error:
        raise SpecError(str(error), line=node.line, key=where) from None
