"""A study, or a part of one, that a program has as a mapping: written out as the text of a study file.

What is registered is always a text, so that a study from Python can be read, changed and registered as one from a file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike, fspath
from typing import Any

from rnnctl.study.errors import SpecError
from rnnctl.study.yaml import MAX_DEPTH
from rnnctl.words import cut

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_BLOCKS = 2  # levels of mappings that are written a line a key; those below are written on one line


def study_text(study: Mapping[str, Any]) -> str:
    """Return the text of the study file that a mapping stands for, with the same keys in the same order.

    Numbers of NumPy, tuples, ranges, arrays and paths are written as the numbers, lists and texts that they are.
    Raise SpecError for a key that is not a text, and for a value that no study file can hold.
    """
    return "\n".join(_lines(study, "", 0)) + "\n"


def _lines(section: Mapping[str, Any], above: str, level: int) -> Iterator[str]:
    indent = "  " * level
    for key, value in section.items():
        place = _place(above, key)
        if isinstance(value, Mapping) and value and level + 1 < _BLOCKS:
            yield f"{indent}{_key(key)}:"
            yield from _lines(value, place, level + 1)
        else:
            yield f"{indent}{_key(key)}: {_flow(value, place, level + 1)}"


def _place(above: str, key: object) -> str:
    if not isinstance(key, str):
        raise SpecError(f"a key is a text, not {cut(repr(key))}", key=above or None)
    return f"{above}.{key}" if above else key


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in json.dumps(text, ensure_ascii=False))


def _flow(value: Any, place: str, level: int) -> str:
    """Return a value on one line. place: its dotted key, for messages."""
    if level > MAX_DEPTH:
        raise SpecError(f"is nested more than {MAX_DEPTH} levels deep", key=place)
    if isinstance(value, Mapping):
        pairs = [f"{_key(key)}: {_flow(below, _place(place, key), level + 1)}" for key, below in value.items()]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, str):
        return _quoted(value)
    if hasattr(value, "tolist"):  # numbers and arrays of NumPy, tensors
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        items = [_flow(item, f"{place}[{i}]", level + 1) for i, item in enumerate(value, start=1)]
        return "[" + ", ".join(items) + "]"
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else {"inf": ".inf", "-inf": "-.inf"}.get(str(value), ".nan")
    raise SpecError(f"no study can hold a {type(value).__name__}: {cut(repr(value))}", key=place)


def value_text(value: Any, key: str) -> str:
    """Return a value on one line, as a study file has it. key: its place, for messages. Raise SpecError."""
    return _flow(value, key, 1)
