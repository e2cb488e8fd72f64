"""The variants of a cell: every choice of the keys that switch something in it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import ValidationError

from rnnctl.lab.errors import LabError
from rnnctl.parts import names_of

if TYPE_CHECKING:
    from rnnctl.cells.base.section import CellSection

MORE_UNITS = 64  # numbers of units that are tried for a cell that cannot have each, because its slots share them


def _switches(section: type[CellSection]) -> dict[str, tuple[Any, ...]]:
    """Return the keys of a cell that can have a few values only, with these: activations, flags and the like."""
    switches: dict[str, tuple[Any, ...]] = {}
    for name, info in section.model_fields.items():
        words = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
        if info.annotation is bool:
            words = (True, False)
        if name != "name" and len(words) > 1:
            switches[name] = words
    return switches


def variants_of(
    section: type[CellSection], name: str, held: Mapping[str, Any], hidden: int, most: int
) -> list[tuple[dict[str, Any], CellSection]]:
    """Return a cell with every choice of its switches that it allows. If these are more than `most`: with its defaults,
    and with each switch changed alone.

    hidden: the number of units; if the cell cannot have as many, or what it makes of them is odd, such as a memory with
    equal slots, it has the next greater number that it can have.
    """
    switches = {key: words for key, words in _switches(section).items() if key not in held}
    number = math.prod(map(len, switches.values()))
    if number <= most:
        choices = [dict(zip(switches, values, strict=True)) for values in itertools.product(*switches.values())]
    else:
        defaults = {key: section.model_fields[key].default for key in switches}
        changed = [{**defaults, key: word} for key, words in switches.items() for word in words]
        choices = [defaults, *(choice for choice in changed if choice != defaults)]
    refused, odd = None, None
    for units in range(hidden, hidden + MORE_UNITS):
        variants = []
        for choice in choices:
            model = _model(section, {"name": name, "hidden": units, **held, **choice})
            if isinstance(model, ValidationError):
                refused = refused or model
            else:
                variants.append((choice, model))
        if variants and not any(model.oddities(None) for _, model in variants):
            return variants
        odd = odd or variants
    if odd:
        return odd
    assert refused is not None
    details = refused.errors(include_url=False)[0]
    key = ".".join(["model", *map(str, details["loc"])])
    raise LabError(f"{name} with {hidden} units: {key}: {details['msg'].removeprefix('Value error, ')}")


def _model(section: type[CellSection], values: dict[str, Any]) -> CellSection | ValidationError:
    """Return a cell of these values, or why there is none. The initial weights have no part in a check: the first kind
    of them that fits is taken.
    """
    inits = [{}, *({"init": {"name": name}} for name in _names_of_inits(section))]
    first: ValidationError | None = None
    for init in inits:
        try:
            return section.model_validate({**init, **values})
        except ValidationError as error:
            first = first or error
    assert first is not None
    return first


def _names_of_inits(section: type[CellSection]) -> list[str]:
    annotation = section.model_fields["init"].annotation
    return [name for part in get_args(annotation) or (annotation,) for name in names_of(part)]
