"""Generated parts about the Python face: what each class and function offers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import rnnctl
from rnnctl.docs.markdown import table

FOR_LIBRARIES = {"extra_repr"}  # methods that other libraries call


def members(name: str) -> str:
    """Return a table of the methods and properties of a class of the package. Raise KeyError if there is none."""
    kind = _public(name)
    if not inspect.isclass(kind):
        raise KeyError(name)
    return table([kind.__name__, "is"], list(_rows(kind)))


def functions() -> str:
    """Return a table of the functions of the package."""
    names = [name for name in rnnctl.__all__ if inspect.isfunction(_public(name))]
    return table(
        ["function", "does"], [[_call(f"rnnctl.{name}", _public(name)), _first(_public(name))] for name in names]
    )


def exceptions() -> str:
    """Return a table of the exceptions and warnings of the package."""
    kinds = [_public(name) for name in rnnctl.__all__]
    chosen = [kind for kind in kinds if inspect.isclass(kind) and issubclass(kind, Exception)]
    rows = [[f"`rnnctl.{kind.__name__}`", ", ".join(_bases(kind)), _first(kind)] for kind in chosen]
    return table(["exception", "is also", "means"], rows)


def _public(name: str) -> Any:
    if name not in rnnctl.__all__:
        raise KeyError(name)
    return getattr(rnnctl, name)


def _rows(kind: type) -> Iterator[list[str]]:
    for name, value in vars(kind).items():
        if name == "__getitem__":
            yield [f"`{'run' if kind.__name__ == 'TrainedRun' else kind.__name__.lower()}[name]`", _first(value)]
        if name.startswith("_") or name in FOR_LIBRARIES:
            continue
        if isinstance(value, property):
            yield [f"`.{name}`", _first(value)]
        elif inspect.isfunction(value):
            yield [_call(f".{name}", value), _first(value)]


def _call(name: str, function: Any) -> str:
    """Return a function with its arguments as it is called, without types."""
    signature = inspect.signature(function)
    parameters = [
        p.replace(annotation=inspect.Parameter.empty) for key, p in signature.parameters.items() if key != "self"
    ]
    arguments = str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    return f"`{name}{arguments}`"


def _first(value: Any) -> str:
    """Return the first sentence of a docstring."""
    text = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s(?=[A-Z])", text)[0]


def _bases(kind: type[Exception]) -> list[str]:
    return [f"`{base.__name__}`" for base in kind.__bases__]
