"""Slips of the pen: the number, the key or the list that a value was most likely meant to be."""

from __future__ import annotations

import re
from collections.abc import Callable

_NUMBER = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.[0-9]+")
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(,[0-9]{3})+")
LARGEST = 1e15  # of floats that may stand for whole numbers
_SUFFIXES = {"k": 1_000, "m": 1_000_000}


def number_meant(value: object, kind: str) -> str | None:
    """Return the number that a text or a float was most likely meant to be; None for anything else.

    kind: pydantic's name of what is wrong, `int_type` where only whole numbers are right.
    """
    if kind == "int_type" and isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST:
        return str(int(value))
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return text.replace("_", "")
    if _THOUSANDS.fullmatch(text):
        return text.replace(",", "")
    for pattern, read in _WAYS:
        if match := re.fullmatch(pattern, text):
            number = read(match)
            if kind != "int_type":
                return number
            if number is None or not _NUMBER.fullmatch(number):
                return number
            return str(int(float(number))) if float(number).is_integer() else None
    return None


def _with_suffix(match: re.Match[str]) -> str:
    return f"{float(match[1]) * _SUFFIXES[match[2].lower()]:.12g}"


def _ratio(match: re.Match[str]) -> str | None:
    return f"{float(match[1]) / float(match[2]):.12g}" if float(match[2]) else None


_WAYS: tuple[tuple[str, Callable[[re.Match[str]], str | None]], ...] = (
    (r"([-+]?[0-9]+),([0-9]+)", lambda match: f"{match[1]}.{match[2]}"),
    (r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?%", lambda match: f"{float(match[1]) / 100:.12g}"),
    (r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?([kKmM])", _with_suffix),
    (r"([0-9]+(?:\.[0-9]+)?) ?[x*] ?10 ?(?:\^|\*\*) ?([-+]?[0-9]+)", lambda match: f"{match[1]}e{match[2]}"),
    (r"10 ?(?:\^|\*\*) ?([-+]?[0-9]{1,3})", lambda match: f"1e{match[1]}"),
    (r"([0-9]{1,9}) ?/ ?([0-9]{1,9})", _ratio),
    (r"[0-9]+(?: [0-9]+)+", lambda match: f"{', '.join(match[0].split())}, with commas"),
    (r"([0-9]+) [a-z]+", lambda match: match[1]),
)


def pair_meant(text: str) -> str | None:
    """Return the key and value that a text was most likely meant to be: `lr: 0.1` for `lr:0.1` and for `lr = 0.1`."""
    match = re.fullmatch(r"([A-Za-z_][\w.]*) ?(?::| = |=) ?(\S[^:=]*)", text)
    return f"{match[1]}: {match[2]}" if match else None


def list_meant(value: object) -> str | None:
    """Return the list that a value in the place of a list was most likely meant to be: `[3]`, `[0.1, 0.2]`."""
    if isinstance(value, dict | list):
        return None
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    words = text.replace(",", " ").split()
    if isinstance(value, str) and words and all(re.fullmatch(r"-[0-9]+", word) for word in words):
        return f"[{', '.join(word[1:] for word in words)}]"  # dashes without a space after them
    if isinstance(value, str) and (match := re.fullmatch(r"(-?[0-9]+) ?(?:-|\.\.\.?|:|to) ?(-?[0-9]+)", text)):
        return f"{{range: [{match[1]}, {match[2]}]}}"
    if isinstance(value, str) and (match := re.fullmatch(r"range\(([0-9]+)(?:, ?([0-9]+))?\)", text)):
        first, last = (match[1], match[2]) if match[2] else ("0", match[1])
        return f"{{range: [{first}, {int(last) - 1}]}}"
    if isinstance(value, str) and "," not in text and len(words) > 1 and not all(map(_NUMBER.fullmatch, words)):
        return None
    return f"[{', '.join(words)}]" if words else None
