"""Settings that are given beside a study, such as train.lr=0.1: laid over its base, and written into its text.

The text of the study then says what its runs are. Its section base is written anew; nothing else of it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rnnctl.study import yaml
from rnnctl.study.errors import SpecError
from rnnctl.study.overlay import Change, Overlay, Place, read_change, read_changes
from rnnctl.study.replicates import with_section
from rnnctl.words import one_line

OPTION = "--set"
_BASE = 0  # the layer of changes to base


@dataclass(frozen=True)
class Setting:
    """A setting as it was given, and the changes that it makes."""

    text: str
    changes: tuple[Change, ...]

    @property
    def place(self) -> str:
        """Where it was given, for messages."""
        return f"{OPTION} {self.text}"


def read_settings(texts: Iterable[str]) -> list[Setting]:
    """Return settings such as `train.lr=0.1`, whose values are written as in a study.

    Raise SpecError for a text that is not a setting, and for a key that is set twice.
    """
    settings = [_read(text) for text in texts]
    first: dict[tuple[str, ...], Setting] = {}  # by the path of the key
    for setting in settings:
        for change in setting.changes:
            other = first.setdefault(change.path, setting)
            if other is not setting:
                key = ".".join(change.path)
                raise SpecError(f"{key} is set twice, also by {other.place}", key=setting.place)
    return settings


def _read(text: str) -> Setting:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals and value and text.isprintable()):
        raise SpecError("is not of the form KEY=VALUE, such as train.lr=0.1", key=f"{OPTION} {text}")
    try:
        node = yaml.parse(f"value: {value}").mapping["value"]
        return Setting(text, tuple(read_change(key, node, "", _BASE)))
    except SpecError as error:
        raise _at_option(error, text) from None


def _at_option(error: SpecError, place: str, message: str | None = None) -> SpecError:
    moved = SpecError(
        message or error.message, key=f"{OPTION} {place}", allowed=error.allowed, meant=error.meant, file=error.file
    )
    moved.remedy = error.remedy
    return moved


def _overlay(source: str) -> Overlay:
    """Return the base of a study."""
    node = yaml.parse(source).mapping.get("base")
    changes = [] if node is None else read_changes(node, "base", _BASE)
    return Overlay({}, {(): Place(_BASE, 1, "base")}).with_changes(changes)


def changed_base(before: str, after: str) -> bool:
    """Return whether two texts of a study have different bases."""
    return _overlay(before).values != _overlay(after).values


def with_settings(source: str, settings: Sequence[Setting]) -> str:
    """Return the text of a study with settings laid over its base. Raise SpecError if its base cannot be read."""
    base = _overlay(source)
    for setting in settings:
        base = base.with_changes(setting.changes)
    places = " ".join(one_line(setting.place) for setting in settings)
    lines = [f"base:  # with {places}", *(f"  {name}: {yaml.flow(value)}" for name, value in base.values.items())]
    return with_section(source, "base", "\n".join(lines) + "\n", base.values)


def blamed(error: SpecError, settings: Sequence[Setting]) -> SpecError:
    """Return an error that a study has only with these settings as an error at the one that causes it, or at all."""
    key = error.key or ""
    path = tuple(key.removeprefix("base.").split("."))
    causes = [
        setting.text
        for setting in settings
        for change in setting.changes
        if key.startswith("base.") and change.path[: len(path)] == path[: len(change.path)]
    ]
    message = error.message if key.startswith("base") or not key else f"{key}: {error.message}"
    return _at_option(error, causes[-1] if causes else f" {OPTION} ".join(each.text for each in settings), message)
