"""Numbers that the dtype of a run cannot hold: in training they would be infinite, or zero.

Every float of a run is looked at, except those of keys that are marked HOST. Only studies are refused: a stored run
that has such a number can still be read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from rnnctl.section import HOST, Dtype, OncePerSection, Path, Section, marks_of
from rnnctl.study.explain import Problem
from rnnctl.study.run import RunSpec


class Limits(NamedTuple):
    """The smallest normal number above zero and the largest number of a dtype."""

    smallest: float
    largest: float


LIMITS: dict[Dtype, Limits] = {
    "float32": Limits(2.0**-126, (2 - 2.0**-23) * 2.0**127),
    "float64": Limits(sys.float_info.min, sys.float_info.max),
}


def numbers_in_dtype(section: Section, above: Path = ()) -> Iterator[tuple[Path, float]]:
    """Iterate over the floats of a section and of those below it that are computed with in the dtype of the run, with
    their paths.
    """
    for name in _names_in_dtype(type(section)):
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from numbers_in_dtype(value, (*above, name))
        elif isinstance(value, float):
            yield (*above, name), value


@cache
def _names_in_dtype(section: type[Section]) -> tuple[str, ...]:
    return tuple(name for name in section.model_fields if HOST not in marks_of(section, name))


_NUMBERS = OncePerSection(lambda section: tuple(numbers_in_dtype(section)))


def _numbers_of_run(spec: RunSpec) -> Iterator[tuple[Path, float]]:
    """Iterate over what `numbers_in_dtype` yields for a run, of which only sections have such numbers."""
    for name in _names_in_dtype(RunSpec):
        value = getattr(spec, name)
        if isinstance(value, Section):
            yield from (((name, *path), number) for path, number in _NUMBERS[value])


def unrepresentable(spec: RunSpec) -> Problem | None:
    """Return the first number of a run that its dtype cannot hold, as a problem; None if there is none."""
    dtype = spec.train.dtype
    smallest, largest = LIMITS[dtype]
    for path, value in _numbers_of_run(spec):
        if abs(value) > largest:
            limit = f"above the largest {dtype}, {largest:.6g}"
        elif 0 < abs(value) < smallest:
            limit = f"below the smallest normal {dtype}, {smallest:.6g}"
        else:
            continue
        return Problem(path, f"{'.'.join(path)} {value:g} is {limit}", mentions=(path, ("train", "dtype")))
    return None
