"""The pages of the reference, and the parts of them that are generated.

A generated part stands between two comments, each on a line of its own:

    <!-- generated: NAME -->
    ...
    <!-- end -->
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

_START = re.compile(r"<!-- generated: (?P<name>[^\n]+?) -->")
_END = "<!-- end -->"


def pages() -> list[Path]:
    """Return the Markdown files of the reference, in order of their names."""
    return sorted(FOLDER.glob("*.md"))


def rewritten(text: str, block: Callable[[str], str]) -> str:
    """Return a page with each generated part replaced by `block(NAME)`.

    Raises ValueError if a part has no end, or an end no start.
    """
    lines: list[str] = []
    name: str | None = None
    for line in text.splitlines():
        start = _START.fullmatch(line)
        if start and name is None:
            name = start["name"]
            lines += [line, "", block(name), "", _END]
        elif start:
            raise ValueError(f"the generated part {name!r} has no end before {start['name']!r} starts")
        elif line == _END:
            if name is None:
                raise ValueError(f"a line {_END} ends no generated part")
            name = None
        elif name is None:
            lines.append(line)
    if name is not None:
        raise ValueError(f"the generated part {name!r} has no end")
    return "\n".join(lines) + "\n"
