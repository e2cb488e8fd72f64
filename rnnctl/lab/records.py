"""Results as plain values: what JSON and tables are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any, Protocol, runtime_checkable

_KEY = "record key"


@runtime_checkable
class _Canonical(Protocol):
    """A spec, without the cost of importing its class."""

    def canonical(self) -> dict[str, Any]: ...


def named(key: str) -> Any:
    """Return a dataclass field that has another key in records, such as a word that Python keeps for itself."""
    return field(metadata={_KEY: key})


def left_out(**options: Any) -> Any:
    """Return a dataclass field that records do not have. options: those of `dataclasses.field`."""
    return field(metadata={_KEY: None}, **options)


def plain(value: Any) -> Any:
    """Return the value with dataclasses as dicts, specs of runs in their canonical form, tuples as lists, paths as text
    and enums as their values.
    """
    if is_dataclass(value) and not isinstance(value, type):
        keys = ((item.name, item.metadata.get(_KEY, item.name)) for item in fields(value))
        return {key: plain(getattr(value, name)) for name, key in keys if key is not None}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, _Canonical):
        return value.canonical()
    return str(value) if isinstance(value, PurePath) else value
