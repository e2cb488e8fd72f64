"""Tell validation errors in the words of a study file: which key, what is wrong, what is allowed, what was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from rnnctl.section import HasNoMeaning, Needs, Path, Section
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import (
    KEYS,
    TAGS,
    Key,
    catalogue_of,
    choices,
    names_below,
    owners,
    sections_of,
    tags_of,
    tags_of_variant,
)
from rnnctl.study.slips import list_meant, number_meant, pair_meant
from rnnctl.words import nearest, shown

_BOOLEANS = {
    **dict.fromkeys(("yes", "on", "y", "1", "1.0"), "true"),
    **dict.fromkeys(("no", "off", "n", "0", "0.0"), "false"),
}
_NOTHING = ("none", "never", "no", "off", "false", "null", "unlimited", "infinite", "inf")
_SEPARATORS = str.maketrans("", "", "_- ")
_DOTTED_CLASS = re.compile(r"([a-z_]\w*(?:\.[a-z_]\w*)*)\.([A-Z]\w*)")  # a part of a user's without its colon
_DOTTED = re.compile(r"[a-z_0-9]+(\.[a-z_0-9]+)*")


@dataclass(frozen=True)
class Problem:
    """What is wrong at `path`.

    mentions: the keys that disagree, if the problem is about more than one key. missing: whether it is that the key is
    not set. needs: where it would have a meaning, if it has none here. clash: values that no run can have together.
    """

    path: Path
    message: str
    allowed: tuple[str, ...] = ()
    meant: str | None = None
    mentions: tuple[Path, ...] = ()
    missing: bool = False
    needs: Needs | None = None
    clash: Mapping[Path, Any] | None = None


# Returns why a run is refused although its settings are right; None if it is not.
Refuse = Callable[[RunSpec], Problem | None]


def problems(error: ValidationError, root: Path = ()) -> list[Problem]:
    """Return one problem per key. root: the path of the value that was validated, () for a whole run."""
    by_path: dict[Path, Problem] = {}
    for details in error.errors(include_url=False):
        location = details["loc"][1:] if root else details["loc"]
        path, model, tag = _follow(root, location)
        problem = _problem(path, model, tag, details, alone=bool(root))
        by_path[problem.path] = problem  # if an integer and a float are allowed, keep the later error, of the float
    return list(by_path.values())


def _follow(root: Path, location: tuple[int | str, ...]) -> tuple[Path, type[Section] | None, str]:
    """Return the path of an error, the model that it is about, and the name of that model if it is one of several.

    location: the path, with the names of variants and types between the keys.
    """
    path, tag = root, ""
    model: type[Section] | None = None if root else RunSpec
    variant_of: Path | None = None  # the section whose variant was named; a key of it may have the name of a variant
    for name in location:
        key = KEYS.get(path)
        if key is not None and key.tag and len(key.variants) > 1 and name in tags_of(key) and variant_of != path:
            model, tag, variant_of = key.variant({key.tag: name}), str(name), path
            continue
        if key is not None and not key.is_section:
            break
        if key is not None and len(key.variants) == 1:
            model = key.variants[0]
        path = (*path, str(name))
        below = sections_of(model.model_fields[path[-1]]) if model and path[-1] in model.model_fields else []
        if len(below) == 1 and KEYS[path].tag:  # a union of one has no name in the location
            model, tag = below[0], tags_of_variant(below[0])[0]
    return path, model, tag


def _problem(path: Path, model: type[Section] | None, tag: str, details: ErrorDetails, *, alone: bool) -> Problem:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "missing":
        allowed = tuple(choices(path, model) or tags_of(KEYS[path]))
        about = next((info.description for info in KEYS[path].fields if model is None or _has(model, info)), None)
        what = f"is missing: {about}" if about and not allowed else "is missing"
        return Problem(path, what, allowed, missing=True)
    if kind == "extra_forbidden":
        return _unknown_key(path, model, tag)
    if kind == "union_tag_invalid":
        key = KEYS[path]
        # In a whole run, only names that go with the rest of it are allowed; for a single value, those of any run.
        names = tags_of(key) if alone else re.findall(r"'(\w+)'", context["expected_tags"])
        problem = _unknown_word(_tag_path(key), context["tag"], names, *_numbers(key))
        if context["tag"] not in tags_of(key):
            return problem
        above = _tag_path(KEYS[path[:-1]])
        what = f"{problem.message} where {'.'.join(path[:-1])} is {tag}"
        return replace(problem, message=what, meant=None, clash={above: tag, _tag_path(key): context["tag"]})
    if kind == "literal_error":
        least = KEYS[path].whole_from
        words = choices(path)
        if path[-1] not in TAGS:  # of several variants that have the key, the one that is there allows its own words
            expected = re.findall(r"'([^']*)'", context["expected"])
            words = [word for word in words if word in expected] or words
        if least is None:
            return _unknown_word(path, value, words)
        meant = _word_meant(path, value, words) or number_meant(value, "int_type")
        return Problem(path, f"cannot be {shown(value)}", (*words, f"a whole number from {least}"), meant)
    if kind == "union_tag_not_found" and isinstance(value, dict):
        return Problem(_tag_path(KEYS[path]), "is missing", tuple(tags_of(KEYS[path])), missing=True)
    if kind in ("model_type", "model_attributes_type", "union_tag_not_found", "dict_type"):
        key = KEYS[path]
        meant = _word_meant(_tag_path(key), value, tags_of(key) or [*key.words_also_called.values()])
        if meant is None and isinstance(value, str) and (pair := pair_meant(value)):
            meant = f"{pair}, with a colon and a space"
        if key.number_is and isinstance(value, int | float) and not isinstance(value, bool):
            meant = f"{'.'.join(key.number_is)}: {value}"
        return Problem(path, f"must be {_short_forms(key)}, not {shown(value)}", tuple(tags_of(key)), meant)
    if kind == "value_error":
        error = context["error"]
        needs = error.needs if isinstance(error, HasNoMeaning) else None
        problem = replace(disagreement(path, str(error)), needs=needs)
        # A list that was written as a text: `5000, 8000`.
        return replace(problem, meant=list_meant(value)) if isinstance(value, str) and "," in value else problem
    message = _MESSAGES.get(kind)
    if message is None:
        return Problem(path, f"{details['msg'][:1].lower()}{details['msg'][1:]}, not {shown(value)}")
    what, meant = message(context), number_meant(value, kind)
    if kind == "bool_type":
        meant = _BOOLEANS.get(str(value).lower())
    elif KEYS[path].takes_null:
        what += " or null"
        meant = meant or ("null" if isinstance(value, str) and value.lower() in _NOTHING else None)
    return Problem(path, f"{what}, not {shown(value)}", meant=meant)


def _has(model: type[Section], info: FieldInfo) -> bool:
    return any(info is mine for mine in model.model_fields.values())


def _tag_path(key: Key) -> Path:
    """Return the path of the key that names the variant of a section; of the section itself if it has no variants."""
    return (*key.path, key.tag) if key.tag else key.path


def disagreement(path: Path, message: str) -> Problem:
    """Return the problem that a message tells of the section at `path`: the keys that it names disagree."""
    words = (tuple(match[0].split(".")) for match in _DOTTED.finditer(message))
    return Problem(path, message, mentions=tuple((*path, *word) for word in words if (*path, *word) in KEYS))


_MESSAGES: dict[str, Callable[[dict[str, Any]], str]] = {
    "bool_type": lambda context: "must be true or false",
    "string_type": lambda context: "must be text",
    "int_type": lambda context: "must be a whole number",
    "float_type": lambda context: "must be a number",
    "finite_number": lambda context: "must be a finite number",
    "greater_than": lambda context: f"must be above {context['gt']:g}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']:g}",
    "less_than": lambda context: f"must be below {context['lt']:g}",
    "less_than_equal": lambda context: f"must be at most {context['le']:g}",
}


def _unknown_key(path: Path, model: type[Section] | None, tag: str) -> Problem:
    allowed = tuple(model.model_fields) if model else tuple(names_below(path[:-1]))
    if path in KEYS:  # another variant has it
        where = f"where {'.'.join(path[:-1])} is {tag}" if tag else "here"
        what = f"has no meaning {where}: it is a key of {', '.join(owners(path))}"
        return Problem(path, what, allowed, needs=Needs(path, _tag_path(KEYS[path[:-1]]), owners(path)))
    return Problem(path, "there is no such key", allowed, nearest(path[-1], allowed))


def _unknown_word(path: Path, value: Any, words: list[str], *besides: str) -> Problem:
    what = f"cannot be {shown(value)}" if isinstance(value, str) else f"must be a word, not {shown(value)}"
    return Problem(path, what, (*words, *besides), _word_meant(path, value, words))


def _word_meant(path: Path, value: Any, words: Sequence[str]) -> str | None:
    """Return which of the words a value was most likely meant to be: one that other tools call so, or the nearest."""
    if isinstance(value, dict | list):
        return None
    word = "null" if value is None else str(value).lower()
    word = word.rpartition(".")[2] if word.startswith(("torch.", "nn.", "optim.", "tf.", "keras.", "np.")) else word
    if word in words:
        return word
    others = KEYS[path].words_also_called
    plain = {other.replace("_", ""): ours for other, ours in others.items()}
    ours = others.get(word) or plain.get(word.translate(_SEPARATORS))
    if ours in words or (ours is not None and ": " in ours):  # what to write at another key
        return ours
    if not isinstance(value, str):
        return None
    dotted = _DOTTED_CLASS.fullmatch(value)
    users = f"{dotted[1]}:{dotted[2]}" if dotted and catalogue_of(path[:-1]) is not None else None
    return nearest(word, words) or users


def _short_forms(key: Key) -> str:
    """Return what may stand for a section, such as `a number, a name or a mapping`."""
    names = ["a name"] if isinstance(key.expand("word"), dict) else []
    forms = [*_numbers(key), *names, "a mapping"]
    return " or ".join([", ".join(forms[:-1]), forms[-1]]) if len(forms) > 1 else forms[0]


def _numbers(key: Key) -> list[str]:
    return ["a number"] if isinstance(key.expand(1.0), dict) else []
