"""Canonical JSON and its hash, and what else follows from a section of a run alone, made once for each section."""

from __future__ import annotations

import hashlib
import json

from rnnctl.section import Mark, OncePerSection, Section
from rnnctl.study.former import with_former_names
from rnnctl.usercode.names import is_users

NO_JSON = "\0"  # is in no JSON


def digest(text: str) -> str:
    """Return the hash of a text by which a run is known, 12 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


canonical_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


# The canonical JSON of a section, by its key in a run, by the mark that is left out and by whether names are former.
_TEXTS: OncePerSection[dict[tuple[str, Mark, bool], str]] = OncePerSection(lambda section: {})
CANONICAL = OncePerSection(lambda section: section.canonical())
ENDING_KEYS_USED = OncePerSection(
    lambda section: tuple(path for each in section.sections() for path in each.ending_keys_used)
)
USERS_PARTS = OncePerSection(
    lambda section: tuple(str(name) for each in section.sections() if is_users(name := getattr(each, "name", None)))
)
CODE_PROBLEM = OncePerSection(
    lambda section: next((each.missing_code for each in section.sections() if each.missing_code), "")
)


def section_text(name: str, section: Section, without: Mark, former: bool) -> str:
    """Return the canonical JSON of a section of a run. See RunSpec._text."""
    texts, key = _TEXTS[section], (name, without, former)
    if key not in texts:
        plain = {name: section.without(without)}
        texts[key] = canonical_json((with_former_names(plain) if former else plain)[name])
    return texts[key]
