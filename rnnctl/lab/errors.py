"""LabError: why a use-case cannot do what it was asked to do, in one line."""

from __future__ import annotations

from enum import Enum

from rnnctl.errors import Error
from rnnctl.words import one_line


class Code(Enum):
    """The kinds of errors that a caller may want to tell apart."""

    USAGE = "usage"  # an argument is wrong
    NOTHING = "nothing found"  # the arguments are right, but there is nothing that they apply to
    FAILURE = "failure"  # it was tried and did not work


class LabError(Error):
    """An error that the caller can do something about. str() is one line.

    argument, value: the name of the argument that is wrong, and its value where it helps. The line then begins with
    them, so that a command line only needs to put its dashes before it.
    """

    def __init__(
        self,
        message: str,
        code: Code = Code.USAGE,
        *,
        argument: str | None = None,
        value: object = None,
    ) -> None:
        place = " ".join(str(word) for word in (argument, value) if word is not None)
        super().__init__(one_line(f"{place}: {message}" if place else message))
        self.code = code
        self.argument = argument


class NotYet(LabError):
    """Runs have not come far enough: they have no check, no checkpoint or no result. The code is NOTHING."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Code.NOTHING)
