"""Families of parts: cells, tasks, optimizers, schedules. One line in the catalogue of its family makes a part known.

A part is a section of the study language (a pydantic model that loads no torch). It answers every question that the
rest of the program asks of its family: the abstract methods and the class variables of the family's base class. A part
that leaves a question open is refused when it is added, so an omission is an error at import.

A part of a user has no line. Its name is MODULE:CLASS, and it joins its family when a study or a stored run first names
it and its module may be imported (rnnctl.usercode). The hash of its source is one of its keys, so other code is another
run. Where a stored run is only read, a part whose code cannot be used is represented by its absent part: it has the
keys that were stored, and says why its code is missing to whoever needs more than these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, cast, get_args

from pydantic import Field, GetCoreSchemaHandler, SerializationInfo, TypeAdapter, create_model
from pydantic_core import CoreSchema, core_schema

from rnnctl.section import DERIVED, Section
from rnnctl.usercode.errors import CodeError
from rnnctl.usercode.modules import find_source, load, told
from rnnctl.usercode.names import FORM, is_users
from rnnctl.usercode.permission import permission
from rnnctl.words import did_you_mean, nearest

P = TypeVar("P", bound=Section)
C = TypeVar("C", bound=Callable[..., Any])

SOURCE = "source"  # the key of a user's part that holds the hash of its source
_CHANGED: list[Callable[[], None]] = []


def when_a_part_joins(action: Callable[[], None]) -> Callable[[], None]:
    """Call a function each time that a user's part has joined its family: what was computed before may be outdated."""
    _CHANGED.append(action)
    return action


def kept_until_a_part_joins(function: C) -> C:
    """Return a function that keeps its results, by its arguments, until a user's part joins its family."""
    kept = lru_cache(maxsize=4096)(function)
    when_a_part_joins(kept.cache_clear)
    return cast(C, kept)


class Catalogue(Generic[P]):
    """The parts of one family by name, in the order in which they were added.

    kind: what messages call a part, such as `cell`. base: the class that all parts of the family derive from. absent:
    the class of what represents users' parts whose code is missing; None for a family that no run names.
    """

    def __init__(self, kind: str, base: type[P], *parts: type[P], absent: type[P] | None = None) -> None:
        self.kind, self.base, self.absent = kind, base, absent
        self._parts: dict[str, type[P]] = {}
        self._users: dict[tuple[str, str], type[P]] = {}  # by name and hash of the source
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
        self._check(part)
        names = names_of(part)
        if taken := [name for name in names if name in self._parts]:
            raise TypeError(f"there are two {self.kind}s named {', '.join(taken)}")
        self._parts.update(dict.fromkeys(names, part))
        return part

    def _check(self, part: type[P]) -> None:
        if not issubclass(part, self.base):
            raise TypeError(f"{part.__name__} is not {self._a_part}: it does not derive from {self.base.__name__}")
        unanswered = [
            *sorted(part.__abstractmethods__),
            *sorted(name for name in part.__class_vars__ if not hasattr(part, name)),
        ]
        if unanswered:
            raise TypeError(f"{self.kind} {part.__name__} does not define {', '.join(unanswered)}")

    @property
    def _a_part(self) -> str:
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    @property
    def names(self) -> list[str]:
        """Names of all parts but those of users."""
        return list(self._parts)

    def __iter__(self) -> Iterator[type[P]]:
        """Iterate over the parts but those of users. A part that has several names comes once."""
        return iter(dict.fromkeys(self._parts.values()))

    @property
    def users(self) -> list[type[P]]:
        """The users' parts that have joined the family so far, and the absent parts that represent others."""
        return list(self._users.values())

    def __getitem__(self, name: str) -> type[P]:
        """Return the part of a name. Raise KeyError, with the nearest right name, if there is none.

        For a user's part, import its module. Raise CodeError if that fails or is not allowed.
        """
        if is_users(name):
            return self._imported(name)
        if name not in self._parts:
            raise KeyError(f"there is no {self.kind} {name!r}{did_you_mean(name, self._parts)}")
        return self._parts[name]

    def section(self) -> Any:
        """Return the annotation of a field that holds any part, told apart by `name`, and close the catalogue."""
        self._closed = True
        parts = tuple(self)
        known = Annotated[Union[parts], Field(discriminator="name")] if len(parts) > 1 else parts[0]  # noqa: UP007
        return known if self.absent is None else Annotated[known, OpenTo(self)]

    # --- parts of users ----------------------------------------------------------------------------------------------

    def _imported(self, name: str) -> type[P]:
        """Return a user's part with the code that its module has now."""
        if not FORM.fullmatch(name):
            form = name.replace(".py:", ":").replace("/", ".").lstrip(".")
            hint = f"; did you mean {form}?" if FORM.fullmatch(form) else ""
            raise CodeError(f"{name} is not of the form MODULE:CLASS, such as my_lab.parts:Mine{hint}")
        module, _, class_name = name.partition(":")
        source = find_source(module)
        known = self._users.get((name, source.digest))
        if known is not None and not known.missing_code:
            return known
        members = vars(load(source))
        written = members.get(class_name)
        mine = [key for key, each in members.items() if isinstance(each, type) and issubclass(each, self.base)]
        mine = [key for key in mine if members[key].__module__ == module]
        if written is None:
            meant = nearest(class_name, mine)
            has = f"; its {self.kind}s: {', '.join(mine)}" if mine else ""
            raise CodeError(f"{module} has no class {class_name}{has}" + (f"; did you mean {meant}?" if meant else ""))
        if not isinstance(written, type) or not issubclass(written, self.base):
            raise CodeError(
                f"{name} is not {self._a_part}: it does not derive from {self.base.__module__}.{self.base.__name__}"
            )
        try:
            self._check(written)
        except TypeError as error:
            raise CodeError(f"{error} ({source.file})") from None
        return self._joined(name, source.digest, written, {})

    def _joined(self, name: str, digest: str, written: type[P], keys: Mapping[str, Any]) -> type[P]:
        """Let a user's part join the family, under its name and the hash of its source. keys: further fields."""
        if SOURCE in written.model_fields:
            raise CodeError(f"{name}: {SOURCE} is the key of the hash of its source, and cannot be another key")
        try:
            fields: dict[str, Any] = {
                "name": (Literal[name], name),
                SOURCE: (Annotated[str, DERIVED], Field(digest, description="hash of the source of its module")),
                **keys,
            }
            part: type[P] = create_model(
                written.__name__, __base__=written, __module__=written.__module__, __doc__=written.__doc__, **fields
            )
        except Exception as error:
            raise CodeError(f"{name} cannot be {self._a_part}: {told(error)}") from error
        self._users[name, digest] = part
        for action in _CHANGED:
            action()
        return part

    def of_section(self, plain: Mapping[str, Any]) -> type[P]:
        """Return the user's part that a section names, with the code that the section tells of.

        Where stored runs are only read, an absent part will do. Raise CodeError if the code is missing, is not allowed
        to be imported or has changed.
        """
        name, digest = plain["name"], plain.get(SOURCE)
        known = self._users.get((name, digest)) if isinstance(digest, str) else None
        if known is not None and not known.missing_code:
            return known
        try:
            part = self._imported(name)
            if digest is not None and digest != part.model_fields[SOURCE].default:
                raise CodeError(
                    f"the code of {name} has changed since the run was registered: its source has the hash "
                    f"{part.model_fields[SOURCE].default}, not {digest}; "
                    "rnnctl init registers runs with the code as it is now"
                )
        except CodeError as error:
            if not permission().reading or self.absent is None:
                raise
            return self._absent(plain, str(digest or ""), str(error))
        return part

    def _absent(self, plain: Mapping[str, Any], digest: str, why: str) -> type[P]:
        """Return what represents a user's part whose code is missing."""
        name = plain["name"]
        known = self._users.get((name, digest))
        keys = {key: (_kind_of(value), ...) for key, value in plain.items() if key not in ("name", SOURCE)}
        if known is not None and known.missing_code == why and keys.keys() <= known.model_fields.keys():
            return known
        assert self.absent is not None
        base = cast(type[P], type(self.absent.__name__, (self.absent,), {"missing_code": why, "__module__": __name__}))
        return self._joined(name, digest, base, keys)


class OpenTo:
    """Marks a field that holds a part: besides the parts of the catalogue, those of users are taken."""

    def __init__(self, catalogue: Catalogue[Any]) -> None:
        self.catalogue = catalogue
        self._adapters: dict[Any, TypeAdapter[Any]] = {}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            self._validated,
            handler(source),
            serialization=core_schema.wrap_serializer_function_ser_schema(self._plain, info_arg=True),
        )

    def _validated(self, value: Any, known: Callable[[Any], Any]) -> Any:
        if isinstance(value, Section) and is_users(getattr(value, "name", None)):
            return value
        if not isinstance(value, dict) or not is_users(value.get("name")):
            return known(value)
        part = self.catalogue.of_section(value)
        return self._adapter(part).validate_python(value)

    def _adapter(self, part: Any) -> TypeAdapter[Any]:
        """Return a validator of a user's part: one of two, so that errors name the variant as those of all parts do."""
        if part not in self._adapters:
            known: Any = next(iter(self.catalogue))
            either: Any = Annotated[Union[known, part], Field(discriminator="name")]  # noqa: UP007 (not known before)
            self._adapters[part] = TypeAdapter(either)
        return self._adapters[part]

    @staticmethod
    def _plain(value: Any, known: Callable[[Any], Any], info: SerializationInfo) -> Any:
        if isinstance(value, Section) and is_users(getattr(value, "name", None)):
            return value.model_dump(mode=info.mode)
        return known(value)


def _kind_of(value: Any) -> Any:
    """Return the type of a key of which only a value is known."""
    return {bool: bool, int: int | float, float: float, str: str}.get(type(value), Any)


def names_of(part: type[Section]) -> tuple[str, ...]:
    """Return the names of a part: the words that its field `name` can be."""
    names: tuple[str, ...] = get_args(part.model_fields["name"].annotation)
    return names
