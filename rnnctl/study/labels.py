"""Labels of the runs of a study, and values as labels and tables write them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from rnnctl.parts import kept_until_a_part_joins
from rnnctl.section import Path
from rnnctl.study.schema import KEYS, short_name, value_at

NOTHING_VARIES = "base"


def label(case: str | None, words: Iterable[str]) -> str:
    """Return the label of a run, the case and then what the axes set: `EC7`, `EC7 seed=2`, `lr=0.01 hidden=50`.

    words: of the settings of the axes, see `setting_word`.
    """
    return " ".join(word for word in (case, *words) if word) or NOTHING_VARIES


def setting_word(path: Path, value: Any) -> str:
    """Return a setting as labels tell it: `lr=0.01`."""
    return f"{short_name(path)}={text(value)}"


def text(value: Any) -> str:
    """Return a value as a person writes it, without spaces: 0.01, true, smart_tanh, smart_tanh(connections=5)."""
    if isinstance(value, dict):
        tag = next((value[tag] for tag in ("name", "style") if tag in value), "")
        inner = ",".join(f"{key}={text(below)}" for key, below in value.items() if key not in ("name", "style"))
        return f"{tag}({inner})"
    return value if isinstance(value, str) else json.dumps(value)


def compact(canonical: dict[str, Any], path: Path, apart: Iterable[Path] = ()) -> Any:
    """Return the value of a resolved run at a path, a section in its shortest form.

    That is a short form, or else its tag with the keys that differ from their defaults. Keys `apart` are told elsewhere
    and left out. Raise KeyError if the run has no such key.
    """
    value = value_at(canonical, path)
    if not isinstance(value, dict):
        return value
    return json.loads(_compact_section(path, json.dumps(value), frozenset(apart)))


@kept_until_a_part_joins
def _compact_section(path: Path, section_json: str, apart: frozenset[Path]) -> str:
    key, section = KEYS[path], json.loads(section_json)
    with suppress(ValidationError):
        section = key.validate(section)  # a key that was added later is not told while it has its default
    wanted = _without(section, path, apart)
    scalars = [value for value in section.values() if isinstance(value, str | int | float)]
    for value in sorted(scalars, key=lambda value: isinstance(value, str)):  # `clip: 1.0` rather than `clip: rescale`
        try:
            if isinstance(key.expand(value), dict) and _without(key.validate(value), path, apart) == wanted:
                return json.dumps(value)
        except ValidationError:
            continue
    tag = {key.tag: section[key.tag]} if key.tag else {}
    try:
        defaults = key.validate(tag)
    except ValidationError:  # the section has keys without a default
        defaults = {}
    # Hashes would make a label unreadable, and they follow from the other keys.
    shown = {
        name: below for name, below in wanted.items() if not KEYS[*path, name].derived and defaults.get(name) != below
    }
    return json.dumps(tag | shown)


def _without(section: dict[str, Any], path: Path, apart: frozenset[Path]) -> dict[str, Any]:
    return {
        name: _without(below, (*path, name), apart) if isinstance(below, dict) else below
        for name, below in section.items()
        if (*path, name) not in apart
    }
