"""A run's spec as flat hyper-parameters, and runs selected by them.

A section that has a short form in study files goes by it: `train.clip` is a cut-off or `none`, `train.omega` is
alpha, `model.init` and `task` are names. The other keys are as written: `train.lr`, `model.init.connections`,
`train.omega.decay`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Where a leaf of the spec stands for its whole section.
SHORT = {"name": "", "style": "", "cutoff": "", "alpha": ""}


def parameters(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters of a canonical spec by dotted key, in the spec's order; the seed is none of them."""
    flat: dict[str, Any] = {}
    _flatten(spec, (), flat)
    flat.pop("seed", None)
    return flat


def _flatten(section: Mapping[str, Any], path: tuple[str, ...], flat: dict[str, Any]) -> None:
    for name, value in section.items():
        if isinstance(value, Mapping):
            _flatten(value, (*path, name), flat)
        elif name == "style" and "cutoff" in section:
            continue  # a cut-off says `rescale` by itself
        else:
            flat[".".join(path if name in SHORT and path else (*path, name))] = value


def varying(specs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Hyper-parameters that do not have one and the same value in all of these flat specs."""
    names = dict.fromkeys(name for spec in specs for name in spec)
    return [name for name in names if len({repr(spec.get(name)) for spec in specs}) > 1]


def parse_condition(text: str) -> tuple[str, Any]:
    """`train.lr=0.01` -> ("train.lr", 0.01). Raises ValueError for anything else than key=value."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise ValueError(f"{text!r} is not of the form key=value, such as train.lr=0.01")
    return key.strip(), _scalar(value.strip())


def _scalar(text: str) -> Any:
    words = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def complete_key(key: str, known: Iterable[str]) -> str:
    """The one known key that `key` is, or is the end of (`lr` for `train.lr`).

    Raises ValueError, with the nearest names, where there is none or more than one.
    """
    known = list(dict.fromkeys(known))
    if key in known:
        return key
    # The leaf that a short form stands for is that short form: train.clip.cutoff, model.init.name.
    section, _, leaf = key.rpartition(".")
    if leaf in SHORT and leaf != "style" and section in known:
        return section
    if key == "seed":
        raise ValueError("replicates differ in their seed, so a configuration has none")
    ends = [name for name in known if name.endswith(f".{key}")]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise ValueError(f"key {key!r} could be {' or '.join(ends)}")
    by_tail = {name.rpartition(".")[2]: name for name in known} | {name: name for name in known}
    near = difflib.get_close_matches(key, by_tail, n=1, cutoff=0.5)
    hint = f"; did you mean {by_tail[near[0]]}?" if near else f"; there is {', '.join(known)}"
    raise ValueError(f"no run has a key {key!r}{hint}")


def equal(value: Any, wanted: Any) -> bool:
    """Equality as a user means it: 1 is 1.0, but true is not 1, and none is none however it is written."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return value == wanted or (value is None and wanted == "none")
