"""The exceptions of rnnctl for bad input and for a bad state: all are an `Error`, and str() of each is one line.

From Python a call raises one of those that are named here, or `SpecError` of `rnnctl.study.errors`. Errors of the use
cases (`rnnctl.lab.errors`) are an `Error` too. Those of the store, which knows nothing of rnnctl, become a
`WorkspaceError`.
"""

from __future__ import annotations

import sys
import warnings


class Error(Exception):
    """Something that the caller can do something about. str() is one line: what is wrong, where, what is allowed."""


class InvalidArgument(Error, ValueError):
    """An argument has a value that is not allowed."""


class NotFound(Error, KeyError):
    """There is no study, run, figure, column or other thing of this name."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError shows it in quotation marks


class NotTrained(Error):
    """A run has not come far enough for what is asked: it has no checkpoint, no weights of this name or no result."""


class Failed(Error):
    """A request was in order, and could not be carried out."""


class WorkspaceError(Error):
    """A workspace, or a file in it, cannot be used."""


class NoWorkspace(WorkspaceError, LookupError):
    """There is no workspace in a folder."""


class OtherVersion(WorkspaceError):
    """A workspace was made by another version of rnnctl, which this one cannot use."""


class Busy(WorkspaceError):
    """Another program keeps the database of a workspace locked. Nothing was changed."""


class Damaged(WorkspaceError):
    """A file of a workspace is damaged, or is not what its name says."""


class Note(UserWarning):
    """Something that a call has to say besides its result, such as what was left out. It is given as a warning."""


def warn(text: str, kind: type[Warning]) -> None:
    """Warn at the line that called rnnctl, however many functions of rnnctl lie between."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("rnnctl."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, kind, stacklevel=level)
