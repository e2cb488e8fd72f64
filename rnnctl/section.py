"""Sections of the study language: what they have in common, and what can be said of a key where it is defined.

    lr: Annotated[float, PER_RUN] = Field(0.01, gt=0)      runs of one pack may differ in it
    screen: Annotated[int | None, LATER] = None            came after the first runs were identified
    corpus: Annotated[str, PLACE] = "stdlib"               says where something lies, not what the run is
    sha256: Annotated[str | None, DERIVED] = None          follows from the data that other keys name

Whatever is not marked as PER_RUN must be equal for all runs of a pack. So a key that somebody forgets to mark makes
packs smaller, and never trains a run wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Path = tuple[str, ...]


@dataclass(frozen=True)
class Mark:
    """Something that is said of a key in the annotation of its field."""

    name: str


# Each run of a pack has its own value.
PER_RUN = Mark("per run")
# The key came later: while it has its default, it is left out of the canonical form, so that ids never move.
LATER = Mark("later")
# The value says where something lies. It may change without the run becoming another one.
PLACE = Mark("place")
# The value follows from the other keys and the data that they name; it is found when a study is registered.
DERIVED = Mark("derived")


class Section(BaseModel):
    """A section of a spec: unknown keys, silent conversions and non-finite numbers are errors; values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def canonical(self) -> dict[str, Any]:
        """Return the section as plain JSON values, defaults written out but for those of keys that came later."""
        return self._plain(without=None)

    def identity(self) -> dict[str, Any]:
        """Return what tells the section from others: its canonical form without places."""
        return self._plain(without=PLACE)

    def common(self) -> dict[str, Any]:
        """Return what all runs of a pack must have in common: the identity without the keys that are each run's own."""
        return self._plain(without=PER_RUN)

    def _plain(self, without: Mark | None) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for name, marks, default in _keys(type(self)):
            value = getattr(self, name)
            if LATER in marks and value == default:
                continue
            if without is not None and (without in marks or PLACE in marks):
                continue
            plain[name] = value._plain(without) if isinstance(value, Section) else value
        return plain


@cache
def _keys(section: type[Section]) -> tuple[tuple[str, frozenset[Mark], Any], ...]:
    """Return name, marks and default of each key of a section."""
    return tuple(
        (name, frozenset(mark for mark in info.metadata if isinstance(mark, Mark)), info.default)
        for name, info in section.model_fields.items()
    )


def marks_of(section: type[Section], key: str) -> frozenset[Mark]:
    """Return what is said of a key of a section. Raise KeyError if it has no such key."""
    return {name: marks for name, marks, _ in _keys(section)}[key]


Real = Annotated[float, AfterValidator(lambda value: value + 0.0)]  # + 0.0 turns -0.0 into 0.0
NotNegative = Annotated[Real, Field(ge=0)]
Dtype = Literal["float32", "float64"]


def named(value: Any) -> Any:
    """Write out the short form of a section that has a name: the word alone."""
    return {"name": value} if isinstance(value, str) else value


def default_name(name: str) -> BeforeValidator:
    """Return the validator of a section with a default: a word is its name, a mapping without one has this name."""

    def written_out(value: Any) -> Any:
        value = named(value)
        return {"name": name, **value} if isinstance(value, dict) else value

    return BeforeValidator(written_out)
