"""Lists that are one value of the study language, such as several updates: one text, joined by `+`.

A list in a grid is several values, so a value that is a list itself is kept as a text. Labels, tables and `--where`
show it as it is. The order in which it was written makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnctl.words import shown

NONE = "none"

_MOST_DIGITS = 18  # of an update, so that it is a number of 64 bits


def joined_updates(least: int, *, empty: bool = False) -> Callable[[Any], str]:
    """Return a validator that turns updates (a number, a list, a text joined by `+`) into one text.

    It raises ValueError if one of them is not a whole number from `least`. empty: whether there may be none of them,
    which is written `none`.
    """

    def join(value: Any) -> str:
        if empty and (value is None or value == [] or value == NONE):
            return NONE
        if isinstance(value, str):
            value = value.split("+")
        items = value if isinstance(value, list) and value else [value]
        return "+".join(map(str, sorted({_update(item, least) for item in items})))

    return join


def _update(value: Any, least: int) -> int:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS) or int(text) < least:
        raise ValueError(f"must be whole numbers from {least}, such as [{least}, 1000], not {shown(value)}")
    return int(text)


def updates_of(joined: str) -> tuple[int, ...]:
    """Return the updates in a text that such a validator made, in ascending order."""
    return () if joined == NONE else tuple(map(int, joined.split("+")))
