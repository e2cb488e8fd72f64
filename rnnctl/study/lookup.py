"""Find the key of a dotted name, or say which key was most likely meant.

A wrong name is compared with the names that other tools have for our keys, then with our own names. Each part says for
its keys what others call them (see rnnctl.section.also_called), and what is no key here (Section.not_keys).
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnctl.section import Path, Section
from rnnctl.study.errors import SpecError
from rnnctl.study.former import moved
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS, Key, in_every_run, names_below, owners
from rnnctl.words import nearest

SURE = 0.75  # likeness of a name that is looked for in all sections, or among the names of other tools


class UnknownKey(SpecError):
    """There is no such key. `allowed` has the names that are possible in its place."""


def lookup(path: Path, variant: type[Section] | None = None) -> Key:
    """Return the key at a path. Raise UnknownKey, with the nearest right name, if there is none.

    variant: that of the section in which the last name stands, if it is known; its keys are those that are allowed.
    """
    if path in KEYS:
        return KEYS[path]
    depth = next(d for d in range(len(path)) if path[: d + 1] not in KEYS)
    above, wrong = path[:depth], path[depth]
    if current := moved(path):
        raise UnknownKey(current, key=".".join(path))
    known = variant if depth == len(path) - 1 else None
    allowed = list(known.model_fields) if known else names_below(above)
    what = f"there is no key {wrong or '(empty)'}"
    if above:
        what += f" under {'.'.join(above)}"
    meant = _meant(wrong, above, allowed)
    if meant is None and (why := _why_not(wrong, above)):
        what += f": {why}"
    else:
        meant = meant or _nearest(wrong, above, allowed)
    raise UnknownKey(what, allowed=allowed, meant=meant)


def key_meant(name: str) -> str | None:
    """Return the dotted key that a wrong name was most likely meant to be; None if there is none."""
    if tuple(name.split(".")) in KEYS:
        return name
    return _meant(name, (), names_below(())) or _nearest(name, (), [])


def reason_for_none(name: str) -> str | None:
    """Return why there is no key of a name that other tools have; None if nothing is known of it."""
    return _why_not(name, ())


def _plain(name: str) -> str:
    """Return a name without what tools disagree on: capitals, hyphens, underscores."""
    return "".join(c for c in name.lower() if c.isalnum())


def _meant(wrong: str, above: Path, allowed: Sequence[str]) -> str | None:
    """Return the keys that are called so, here or by other tools: those in the same section, or else the nearest."""
    for separator in ("/", "__", ":", " "):
        if (path := (*above, *wrong.split(separator))) in KEYS and len(path) > len(above) + 1:
            return ".".join(path[len(above) :])
    word = _plain(wrong)
    matches = [path for path, key in KEYS.items() if word in map(_plain, (path[-1], *key.also_called))]
    here = [path[-1] for path in matches if path[:-1] == above]
    if beside := [name for name in here if name in allowed]:
        return ", ".join(beside)
    if here:
        return f"{here[0]}, a key of {', '.join(owners((*above, here[0])))}"
    # What every run has comes first, then relatives, what we call so before what others do, and sections before keys.
    matches.sort(key=lambda path: (not in_every_run(path), -_shared(path, above), _plain(path[-1]) != word, len(path)))
    return ".".join(matches[0]) if matches else None


def _nearest(wrong: str, above: Path, allowed: Sequence[str]) -> str | None:
    """Return the key whose name is most like a wrong one: in the same section, or else anywhere."""
    if name := nearest(wrong, allowed):
        return name
    others = {other: name for name in allowed if (*above, name) in KEYS for other in KEYS[*above, name].also_called}
    if name := nearest(wrong, others, SURE):
        return others[name]
    elsewhere = {path[-1]: ".".join(path) for path in reversed(KEYS)}
    name = nearest(wrong, elsewhere, SURE)
    return elsewhere[name] if name else None


def _why_not(wrong: str, above: Path) -> str | None:
    """Return what is said of a name that is no key: in the section where it stands, or else in any."""
    word = _plain(wrong)
    sections: list[type[Section]] = [RunSpec, *(model for key in KEYS.values() for model in key.variants)]
    if above:
        sections = [*KEYS[above].variants, *sections]
    for section in sections:
        for name, why in section.not_keys.items():
            if _plain(name) == word:
                return why
    return None


def _shared(path: Path, above: Path) -> int:
    """Return how many sections two paths have in common."""
    return next((n for n, (mine, other) in enumerate(zip(path, above, strict=False)) if mine != other), len(above))
