"""Families of parts: cells, tasks, optimizers, schedules. One line in the catalogue of its family makes a part known.

A part is a section of the study language (a pydantic model that loads no torch). It answers every question that the
rest of the program asks of its family: the abstract methods and the class variables of the family's base class. A part
that leaves a question open is refused when it is added, so an omission is an error at import.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Generic, TypeVar, Union, get_args

from pydantic import Field

from rnnctl.section import Section
from rnnctl.words import did_you_mean

P = TypeVar("P", bound=Section)


class Catalogue(Generic[P]):
    """The parts of one family by name, in the order in which they were added.

    kind: what messages call a part, such as `cell`. base: the class that all parts of the family derive from.
    """

    def __init__(self, kind: str, base: type[P], *parts: type[P]) -> None:
        self.kind, self.base = kind, base
        self._parts: dict[str, type[P]] = {}
        self._closed = False
        for part in parts:
            self.add(part)

    def add(self, part: type[P]) -> type[P]:
        """Add a part under all of its names, and return it.

        Raise TypeError if it belongs to another family, leaves a question of its family open or has a name that is
        taken. Raise TypeError too if the study language, which would not know the part, is already built.
        """
        if self._closed:
            raise TypeError(f"{self.kind} {part.__name__} is added too late: the study language is already built")
        if not issubclass(part, self.base):
            raise TypeError(f"{part.__name__} is not a {self.kind}: it does not derive from {self.base.__name__}")
        unanswered = [
            *sorted(part.__abstractmethods__),
            *sorted(name for name in part.__class_vars__ if not hasattr(part, name)),
        ]
        if unanswered:
            raise TypeError(f"{self.kind} {part.__name__} does not define {', '.join(unanswered)}")
        names = names_of(part)
        if taken := [name for name in names if name in self._parts]:
            raise TypeError(f"there are two {self.kind}s named {', '.join(taken)}")
        self._parts.update(dict.fromkeys(names, part))
        return part

    @property
    def names(self) -> list[str]:
        """Names of all parts."""
        return list(self._parts)

    def __iter__(self) -> Iterator[type[P]]:
        """Iterate over the parts. A part that has several names comes once."""
        return iter(dict.fromkeys(self._parts.values()))

    def __getitem__(self, name: str) -> type[P]:
        """Return the part of a name. Raise KeyError, with the nearest right name, if there is none."""
        if name not in self._parts:
            raise KeyError(f"there is no {self.kind} {name!r}{did_you_mean(name, self._parts)}")
        return self._parts[name]

    def section(self) -> Any:
        """Return the annotation of a field that holds any part, told apart by `name`, and close the catalogue."""
        self._closed = True
        parts = tuple(self)
        return Annotated[Union[parts], Field(discriminator="name")] if len(parts) > 1 else parts[0]  # noqa: UP007


def names_of(part: type[Section]) -> tuple[str, ...]:
    """Return the names of a part: the words that its field `name` can be."""
    names: tuple[str, ...] = get_args(part.model_fields["name"].annotation)
    return names
