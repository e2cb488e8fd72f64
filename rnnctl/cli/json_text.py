"""The JSON of records, printable ASCII with an indent of two spaces a level, encoded piece by piece.

Python's own encoder writes indents a value at a time, which takes most of the time of a list of thousands of runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring_ascii as quoted  # the encoder's own, in C
from typing import Any

from rnnctl.lab.records import parts, plain
from store.encoding import finite

LONG = 100  # items of a list that is encoded an item at a time; those of shorter lists can be long themselves


def json_pieces(value: Any, indent: str = "") -> Iterator[str]:
    """Iterate over the pieces of the JSON of a value, or of the record of a dataclass. Non-finite numbers become null.

    indent: of the line that the value begins on.
    """
    items = parts(value)
    if not items:
        yield json_text(value, indent)
        return
    inner = indent + "  "
    if isinstance(items, dict):
        before = "{\n" + inner
        for key, item in items.items():
            yield f"{before}{_key(key)}: "
            yield from json_pieces(item, inner)
            before = ",\n" + inner
    else:
        before = "[\n" + inner
        for item in items:
            yield before
            yield from json_pieces(item, inner) if len(items) < LONG else (json_text(item, inner),)
            before = ",\n" + inner
    yield f"\n{indent}{'}' if isinstance(items, dict) else ']'}"


def json_text(value: Any, indent: str = "") -> str:
    """Return the JSON that `json_pieces` encodes, as one text."""
    kind = type(value)
    if kind in _SCALARS:
        return _SCALARS[kind](value)
    if kind is not dict and kind is not list:
        items = parts(value)
        value = finite(plain(value)) if items is None else items
    inner = indent + "  "
    if isinstance(value, dict):
        # Items that are scalars, which most are, cost no call of this function.
        texts = [
            f"{_key(key)}: {_SCALARS[type(item)](item) if type(item) in _SCALARS else json_text(item, inner)}"
            for key, item in value.items()
        ]
        return _between("{}", texts, indent)
    if isinstance(value, list):
        texts = [_SCALARS[type(item)](item) if type(item) in _SCALARS else json_text(item, inner) for item in value]
        return _between("[]", texts, indent)
    return json.dumps(value, allow_nan=False)


def _between(brackets: str, texts: list[str], indent: str) -> str:
    if not texts:
        return brackets
    line = f"\n{indent}  "
    return f"{brackets[0]}{line}{f',{line}'.join(texts)}\n{indent}{brackets[1]}"


def _key(key: Any) -> str:
    # json makes texts of keys that are numbers, truth values or None.
    return quoted(key) if isinstance(key, str) else json.dumps({key: None})[1:-7]


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else "null"


_SCALARS: dict[type, Callable[[Any], str]] = {
    str: quoted,
    float: _number,
    int: repr,
    bool: {False: "false", True: "true"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}
