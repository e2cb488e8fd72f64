"""Keys that had other names when the first runs got their ids.

An id is a hash of a run's keys. Keys that have moved enter the hash under their former names, so that a run keeps its
id. Specs that were stored under former names can still be read; a study that uses one is told the current name.
"""

from __future__ import annotations

from typing import Any

from rnnctl.section import Path

# Former path -> current path.
FORMER: dict[Path, Path] = {
    ("train", "lr_decay"): ("train", "rate", "name"),
    ("train", "lr_period"): ("train", "rate", "period"),
    ("train", "optimizer"): ("train", "optimizer", "name"),
    ("train", "beta1"): ("train", "optimizer", "beta1"),
    ("train", "beta2"): ("train", "optimizer", "beta2"),
    ("train", "epsilon"): ("train", "optimizer", "epsilon"),
}

# How the sections that former keys now belong to are written.
EXAMPLES: dict[Path, str] = {
    ("train", "rate"): "{name: 1/t, period: 1000}",
    ("train", "optimizer"): "{name: adam, beta1: 0.95}",
}


def moved(path: Path) -> str | None:
    """Return where a former key, or an unambiguous tail of one, is now and how it is written; None for other paths."""
    matches = [current for former, current in FORMER.items() if former[-len(path) :] == path]
    if len(matches) != 1:
        return None
    (current,) = matches
    section = current[:-1]
    return f"is {'.'.join(current)} now; write for example {'.'.join(section)}: {EXAMPLES[section]}"


def with_former_names(plain: dict[str, Any]) -> dict[str, Any]:
    """Return an identity (see rnnctl.section) with keys under their former names.

    A section is left unchanged if any of its keys has no former name.
    """
    result = {name: dict(value) if isinstance(value, dict) else value for name, value in plain.items()}
    names = {current: former for former, current in FORMER.items()}
    for top, name in dict.fromkeys(current[:2] for current in FORMER.values()):
        section = result.get(top, {}).get(name)
        if isinstance(section, dict) and all((top, name, key) in names for key in section):
            del result[top][name]
            for key, value in section.items():
                result[top][names[top, name, key][1]] = value
    return result


def with_current_names(data: Any) -> Any:
    """Return a stored spec with all keys that have moved under their current names, and nothing else changed."""
    if not isinstance(data, dict) or not isinstance(data.get("train"), dict):
        return data
    train = dict(data["train"])
    sections: dict[str, dict[str, Any]] = {}
    for (_, former), (_, section, name) in FORMER.items():
        if former != section and former in train:
            sections.setdefault(section, {})[name] = train.pop(former)
    for section, keys in sections.items():
        below = train.get(section, {})
        train[section] = {**({"name": below} if isinstance(below, str) else below), **keys}
    return {**data, "train": train}
