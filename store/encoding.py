"""Turn values into columns: JSON objects into text. Arrays become blobs in `store.arrays`."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def to_json(value: Any) -> str:
    """Return canonical JSON: equal values give equal text. Raises ValueError for non-finite numbers."""
    return _encode(value)


def to_json_each(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the canonical JSON of many objects. An object that several of them contain is turned into text once."""
    texts: dict[int, str] = {}
    keys: dict[str, str] = {}

    def setting(key: str, value: Any) -> str:
        if key not in keys:
            keys[key] = to_json(key)
        if not isinstance(value, dict):
            return f"{keys[key]}:{to_json(value)}"
        if id(value) not in texts:
            texts[id(value)] = to_json(value)
        return f"{keys[key]}:{texts[id(value)]}"

    return ["{" + ",".join([setting(key, each[key]) for key in sorted(each)]) + "}" for each in objects]


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def from_json(texts: Iterable[str]) -> list[Any]:
    """Return the values of many JSON texts. Joined into one text, they are read twice as fast as one by one.

    Raises ValueError if one is not JSON.
    """
    texts = list(texts)
    values: list[Any] = json.loads("[" + ",".join(texts) + "]")
    if len(values) != len(texts):
        raise ValueError("a text is more or less than one JSON value")
    return values


def digest(value: Any) -> str:
    """Return a hash of the canonical JSON of a value, 16 hexadecimal digits."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()[:16]


_PLAIN = {str, int, bool, type(None)}


def finite(value: Any) -> Any:
    """Return the value as JSON can represent it: numpy scalars become Python's, non-finite numbers None."""
    if type(value) in _PLAIN:
        return value
    numpy = sys.modules.get("numpy")  # loading it takes long, and where it is not loaded, no value comes from it
    if numpy is not None and isinstance(value, numpy.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
