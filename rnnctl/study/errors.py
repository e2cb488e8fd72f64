"""SpecError: a mistake in a study file, told in one line that says where."""

from __future__ import annotations

from collections.abc import Iterable

from rnnctl.errors import Error
from rnnctl.words import one_line


class SpecError(Error):
    """A mistake in a study file; str() is the line `FILE:LINE: key: what is wrong; allowed: ...; did you mean ...?`.

    key is the place as written in the file (`cases.EC7.model.hidden`). file, line and key are None if they are unknown
    or do not apply: a mistake of the whole file has no line. remedy: what would help, said last.
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
        self.remedy: str | None = None
        super().__init__(message)

    def at(self, *, file: str | None = None, line: int | None = None, key: str | None = None) -> SpecError:
        """Fill in the place of the error, which the caller knows, and return the error."""
        self.file, self.line, self.key = file or self.file, line or self.line, key or self.key
        return self

    def __str__(self) -> str:
        place = ":".join(str(value) for value in (self.file, self.line) if value is not None)
        what = self.message
        if self.allowed:
            what += f"; allowed: {', '.join(self.allowed)}"
        if self.meant:
            what += f"; did you mean {self.meant}?"
        if self.remedy:
            what += f"; {self.remedy}"
        return one_line(": ".join(text for text in (place, self.key, what) if text))
