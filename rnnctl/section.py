"""Sections of the study language: what all of them share, and the marks that a key can have where it is defined.

    lr: Annotated[float, PER_RUN] = Field(0.01, gt=0)      the runs of a pack may differ in it
    screen: Annotated[int | None, LATER] = None            added after the first runs got their ids
    corpus: Annotated[str, PLACE] = "stdlib"               where something lies, no part of what the run is
    sha256: Annotated[str | None, DERIVED] = None          follows from the data that other keys name
    min_delta: Annotated[float, HOST] = 1e-4               stays in float64, whatever the dtype of the run
    lr: Annotated[float, also_called("learning_rate")]     what other tools call it; messages know that name
    rate: Annotated[Schedule, NumberIs("lr")]              messages say that a number is meant for that key
    patience: Annotated[int | None, ENDING] = None         decides when a run ends, and nothing that it computes before

A key that is not marked PER_RUN must be equal for all runs of a pack, and one that is not marked ENDING for all runs
of a trajectory. A key that somebody forgets to mark therefore makes packs smaller and lets fewer runs go on from
others, but never trains a run wrongly.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Path = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Mark:
    """A property of a key, written in the annotation of its field. Each is one object, and compared as such."""

    name: str

    def __copy__(self) -> Mark:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Mark:
        return self


# Each run of a pack has its own value.
PER_RUN = Mark("per run")
# The key was added later. While it has its default it is left out of the canonical form, so that ids never change.
LATER = Mark("later")
# The value says where something lies. It may change, and the run is still the same run.
PLACE = Mark("place")
# The value follows from other keys and the data that they name. It is computed when a study is registered.
DERIVED = Mark("derived")
# A float that training does not compute with in the dtype of the run. All others must be numbers of that dtype.
HOST = Mark("host")
# The value decides when a run ends, or which of its weights are kept, and nothing that it computes before. A section
# that computes with such a value all the same names the key in `ending_keys_used`.
ENDING = Mark("ending")
# Another key had this last name first. Labels tell this one with its section, so that no label of a run changes.
NAMESAKE = Mark("namesake")


@dataclass(frozen=True)
class AlsoCalled:
    """What other tools call a key, and what they call its words. No study can use these names: messages know them.

    names: of the key. words: other name -> word of the key, or what to write at another key, as `train.precision:
    float16`.
    """

    names: tuple[str, ...]
    words: Mapping[str, str]


def also_called(*names: str, **words: tuple[str, ...]) -> AlsoCalled:
    """Return the mark of a key that other tools call by these names. words: likewise for the words that it can be."""
    return AlsoCalled(names, {other: word for word, others in words.items() for other in others})


@dataclass(frozen=True)
class NumberIs:
    """The key of the same section that a number is meant for, where a section cannot be one. Messages name it."""

    key: str


class Section(BaseModel):
    """A section of a spec. It is immutable; unknown keys, silent conversions and non-finite numbers are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    # Names that other tools have for what is no key here, each with the sentence that says what there is instead.
    not_keys: ClassVar[Mapping[str, str]] = {}
    # Why the code of a user's part is missing, in a line; empty for all other sections. See rnnctl.parts.
    missing_code: ClassVar[str] = ""

    def canonical(self) -> dict[str, Any]:
        """Return the section as plain JSON values, with all defaults except those of keys that are marked LATER."""
        return self._plain(without=None)

    def written_out(self) -> dict[str, Any]:
        """Return the section as plain JSON values with all keys, also those marked LATER that have their defaults."""
        return self.model_dump(mode="json")

    def without(self, mark: Mark) -> dict[str, Any]:
        """Return the canonical form without the keys that have a mark, or the mark PLACE.

        PLACE: what distinguishes the section from others. PER_RUN: what all runs of a pack must have in common. ENDING:
        what decides what a run computes until it ends.
        """
        return self._plain(without=mark)

    def names_without(self, mark: Mark) -> list[str]:
        """Return the keys that `without` returns."""
        return [
            name
            for name, later, default in _keys_without(type(self), mark)
            if not (later and getattr(self, name) == default)
        ]

    @property
    def ending_keys_used(self) -> tuple[Path, ...]:
        """The keys of a run that are marked ENDING and that what this section computes depends on all the same."""
        return ()

    def sections(self) -> Iterator[Section]:
        """Return this section and all sections in it."""
        yield self
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Section):
                yield from value.sections()

    def with_places(self, places: Mapping[str, str]) -> Self:
        """Return the section with other places, in the sections in it too: values of keys marked PLACE, old -> new."""
        changed: dict[str, Any] = {}
        for name, marks, _ in _keys(type(self)):
            value = getattr(self, name)
            if isinstance(value, Section):
                moved = value.with_places(places)
                if moved is not value:
                    changed[name] = moved
            elif PLACE in marks and value in places:
                changed[name] = places[value]
        return self.model_copy(update=changed) if changed else self

    def _plain(self, without: Mark | None) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for name, later, default in _keys_without(type(self), without):
            value = getattr(self, name)
            if later and value == default:
                continue
            plain[name] = value._plain(without) if isinstance(value, Section) else value
        return plain


@cache
def _keys_without(section: type[Section], without: Mark | None) -> tuple[tuple[str, bool, Any], ...]:
    """Return the name of every key without a mark, whether it is marked LATER, and its default.

    Keys marked PLACE are left out with those of any mark; all keys are returned for None.
    """
    return tuple(
        (name, LATER in marks, default)
        for name, marks, default in _keys(section)
        if without is None or not marks & {without, PLACE}
    )


@cache
def _keys(section: type[Section]) -> tuple[tuple[str, frozenset[Mark], Any], ...]:
    """Return the name, marks and default of every key of a section."""
    return tuple(
        (name, frozenset(mark for mark in info.metadata if isinstance(mark, Mark)), info.default)
        for name, info in section.model_fields.items()
    )


def content_of(place: str) -> bytes:
    """Return the content of the file at a place that a section names. Raise ValueError if it cannot be read."""
    try:
        return pathlib.Path(place).expanduser().read_bytes()
    except OSError as error:
        raise ValueError(f"file {place}: cannot be read: {error.strerror or error}") from error


def marks_of(section: type[Section], key: str) -> frozenset[Mark]:
    """Return the marks of a key of a section. Raise KeyError if it has no such key."""
    return {name: marks for name, marks, _ in _keys(section)}[key]


T = TypeVar("T")


class OncePerSection(Generic[T]):
    """What follows from a section alone, computed once for each: sections are immutable, and the runs of a study share
    them. A section is kept with its value, so that no other section gets its id.
    """

    MOST: ClassVar[int] = 10_000

    def __init__(self, compute: Callable[[Section], T]) -> None:
        self._compute = compute
        self._kept: dict[int, tuple[Section, T]] = {}

    def __getitem__(self, section: Section) -> T:
        kept = self._kept.get(id(section))
        if kept is None:
            if len(self._kept) >= self.MOST:
                self._kept.clear()
            kept = self._kept[id(section)] = (section, self._compute(section))
        return kept[1]


def with_default(section: Section, key: str, about: str = "") -> str:
    """Return a key and its value for a message; it says so if the value is the default, which no study has written.

    about: what else is said of a default.
    """
    value = getattr(section, key)
    return f"{key} {value}" if key in section.model_fields_set else f"{key} ({value} by default{about})"


@dataclass(frozen=True)
class Needs:
    """The key at `path` has a meaning only where the key at `where` is one of some words."""

    path: Path
    where: Path
    words: tuple[str, ...]


class HasNoMeaning(ValueError):
    """Raised by a validator of a run: a key has no meaning beside another, and where it would have one."""

    def __init__(self, message: str, needs: Needs) -> None:
        super().__init__(message)
        self.needs = needs


Real = Annotated[float, AfterValidator(lambda value: value + 0.0)]  # + 0.0 turns -0.0 into 0.0
NotNegative = Annotated[Real, Field(ge=0)]
Dtype = Literal["float32", "float64"]


def named(value: Any) -> Any:
    """Return a section with its short form, the name alone, written out; anything else unchanged."""
    return {"name": value} if isinstance(value, str) else value


def default_name(name: str) -> BeforeValidator:
    """Return a validator that writes out a section: a word is its name, a mapping without a name gets this one."""

    def write_out(value: Any) -> Any:
        value = named(value)
        return {"name": name, **value} if isinstance(value, dict) else value

    return BeforeValidator(write_out)
