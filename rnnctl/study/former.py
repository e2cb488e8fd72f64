"""Keys that had other names when the first runs were identified.

An id is a hash of a run's keys. Keys that have moved go into it under their former names, so that a run keeps its id;
and specs that were stored under former names are read.
"""

from __future__ import annotations

from typing import Any

from rnnctl.section import Path

# Former path -> path today.
FORMER: dict[Path, Path] = {
    ("train", "lr_decay"): ("train", "rate", "name"),
    ("train", "lr_period"): ("train", "rate", "period"),
    ("train", "optimizer"): ("train", "optimizer", "name"),
    ("train", "beta1"): ("train", "optimizer", "beta1"),
    ("train", "beta2"): ("train", "optimizer", "beta2"),
    ("train", "epsilon"): ("train", "optimizer", "epsilon"),
}


def with_former_names(plain: dict[str, Any]) -> dict[str, Any]:
    """Return an identity (see rnnctl.section) with keys under their former names.

    A section of which any key had no former name stays as it is.
    """
    result = {name: dict(value) if isinstance(value, dict) else value for name, value in plain.items()}
    names = {today: former for former, today in FORMER.items()}
    for top, name in dict.fromkeys(today[:2] for today in FORMER.values()):
        section = result.get(top, {}).get(name)
        if isinstance(section, dict) and all((top, name, key) in names for key in section):
            del result[top][name]
            for key, value in section.items():
                result[top][names[top, name, key][1]] = value
    return result


def with_names_of_today(data: Any) -> Any:
    """Return what a stored spec says with each key that has moved at its place; all else is left as it is."""
    if not isinstance(data, dict) or not isinstance(data.get("train"), dict):
        return data
    train = dict(data["train"])
    moved: dict[str, dict[str, Any]] = {}
    for (_, former), (_, section, name) in FORMER.items():
        if former != section and former in train:
            moved.setdefault(section, {})[name] = train.pop(former)
    for section, keys in moved.items():
        below = train.get(section, {})
        train[section] = {**({"name": below} if isinstance(below, str) else below), **keys}
    return {**data, "train": train}
