"""A run's spec as flat hyper-parameters, and how a user names them.

A section with a short form in study files has it here: `train.clip` is a cut-off or `none`, `train.omega` is alpha,
`model.init` and `task` are names. Other keys are as written: `train.lr`, `model.init.connections`, `train.omega.decay`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from rnnctl.words import MOST_NAMES

if TYPE_CHECKING:
    from rnnctl.study.run import RunSpec


def parameters(spec: RunSpec) -> dict[str, Any]:
    """Return the hyper-parameters of a run by dotted key, in the order of the spec and without the seed.

    All values are resolved: a key that has its default is there, also one that canonical specs leave out because it was
    added later. A key is missing only where the variant that the run chose does not have it.
    """
    flat: dict[str, Any] = {}
    _flatten(spec.written_out(), (), flat)
    del flat["seed"]
    return flat


def _flatten(section: Mapping[str, Any], path: tuple[str, ...], flat: dict[str, Any]) -> None:
    tag, number_key = _short_keys(path)
    for name, value in section.items():
        if isinstance(value, Mapping):
            _flatten(value, (*path, name), flat)
        elif name == tag and number_key in section:
            continue  # a cut-off says `rescale` by itself
        else:
            flat[".".join(path if name in (tag, number_key) else (*path, name))] = value


@cache
def _short_keys(path: tuple[str, ...]) -> tuple[str | None, str | None]:
    """Return the keys whose values stand for a section in its short forms: its tag, and what a number alone sets."""
    from rnnctl.study.schema import KEYS

    key = KEYS.get(path)
    return (key.tag, key.number_key) if key else (None, None)


def flat_name(path: Sequence[str]) -> str:
    """Return the name that a key of a spec has among the hyper-parameters: `model` for model.name."""
    *section, leaf = path
    return ".".join(section if section and leaf in _short_keys(tuple(section)) else path)


def varying(specs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the hyper-parameters that differ among these flat specs."""
    names = dict.fromkeys(name for spec in specs for name in spec)
    return [name for name in names if len({repr(spec.get(name)) for spec in specs}) > 1]


def complete_key(key: str, known: Iterable[str]) -> str:
    """Return the known key that `key` is, or is the end of (`lr` for `train.lr`).

    Raise ValueError, with the nearest names, if there is none or more than one.
    """
    known = list(dict.fromkeys(known))
    if key in known:
        return key
    # train.clip.cutoff and model.init.name are known by their short forms.
    section, _, leaf = key.rpartition(".")
    tag, number_key = _short_keys(tuple(section.split(".")))
    if leaf == (number_key or tag) and section in known:
        return section
    if key == "seed":
        raise ValueError("a configuration has no seed: its replicates differ in it")
    ends = [name for name in known if name.endswith(f".{key}")]
    if len(ends) > 1:  # one of them may go by this name alone
        from rnnctl.study.schema import short_name

        ends = [name for name in ends if short_name(tuple(name.split("."))) == key] or ends
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise ValueError(f"key {key!r} could be {' or '.join(ends)}")
    from rnnctl.study.lookup import key_meant

    by_tail = {name.rpartition(".")[2]: name for name in known} | {name: name for name in known}
    near = [meant] if (meant := key_meant(key)) in known else difflib.get_close_matches(key, by_tail, n=1, cutoff=0.5)
    more = f" and {len(known) - MOST_NAMES} more; rnnctl show RUN shows the hyper-parameters of a run"
    listed = f"{', '.join(known[:MOST_NAMES])}{more if len(known) > MOST_NAMES else ''}"
    hint = f"; did you mean {by_tail[near[0]]}?" if near else f"; allowed: {listed}"
    raise ValueError(f"no run has a key {key!r}{hint}")


def equal(value: Any, wanted: Any) -> bool:
    """Return whether a value equals one that a user wrote: 1 equals 1.0, true does not equal 1, none is null."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return value == wanted or (value is None and wanted == "none")
