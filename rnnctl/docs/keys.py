"""Tables of the keys of a study, read off the sections of a run: key, what may stand there, default, meaning."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from rnnctl.docs.markdown import code, listed, table
from rnnctl.section import Section
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS, TAGS

COLUMNS = ("key", "value", "default", "meaning")


def section_names() -> list[str]:
    """Return the dotted keys at which a section stands, such as `train` and `train.clip`; "" is the run itself."""
    return ["", *(".".join(path) for path, key in KEYS.items() if key.is_section)]


def keys(name: str) -> str:
    """Return the tables of the section at a dotted key: one, or one for each variant of it.

    Raises KeyError if no section stands there.
    """
    variants = sections_at(name)
    return "\n\n".join(_table(name, model, titled=len(variants) > 1 or _tag(model) is not None) for model in variants)


def sections_at(name: str) -> tuple[type[Section], ...]:
    """Return the section classes that can stand at a dotted key. Raises KeyError if there are none."""
    if not name:
        return (RunSpec,)
    variants = KEYS[tuple(name.split("."))].variants
    if not variants:
        raise KeyError(name)
    return variants


def fields() -> Iterator[tuple[type[Section], str, FieldInfo]]:
    """Return every field of every section, without the tags that tell variants apart."""
    for model in dict.fromkeys(model for name in section_names() for model in sections_at(name)):
        for name, info in model.model_fields.items():
            if name not in TAGS:
                yield model, name, info


def _table(name: str, model: type[Section], *, titled: bool) -> str:
    rows = [
        [code(field), _allowed(f"{name}.{field}".lstrip("."), info), _default(info), info.description or ""]
        for field, info in model.model_fields.items()
        if field not in TAGS
    ]
    parts = []
    if titled:
        about = " ".join(inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].split())
        parts.append(f"**{listed(_names(model))}**: {about}")
    parts.append(table(COLUMNS, rows) if rows else "No other keys.")
    return "\n\n".join(parts)


def _tag(model: type[Section]) -> str | None:
    return next((tag for tag in TAGS if tag in model.model_fields), None)


def _names(model: type[Section]) -> tuple[str, ...]:
    """Return the names by which a variant is chosen."""
    tag = _tag(model)
    return () if tag is None else tuple(map(str, get_args(model.model_fields[tag].annotation)))


def _allowed(name: str, info: FieldInfo) -> str:
    """Return what may stand at a dotted key of a section that has this field, in words."""
    bounds = _bounds(info.metadata)
    words = list(dict.fromkeys(_one(member, bounds) for member in _members(info.annotation)))
    key = KEYS[tuple(name.split("."))]
    if key.is_section and isinstance(key.expand(1.0), dict):
        words.append("a number")
    return ", ".join(words)


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated and get_origin(get_args(annotation)[0]) in (Union, UnionType):
        return _members(get_args(annotation)[0])
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _one(member: Any, bounds: str) -> str:
    if get_origin(member) is Annotated:
        kind, *extras = get_args(member)
        inner = [m for extra in extras for m in getattr(extra, "metadata", [extra])]
        return _one(kind, _bounds(inner) or bounds)
    if get_origin(member) is Literal:
        return listed(map(str, get_args(member)))
    if isinstance(member, type) and issubclass(member, Section):
        return listed(_names(member)) or "a mapping"
    words = {int: "whole number", float: "number", bool: "`true`, `false`", str: "text", NoneType: "`null`"}[member]
    return f"{words}{bounds}" if member in (int, float) else words


def _bounds(metadata: list[Any]) -> str:
    """Return bounds in words, such as ` from 1` or ` above 0 and below 1`."""
    words = {"gt": "above", "ge": "from", "lt": "below", "le": "to"}
    bounds = [
        f"{word} {getattr(extra, name):g}"
        for name, word in words.items()
        for extra in metadata
        if getattr(extra, name, None) is not None
    ]
    text = " and ".join(bounds)
    if text.startswith("from"):
        text = text.replace("and to", "to")
    return f" {text.replace('and to', 'and up to')}" if bounds else ""


def _default(info: FieldInfo) -> str:
    value = info.default
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, Section):
        tag = _tag(type(value))
        return code(str(getattr(value, tag))) if tag else ""
    if value is None:
        return "`null`"
    return code(str(value).lower() if isinstance(value, bool) else str(value))
