"""The dotted keys of a run and what may stand at each, read off the models of run.py.

A key is a *section* (`model.init`) or a *value* (`train.lr`). A section can have several variants, told apart by its
tag (`name` or `style`), and a short form that stands for all of it. A key names something if any variant has it;
whether the variant chosen in a run has it too is known only when the run is resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BeforeValidator, ValidationError, create_model
from pydantic.fields import FieldInfo

from rnnctl.section import DERIVED, Path, Section
from rnnctl.study.errors import SpecError
from rnnctl.study.former import moved
from rnnctl.study.run import RunSpec
from rnnctl.words import nearest

TAGS = ("name", "style")


class UnknownKey(SpecError):
    """A dotted key names nothing, or too much; `allowed` are the names that could stand in its place."""


@dataclass(frozen=True, eq=False)
class Key:
    """What may stand at a dotted path. fields: one for every variant of the section above that has the key."""

    path: Path
    fields: tuple[FieldInfo, ...]
    variants: tuple[type[Section], ...]

    @property
    def is_section(self) -> bool:
        return bool(self.variants)

    @property
    def required(self) -> bool:
        return any(info.is_required() for info in self.fields)

    @property
    def tag(self) -> str | None:
        """The key that names the variant of this section."""
        return next((tag for tag in TAGS if any(tag in model.model_fields for model in self.variants)), None)

    @property
    def derived(self) -> bool:
        """Whether its value follows from other keys and the data that they name."""
        return any(DERIVED in info.metadata for info in self.fields)

    @property
    def takes_whole_numbers(self) -> bool:
        """True if an integer means an integer here and not a float without a fraction."""
        return any(int in _members(info.annotation) for info in self.fields)

    @property
    def takes_only_whole_numbers(self) -> bool:
        return all(int in _members(info.annotation) and float not in _members(info.annotation) for info in self.fields)

    @property
    def whole_from(self) -> int | None:
        """The least whole number where a member of a union is bounded whole numbers; None where none is."""
        for info in self.fields:
            for member in _bounded_members(info.annotation):
                if get_origin(member) is Annotated and get_args(member)[0] is int:
                    least: int = next(bound.ge for extra in get_args(member)[1:] for bound in extra.metadata)
                    return least
        return None

    def expand(self, value: Any) -> Any:
        """A section with its short form written out; anything else as it is."""
        for info in self.fields[:1]:
            for extra in info.metadata:
                if isinstance(extra, BeforeValidator):
                    write_out = cast(Callable[[Any], Any], extra.func)
                    value = write_out(value)
        return value

    def variant(self, section: dict[str, Any]) -> type[Section] | None:
        """The model that a section, short form written out, is an instance of; None for a tag that names none, and
        where there are several, no default and no tag.
        """
        tag = section.get(self.tag) if self.tag else None
        if tag is None:
            default = self.fields[0].default
            if isinstance(default, Section):
                return type(default)
            return self.variants[0] if len(self.variants) == 1 else None
        return next((model for model in self.variants if tag in get_args(_tag_type(model))), None)

    def validate(self, value: Any) -> Any:
        """The value as plain JSON, converted as in a run and with defaults written out.

        Raises ValidationError, whose locations start with "value", if no variant of the section above would take it.
        """
        first_error: ValidationError | None = None
        for probe in _probes(self):
            try:
                valid = getattr(probe.model_validate({"value": value}), "value")  # noqa: B009
                return valid.canonical() if isinstance(valid, Section) else valid
            except ValidationError as error:
                first_error = first_error or error
        assert first_error is not None
        raise first_error


@cache
def _probes(key: Key) -> tuple[type[Section], ...]:
    """Models with the one field `value`, which takes what this key takes: one for each variant above."""
    fields: list[dict[str, Any]] = [{"value": (info.annotation, info)} for info in key.fields]
    return tuple(create_model("Probe", __base__=Section, **field) for field in fields)


def _tag_type(model: type[Section]) -> Any:
    return next(model.model_fields[tag].annotation for tag in TAGS if tag in model.model_fields)


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types in a union, or the one type that it is, without their bounds."""
    return tuple(get_args(m)[0] if get_origin(m) is Annotated else m for m in _bounded_members(annotation))


def _bounded_members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _collect() -> dict[Path, Key]:
    found: dict[Path, list[FieldInfo]] = {}

    def visit(model: type[Section], above: Path) -> None:
        for name, info in model.model_fields.items():
            found.setdefault((*above, name), []).append(info)
            for member in _sections(info):
                visit(member, (*above, name))

    visit(RunSpec, ())
    return {path: Key(path, tuple(infos), tuple(dict.fromkeys(_all_sections(infos)))) for path, infos in found.items()}


def _sections(info: FieldInfo) -> list[type[Section]]:
    return [m for m in _members(info.annotation) if isinstance(m, type) and issubclass(m, Section)]


def _all_sections(infos: list[FieldInfo]) -> Iterator[type[Section]]:
    for info in infos:
        yield from _sections(info)


KEYS: dict[Path, Key] = _collect()


def names_below(path: Path) -> list[str]:
    """The keys of a section, of any of its variants."""
    return [key[-1] for key in KEYS if key[:-1] == path]


def lookup(path: Path) -> Key:
    """The key at a path. Raises UnknownKey, with the nearest right name, if there is none."""
    if path in KEYS:
        return KEYS[path]
    depth = next(d for d in range(len(path)) if path[: d + 1] not in KEYS)
    siblings = names_below(path[:depth])
    wrong = path[depth]
    if current := moved(path):
        raise UnknownKey(current, key=".".join(path))
    elsewhere = {key[-1]: ".".join(key) for key in reversed(KEYS)}
    meant = nearest(wrong, siblings) or elsewhere.get(wrong) or elsewhere.get(nearest(wrong, elsewhere) or "")
    where = f" under {'.'.join(path[:depth])}" if depth else ""
    raise UnknownKey(f"there is no key {wrong or '(empty)'}{where}", allowed=siblings, meant=meant)


def tags_of(key: Key) -> list[str]:
    """The names of all variants of a section."""
    if key.tag is None:
        return []
    return [name for model in key.variants for name in get_args(_tag_type(model))]


def choices(path: Path) -> list[str]:
    """The words that a value may be one of, beside numbers perhaps; empty if it is not one of a few words."""
    infos = KEYS[path].fields if path in KEYS else ()
    members = [member for info in infos for member in _members(info.annotation)]
    words = [word for member in members if get_origin(member) is Literal for word in get_args(member)]
    return list(dict.fromkeys(words))


def value_at(canonical: dict[str, Any], path: Path) -> Any:
    """What a resolved run has at a path. Raises KeyError if it has no such key."""
    value: Any = canonical
    for part in path:
        if not isinstance(value, dict):
            raise KeyError(".".join(path))
        value = value[part]
    return value


@cache
def short_name(path: Path) -> str:
    """The shortest dotted tail of a path that no other key ends in: `lr` for train.lr, `check.seed`, but `seed`."""
    for length in range(1, len(path)):
        tail = path[-length:]
        if sum(other[-length:] == tail for other in KEYS) == 1:
            return ".".join(tail)
    return ".".join(path)


def full_path(name: str) -> Path:
    """The path that a dotted key or any unambiguous tail of it stands for: the inverse of short_name, and more lenient.

    Raises UnknownKey if it stands for none or for several.
    """
    tail = tuple(name.split("."))
    found = [path for path in KEYS if path[-len(tail) :] == tail]
    if tail in KEYS:
        return tail
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownKey(f"{name} could be several keys", allowed=[".".join(path) for path in found])
    return lookup(tail).path
