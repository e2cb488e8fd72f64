"""Change the seeds in the text of a study, to replicate a study that somebody else has written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnctl.study import yaml
from rnnctl.study.errors import SpecError


def with_seeds(source: str, seeds: Sequence[int]) -> str:
    """Return the text of a study with these seeds instead of its own, and nothing else changed.

    Raise SpecError if the text is not a mapping of sections, or if the sections do not begin on lines of their own.
    """
    sections = yaml.parse(source).mapping
    lines = source.splitlines(keepends=True)
    if "seeds" in sections:
        first = sections["seeds"].key_line
        later = [node.key_line for node in sections.values() if node.key_line > first]
        end = min(later, default=len(lines) + 1)
        # Empty lines and comments before the next section belong to it.
        while end - 1 > first and (not (before := lines[end - 2].strip()) or before.startswith("#")):
            end -= 1
        lines[first - 1 : end - 1] = []
    else:
        first = len(lines) + 1
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
    lines.insert(first - 1, f"seeds: [{', '.join(map(str, seeds))}]\n")
    replicated = "".join(lines)
    _check(replicated, {name: node.plain() for name, node in sections.items()} | {"seeds": list(seeds)})
    return replicated


def _check(text: str, expected: dict[str, Any]) -> None:
    try:
        if yaml.parse(text).plain() == expected:
            return
    except SpecError:
        pass
    what = "seeds can be changed only in a study whose sections begin on lines of their own"
    raise SpecError(what, key="seeds")
