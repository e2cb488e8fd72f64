"""The dotted keys of a run and the values that they take, read from the models of run.py.

A key is a *section* (`model.init`) or a *value* (`train.lr`). A section can have several variants, told apart by its
tag (`name` or `style`), and a short form that stands for all of it. A key exists if any variant has it; whether the
variant chosen in a run has it too is known only when the run is resolved.

A user's part that joins its family (see rnnctl.parts) brings its keys along. They are as well known as all others, and
change nothing about these: neither their types, nor their short names, nor whether every run has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BeforeValidator, ValidationError, create_model
from pydantic.fields import FieldInfo

from rnnctl.parts import Catalogue, OpenTo, kept_until_a_part_joins, when_a_part_joins
from rnnctl.section import DERIVED, NAMESAKE, PLACE, AlsoCalled, NumberIs, Path, Section
from rnnctl.study.run import RunSpec
from rnnctl.usercode.names import is_users

TAGS = ("name", "style")
TAGS_ALSO_CALLED = ("type", "kind")


@dataclass(frozen=True, eq=False)
class Key:
    """The values that a dotted path takes.

    fields: one for every variant of the section above that has the key, those of users' parts last. users_fields: how
    many of them are of users' parts. variants: likewise of the section itself.
    """

    path: Path
    fields: tuple[FieldInfo, ...]
    variants: tuple[type[Section], ...]
    users_fields: int = 0

    @property
    def known_fields(self) -> tuple[FieldInfo, ...]:
        """The fields but those of users' parts; those of users' parts if there are no others."""
        return self.fields[: len(self.fields) - self.users_fields] or self.fields

    @property
    def is_users(self) -> bool:
        """Whether only users' parts have the key."""
        return self.users_fields == len(self.fields)

    @property
    def known_variants(self) -> tuple[type[Section], ...]:
        """The variants but users' parts."""
        return tuple(model for model in self.variants if not is_users_part(model))

    @property
    def is_section(self) -> bool:
        return bool(self.variants)

    @property
    def required(self) -> bool:
        """Whether every run must set this key: all variants of the section above have it, without a default."""
        above = KEYS.get(self.path[:-1])
        everywhere = above is None or _is_in_all(self, above)
        return everywhere and all(info.is_required() for info in self.known_fields)

    @property
    def tag(self) -> str | None:
        """The key that names the variant of this section; None if it has no variants."""
        return next((tag for tag in TAGS if any(tag in model.model_fields for model in self.variants)), None)

    @property
    def derived(self) -> bool:
        """Whether its value follows from other keys and the data that they name."""
        return any(DERIVED in info.metadata for info in self.fields)

    @property
    def is_place(self) -> bool:
        """Whether its value says where something lies."""
        return any(PLACE in info.metadata for info in self.fields)

    @property
    def is_namesake(self) -> bool:
        """Whether another key had its last name first, and goes by it alone, as all others do before users' keys."""
        return self.is_users or any(NAMESAKE in info.metadata for info in self.fields)

    @property
    def also_called(self) -> frozenset[str]:
        """What other tools call the key."""
        names = (name for mark in self._other_names() for name in mark.names)
        return frozenset((*names, *(TAGS_ALSO_CALLED if self.path[-1] in TAGS else ())))

    @property
    def words_also_called(self) -> dict[str, str]:
        """What other tools call the words that the key can be, or the variants of the section: name -> our word."""
        marks = list(self._other_names())
        if self.tag:
            marks += KEYS[*self.path, self.tag]._other_names()
        return {other: word for mark in marks for other, word in mark.words.items()}

    @property
    def number_is(self) -> Path | None:
        """The key that a number is meant for where this section cannot be one; None if there is no such key."""
        marks = [mark for info in self.fields for mark in info.metadata if isinstance(mark, NumberIs)]
        return (*self.path[:-1], marks[0].key) if marks else None

    def _other_names(self) -> Iterator[AlsoCalled]:
        return (mark for info in self.fields for mark in info.metadata if isinstance(mark, AlsoCalled))

    @property
    def takes_whole_numbers(self) -> bool:
        """Whether an integer stays an integer here and does not become a float."""
        return any(int in _members(info.annotation) for info in self.known_fields)

    @property
    def takes_null(self) -> bool:
        return any(NoneType in _members(info.annotation) for info in self.fields)

    @property
    def takes_only_whole_numbers(self) -> bool:
        members = [_members(info.annotation) for info in self.known_fields]
        return all(int in each and float not in each for each in members)

    @property
    def whole_from(self) -> int | None:
        """The least whole number, if whole numbers with a lower bound are one of several allowed types; else None."""
        for info in self.fields:
            for member in _bounded_members(info.annotation):
                if get_origin(member) is Annotated and get_args(member)[0] is int:
                    least: int = next(bound.ge for extra in get_args(member)[1:] for bound in extra.metadata)
                    return least
        return None

    @property
    def number_key(self) -> str | None:
        """The key that a number in the place of this section sets, as `clip: 1.0` sets cutoff; None if no number can be
        in its place.
        """
        number = 1.0
        section = self.expand(number)
        return next((name for name, value in section.items() if value == number)) if isinstance(section, dict) else None

    def expand(self, value: Any) -> Any:
        """Return a section with its short form written out; anything else unchanged."""
        for info in self.fields[:1]:
            for extra in info.metadata:
                if isinstance(extra, BeforeValidator):
                    write_out = cast(Callable[[Any], Any], extra.func)
                    value = write_out(value)
        return value

    def variant(self, section: dict[str, Any]) -> type[Section] | None:
        """Return the model of a section whose short form is written out.

        Return None if its tag names no variant, and if it has no tag and the variants have no default. Raise CodeError
        for a user's part whose code is missing.
        """
        tag = section.get(self.tag) if self.tag else None
        if tag is None:
            default = self.fields[0].default
            if isinstance(default, Section):
                return type(default)
            return self.variants[0] if len(self.variants) == 1 else None
        if is_users(tag):
            catalogue = catalogue_of(self.path)
            return None if catalogue is None else catalogue.of_section(section)
        return next((model for model in self.variants if tag in get_args(_tag_type(model))), None)

    def validate(self, value: Any) -> Any:
        """Return the value as plain JSON, converted as in a run; a section in its canonical form.

        Raise ValidationError, with locations that start with "value", if no variant of the section above takes it.
        """
        valid = self.read(value)
        return valid.canonical() if isinstance(valid, Section) else valid

    def read(self, value: Any) -> Any:
        """Return the value as a run has it, a section as such. Raise ValidationError like `validate`."""
        first_error: ValidationError | None = None
        for probe in _probes(self):
            try:
                return getattr(probe.model_validate({"value": value}), "value")  # noqa: B009
            except ValidationError as error:
                first_error = first_error or error
        assert first_error is not None
        raise first_error


@cache
def _probes(key: Key) -> tuple[type[Section], ...]:
    """Return models with one field `value` that takes what this key takes, one model for every variant above."""
    fields: list[dict[str, Any]] = [{"value": (info.annotation, info)} for info in key.fields]
    return tuple(create_model("Probe", __base__=Section, **field) for field in fields)


def _tag_type(model: type[Section]) -> Any:
    return next(model.model_fields[tag].annotation for tag in TAGS if tag in model.model_fields)


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the only type, without bounds."""
    return tuple(get_args(m)[0] if get_origin(m) is Annotated else m for m in _bounded_members(annotation))


def _bounded_members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _collect() -> dict[Path, Key]:
    fields: dict[Path, list[FieldInfo]] = {}
    users: dict[Path, list[FieldInfo]] = {}

    def visit(model: type[Section], above: Path, into: dict[Path, list[FieldInfo]]) -> None:
        for name, info in model.model_fields.items():
            into.setdefault((*above, name), []).append(info)
            for member in sections_of(info):
                visit(member, (*above, name), users if is_users_part(member) else into)

    visit(RunSpec, (), fields)
    keys = {}
    for path in dict.fromkeys((*fields, *users)):
        infos = [*fields.get(path, []), *users.get(path, [])]
        variants = tuple(dict.fromkeys(_all_sections(infos)))
        keys[path] = Key(path, tuple(infos), variants, len(users.get(path, [])))
    return keys


def sections_of(info: FieldInfo) -> list[type[Section]]:
    """Return the sections that a field can hold."""
    users = [part for mark in info.metadata if _is_open(mark) for part in mark.catalogue.users]
    return [*(m for m in _members(info.annotation) if isinstance(m, type) and issubclass(m, Section)), *users]


def catalogue_of(path: Path) -> Catalogue[Section] | None:
    """Return the family whose parts a section can be, None for all other paths."""
    infos = KEYS[path].fields if path in KEYS else ()
    return next((mark.catalogue for info in infos for mark in info.metadata if _is_open(mark)), None)


def is_users_part(model: type[Section]) -> bool:
    """Return whether a section is a user's part."""
    tags = [model.model_fields[tag] for tag in TAGS if tag in model.model_fields]
    return any(is_users(word) for info in tags for word in get_args(info.annotation))


def _is_open(mark: Any) -> bool:
    return isinstance(mark, OpenTo)


def _is_in_all(key: Key, above: Key) -> bool:
    """Return whether all variants of the section above have a key, but perhaps users' parts."""
    return len(key.fields) - key.users_fields == len(above.known_variants)


def _all_sections(infos: list[FieldInfo]) -> Iterator[type[Section]]:
    for info in infos:
        yield from sections_of(info)


# Changed in place when a user's part joins its family.
KEYS: dict[Path, Key] = _collect()


@when_a_part_joins
def _collect_again() -> None:
    keys = _collect()
    KEYS.clear()
    KEYS.update(keys)


def names_below(path: Path) -> list[str]:
    """Return the keys of all variants of a section."""
    return [key[-1] for key in KEYS if key[:-1] == path]


def tags_of(key: Key) -> list[str]:
    """Return the names of all variants of a section."""
    if key.tag is None:
        return []
    return [name for model in key.variants for name in tags_of_variant(model)]


def tags_of_variant(model: type[Section]) -> tuple[str, ...]:
    """Return the names of a variant of a section."""
    names: tuple[str, ...] = get_args(_tag_type(model))
    return names


def owners(path: Path) -> tuple[str, ...]:
    """Return the names of the variants that have a key."""
    models = [model for model in KEYS[path[:-1]].variants if path[-1] in model.model_fields]
    return tuple(name for model in models for name in tags_of_variant(model))


@kept_until_a_part_joins
def in_every_run(path: Path) -> bool:
    """Return whether every run has a key: all variants of all sections above it do."""
    above = KEYS.get(path[:-1])
    return above is None or (_is_in_all(KEYS[path], above) and in_every_run(above.path))


def choices(path: Path, variant: type[Section] | None = None) -> list[str]:
    """Return the words that a value may be, perhaps besides numbers; an empty list if words are not allowed.

    variant: that of the section in which the key stands, if only its words are asked for.
    """
    infos = KEYS[path].fields if path in KEYS else ()
    if variant is not None and path[-1] in variant.model_fields:
        infos = (variant.model_fields[path[-1]],)
    members = [member for info in infos for member in _members(info.annotation)]
    words = [word for member in members if get_origin(member) is Literal for word in get_args(member)]
    return list(dict.fromkeys(words))


def value_at(canonical: dict[str, Any], path: Path) -> Any:
    """Return the value of a resolved run at a path. Raise KeyError if it has no such key."""
    value: Any = canonical
    for name in path:
        if not isinstance(value, dict):
            raise KeyError(".".join(path))
        value = value[name]
    return value


@kept_until_a_part_joins
def section_of_tag(path: Path) -> Path | None:
    """Return the path of the section whose variant this key names (`model.init` for `model.init.name`), else None."""
    above = KEYS.get(path[:-1])
    return above.path if above is not None and above.tag == path[-1] else None


@kept_until_a_part_joins
def short_name(path: Path) -> str:
    """Return the shortest dotted tail of a path that no other key ends with: `lr`, `check.seed`, `seed`.

    Keys marked NAMESAKE do not count for the others.
    """
    rivals = [other for other, key in KEYS.items() if other != path and not key.is_namesake]
    first = 2 if path in KEYS and KEYS[path].is_namesake else 1
    for length in range(first, len(path)):
        tail = path[-length:]
        if not any(other[-length:] == tail for other in rivals):
            return ".".join(tail)
    return ".".join(path)
