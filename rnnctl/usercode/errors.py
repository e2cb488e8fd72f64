"""CodeError: why a part of a user cannot be used, in one line."""

from __future__ import annotations

from rnnctl.errors import Error
from rnnctl.words import one_line


class CodeError(Error, ValueError):
    """A part that a user wrote cannot be imported, or its code does not do what its family asks. str() is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))
