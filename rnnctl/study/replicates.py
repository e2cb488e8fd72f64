"""Change a section in the text of a study, such as its seeds, to replicate a study that somebody else has written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnctl.study import yaml
from rnnctl.study.errors import SpecError


def with_seeds(source: str, seeds: Sequence[int]) -> str:
    """Return the text of a study with these seeds instead of its own, and nothing else changed.

    Raise SpecError if the text is not a mapping of sections, or if the sections do not begin on lines of their own.
    """
    return with_section(source, "seeds", f"seeds: [{', '.join(map(str, seeds))}]\n", list(seeds))


def with_section(source: str, name: str, text: str, value: Any) -> str:
    """Return the text of a study with another text for a section, and nothing else changed.

    text: lines, the first with the name of the section. value: what they say. Raise SpecError as `with_seeds` does.
    """
    sections = yaml.parse(source).mapping
    lines = source.splitlines(keepends=True)
    if name in sections:
        first = sections[name].key_line
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
    lines.insert(first - 1, text)
    changed = "".join(lines)
    _check(changed, {key: node.plain() for key, node in sections.items()} | {name: value}, name)
    return changed


def _check(text: str, expected: dict[str, Any], name: str) -> None:
    try:
        if yaml.parse(text).plain() == expected:
            return
    except SpecError:
        pass
    what = f"{name} can be changed only in a study whose sections begin on lines of their own"
    raise SpecError(what, key=name)
