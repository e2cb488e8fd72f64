"""Results as plain values: what JSON and tables are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_KEY = "record key"
_INLINED = object()


def named(key: str) -> Any:
    """Return a dataclass field that has another key in records, such as a word that Python keeps for itself."""
    return field(metadata={_KEY: key})


def unrecorded(**options: Any) -> Any:
    """Return a dataclass field that records do not have. options: those of `dataclasses.field`."""
    return field(metadata={_KEY: None}, **options)


def inlined() -> Any:
    """Return a dataclass field, a mapping or a dataclass, whose items become items of the record."""
    return field(metadata={_KEY: _INLINED})


def plain(value: Any) -> Any:
    """Return the value as mappings, lists, texts, numbers and None.

    Dataclasses become dicts, as do objects that have a form of their own for this: results (`as_dict`) and specs of
    runs (`written_out`, with the values of all defaults). Paths become texts, enums their values.
    """
    if value is None or isinstance(value, (str, int, float)) and not isinstance(value, Enum):
        return value
    if form := _own_form(value):
        return form()
    if is_dataclass(value) and not isinstance(value, type):
        return _of_dataclass(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, PurePath) else value


def parts(value: Any) -> dict[str, Any] | list[Any] | None:
    """Return the items of a list, or the fields of a dataclass as its record has them, not yet plain.

    None for anything else. A long record can be written part by part.
    """
    if isinstance(value, (list, tuple)):
        return list(value)
    if is_dataclass(value) and not isinstance(value, type) and not _own_form(value):
        return _fields(value)
    return None


def _own_form(value: Any) -> Callable[[], dict[str, Any]] | None:
    """Return what makes the record of an object that has a form of its own: a result or a spec."""
    form: Callable[[], dict[str, Any]] | None = getattr(value, "as_dict", None) or getattr(value, "written_out", None)
    return form


def _fields(value: DataclassInstance) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, key in _keys(type(value)):
        if key is _INLINED:
            record |= plain(getattr(value, name))
        elif key is not None:
            record[key] = getattr(value, name)
    return record


@cache
def _keys(kind: type[DataclassInstance]) -> list[tuple[str, Any]]:
    """Return the name of each field of a dataclass, and its key in records."""
    return [(item.name, item.metadata.get(_KEY, item.name)) for item in fields(kind)]


def _of_dataclass(value: DataclassInstance) -> dict[str, Any]:
    return {key: plain(item) for key, item in _fields(value).items()}
