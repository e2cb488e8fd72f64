"""rnnctl: a laboratory for the training dynamics of recurrent networks, as a command and as a library.

    lab = rnnctl.Workspace("lab")
    study = lab.add({"study": "mine", "base": {...}, "grid": {...}})
    study.train(workers=2)
    study.leaderboard()

What is named here is loaded when it is first used: importing rnnctl loads neither torch nor numpy. The page
rnnctl/docs/python.md describes all of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnctl.api.answers import Answers
    from rnnctl.api.lists import corpus, gradcheck, grammar, kinds, packaged
    from rnnctl.api.module import Network
    from rnnctl.api.past import History, Traces
    from rnnctl.api.rows import Rows
    from rnnctl.api.run import Run
    from rnnctl.api.source import plan
    from rnnctl.api.study import Study
    from rnnctl.api.training import TrainedRun, train
    from rnnctl.api.workspace import Workspace
    from rnnctl.errors import (
        Busy,
        Damaged,
        Error,
        Failed,
        InvalidArgument,
        Note,
        NotFound,
        NotTrained,
        NoWorkspace,
        OtherVersion,
        WorkspaceError,
    )
    from rnnctl.study.errors import SpecError
    from rnnctl.usercode.errors import CodeError
    from rnnctl.usercode.permission import allow_code

__version__ = "0.2.0"

_MODULES = {
    "Answers": "api.answers",
    "Busy": "errors",
    "CodeError": "usercode.errors",
    "Damaged": "errors",
    "Error": "errors",
    "Failed": "errors",
    "History": "api.past",
    "InvalidArgument": "errors",
    "Network": "api.module",
    "NoWorkspace": "errors",
    "NotFound": "errors",
    "NotTrained": "errors",
    "Note": "errors",
    "OtherVersion": "errors",
    "Rows": "api.rows",
    "Run": "api.run",
    "SpecError": "study.errors",
    "Study": "api.study",
    "Traces": "api.past",
    "TrainedRun": "api.training",
    "Workspace": "api.workspace",
    "WorkspaceError": "errors",
    "allow_code": "usercode.permission",
    "corpus": "api.lists",
    "gradcheck": "api.lists",
    "grammar": "api.lists",
    "kinds": "api.lists",
    "packaged": "api.lists",
    "plan": "api.source",
    "train": "api.training",
}

__all__ = [
    "Answers",
    "Busy",
    "CodeError",
    "Damaged",
    "Error",
    "Failed",
    "History",
    "InvalidArgument",
    "Network",
    "NoWorkspace",
    "NotFound",
    "NotTrained",
    "Note",
    "OtherVersion",
    "Rows",
    "Run",
    "SpecError",
    "Study",
    "Traces",
    "TrainedRun",
    "Workspace",
    "WorkspaceError",
    "__version__",
    "allow_code",
    "corpus",
    "gradcheck",
    "grammar",
    "kinds",
    "packaged",
    "plan",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "classic":  # a package that is used by its own name
        return import_module("rnnctl.classic")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
