"""Families of parts: cells, tasks, optimizers and the like, each known to all others by one line in its catalogue.

A part is a section of the study language (a pydantic model, which loads no torch). It answers every question that other
rooms ask of its family: the abstract methods and the class variables of the family's base class. A part that leaves a
question open is refused when it is entered, so an omission is an error at import.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Generic, TypeVar, Union, get_args

from pydantic import Field

from rnnctl.section import Section
from rnnctl.words import did_you_mean

P = TypeVar("P", bound=Section)


class Catalogue(Generic[P]):
    """The parts of one family by name, in the order in which they were entered.

    kind: what a part is called in messages, such as `cell`. base: the class that all parts of the family derive from.
    """

    def __init__(self, kind: str, base: type[P], *parts: type[P]) -> None:
        self.kind, self.base = kind, base
        self._parts: dict[str, type[P]] = {}
        self._closed = False
        for part in parts:
            self.add(part)

    def add(self, part: type[P]) -> type[P]:
        """Enter a part under each of its names, and return it.

        Raise TypeError if it is of another family, leaves a question open or takes a name that is there; and after the
        study language was built from the catalogue, which would not know the part.
        """
        if self._closed:
            raise TypeError(f"{self.kind} {part.__name__} comes too late: the study language is built already")
        if not issubclass(part, self.base):
            raise TypeError(f"{part.__name__} is no {self.kind}: it does not derive from {self.base.__name__}")
        unanswered = [
            *sorted(part.__abstractmethods__),
            *sorted(name for name in part.__class_vars__ if not hasattr(part, name)),
        ]
        if unanswered:
            raise TypeError(f"{self.kind} {part.__name__} does not say what its {', '.join(unanswered)} is")
        for name in names_of(part):
            if name in self._parts:
                raise TypeError(f"there are two {self.kind}s of the name {name}")
            self._parts[name] = part
        return part

    @property
    def names(self) -> list[str]:
        """The names of all parts."""
        return list(self._parts)

    def __iter__(self) -> Iterator[type[P]]:
        """Iterate over the parts, each once."""
        return iter(dict.fromkeys(self._parts.values()))

    def __getitem__(self, name: str) -> type[P]:
        """Return the part of a name. Raise KeyError, in one line with the nearest right name, if there is none."""
        if name not in self._parts:
            raise KeyError(f"there is no {self.kind} {name!r}{did_you_mean(name, self._parts)}")
        return self._parts[name]

    def section(self) -> Any:
        """Return the annotation of a field that holds one of the parts, told apart by `name`; closes the catalogue."""
        self._closed = True
        parts = tuple(self)
        return Annotated[Union[parts], Field(discriminator="name")] if len(parts) > 1 else parts[0]  # noqa: UP007


def names_of(part: type[Section]) -> tuple[str, ...]:
    """Return the names that a part goes by: the words that its field `name` can be."""
    names: tuple[str, ...] = get_args(part.model_fields["name"].annotation)
    return names
