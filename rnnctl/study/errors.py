"""SpecError: what is wrong with a study file, in one line that says where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_VALUE = 60


class SpecError(Exception):
    """A mistake in a study file; str() is the line `FILE:LINE: key: what is wrong; allowed: ...; did you mean ...?`.

    key is the place as written in the file (`cases.EC7.model.hidden`). file, line and key are None where they are
    unknown or do not apply: what has to do with the whole file has no line.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        key: str | None = None,
        allowed: Iterable[str] = (),
        meant: str | None = None,
        file: str | None = None,
    ):
        self.message = message
        self.line = line
        self.key = key
        self.allowed = tuple(allowed)
        self.meant = meant
        self.file = file
        super().__init__(message)

    def at(self, *, file: str | None = None, line: int | None = None, key: str | None = None) -> SpecError:
        """The error itself, its place filled in by a caller who knows it."""
        self.file, self.line, self.key = file or self.file, line or self.line, key or self.key
        return self

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        what = self.message
        if self.allowed:
            what += f"; allowed: {', '.join(self.allowed)}"
        if self.meant:
            what += f"; did you mean {self.meant}?"
        return one_line(": ".join(part for part in (place, self.key, what) if part))


def one_line(text: str) -> str:
    """The text without line breaks or other control characters, which are shown escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that `word` was most likely meant to be, if one is near enough."""
    by_lower = {name.lower(): name for name in names}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def shown(value: object) -> str:
    """A value from a study file as an error message quotes it: texts in quotation marks, everything cut to a length."""
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, dict):
        text = "a mapping"
    elif isinstance(value, list):
        text = "a list"
    elif isinstance(value, str):
        text = f'the text "{value}"'
    else:
        text = repr(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
