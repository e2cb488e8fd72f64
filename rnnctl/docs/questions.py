"""What the parts of a family are asked: read off the family's base class."""

from __future__ import annotations

import inspect
import re

from rnnctl.docs.markdown import code, table
from rnnctl.parts import Catalogue
from rnnctl.section import Section

_CLASS_VARIABLE = re.compile(r" +(?P<name>\w+): ClassVar\[[^#]*(?:# (?P<about>.*))?")


def catalogues() -> dict[str, Catalogue[Section]]:
    """Return the catalogues of all families by what a part is called, such as `task`."""
    from rnnctl.cells.catalogue import CELLS
    from rnnctl.optimizers.catalogue import OPTIMIZERS
    from rnnctl.probes.catalogue import PROBES
    from rnnctl.schedules.catalogue import SCHEDULES
    from rnnctl.tasks.catalogue import TASKS

    known: tuple[Catalogue[Section], ...] = (TASKS, CELLS, OPTIMIZERS, SCHEDULES, PROBES)  # type: ignore[assignment]
    return {catalogue.kind: catalogue for catalogue in known}


def questions(kind: str) -> str:
    """Return the table of what parts of a kind are asked. Raises KeyError if there is no such kind."""
    base = catalogues()[kind].base
    rows = [*_class_variables(base), *_methods(base)]
    return table(["a part says", "", "meaning"], [[code(name), needed, about] for name, needed, about in rows])


def _class_variables(base: type[Section]) -> list[tuple[str, str, str]]:
    """Return name, whether it must be given, and meaning.

    The meaning is the comment beside it or above it, or what the docstring of the class says after the name.
    """
    rows, above, doc = [], "", " ".join((base.__doc__ or "").split())
    for line in inspect.getsource(base).splitlines():
        match = _CLASS_VARIABLE.fullmatch(line)
        if match:
            needed = "" if hasattr(base, match["name"]) else "required"
            in_doc = re.search(rf"\b{match['name']}: (.+?)\.(?= |$)", doc)
            rows.append((match["name"], needed, _sentence(match["about"] or above or (in_doc[1] if in_doc else ""))))
        above = line.strip().removeprefix("# ") if line.strip().startswith("# ") else ""
    return rows


def _methods(base: type[Section]) -> list[tuple[str, str, str]]:
    """Return call, whether it must be written, and the first sentence of the docstring."""
    rows = []
    for name, member in vars(base).items():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        arguments = [each for each in inspect.signature(function).parameters if each not in ("self", "cls")]
        call = name if isinstance(member, property) else f"{name}({', '.join(arguments)})"
        about = re.split(r"(?<=\.)\s", " ".join(function.__doc__.split()))[0]
        rows.append((call, "required" if name in base.__abstractmethods__ else "", about))
    return rows


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." if text else ""
