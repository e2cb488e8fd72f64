"""The subcommands of `rnnctl`. The module of a command is loaded, and its options are read, when it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, TypeVar, cast

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class _Place:
    """Where a subcommand is: the function of its name in a module of rnnctl.cli.

    group: whether it has subcommands of its own: then it is the Typer application `app` of the module. command_class:
    the name of its class in the module, if it has one of its own.
    """

    module: str
    hidden: bool = False
    group: bool = False
    command_class: str | None = None


# In the order of `rnnctl --help`.
_PLACES = {
    "init": _Place("setup"),
    "studies": _Place("setup"),
    "plan": _Place("setup"),
    "trust": _Place("trust"),
    "corpus": _Place("corpus"),
    "grammar": _Place("grammar"),
    "train": _Place("train"),
    "worker": _Place("train", hidden=True),
    "status": _Place("status"),
    "runs": _Place("runs"),
    "examine": _Place("examine"),
    "effects": _Place("effects"),
    "answers": _Place("answers"),
    "plot": _Place("plot"),
    "report": _Place("report"),
    "show": _Place("status"),
    "diff": _Place("diff"),
    "evaluate": _Place("evaluate", command_class="Evaluate"),
    "refine": _Place("refine"),
    "export": _Place("export"),
    "retry": _Place("manage"),
    "cancel": _Place("manage"),
    "archive": _Place("annotate"),
    "tag": _Place("annotate"),
    "note": _Place("annotate"),
    "delete": _Place("manage"),
    "merge": _Place("manage"),
    "doctor": _Place("manage"),
    "backup": _Place("manage"),
    "bench": _Place("bench"),
    "gradcheck": _Place("gradcheck"),
    "probe": _Place("probe", group=True),
}


class Subcommands(Mapping[str, TyperCommand | TyperGroup]):
    """The subcommands by name. Building all of them takes a fifth of the time of a short command."""

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        return _built(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


@cache
def _built(name: str) -> TyperCommand | TyperGroup:
    """Return a subcommand. Raise KeyError if there is none of this name."""
    place = _PLACES[name]
    module = import_module(f"rnnctl.cli.{place.module}")
    if place.group:
        group = cast(TyperGroup, typer.main.get_command(module.app))
        group.name = name
        return in_plain_words(group)
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    command_class = None if place.command_class is None else getattr(module, place.command_class)
    single.command(name, hidden=place.hidden, cls=command_class)(getattr(module, name))
    return in_plain_words(cast(TyperCommand, typer.main.get_command(single)))


C = TypeVar("C", TyperCommand, TyperGroup)


def in_plain_words(command: C) -> C:
    """Let the help of a command name no types of Python, as typer does: `STUDY... <list[str]>`, `--pack <int>`."""
    for parameter in command.params:
        shown = getattr(parameter, "display_type_rich", None)
        if shown is not None:
            words = _ARGUMENT_WORDS if parameter.param_type_name == "argument" else _OPTION_WORDS
            setattr(parameter, "display_type_rich", _replaced(shown, words))  # noqa: B010 (no attribute of all versions)
    return command


def _replaced(shown: Callable[..., str | None], words: Mapping[str, str]) -> Callable[..., str | None]:
    def replaced(ctx: Any) -> str | None:
        word = shown(ctx)
        return words.get(str(word), word)

    return replaced


_OPTION_WORDS = {
    **dict.fromkeys(("<int>", "<int range>", "<float>", "<float range>"), "N"),
    **dict.fromkeys(("<str>", "<list[str]>"), "TEXT"),
}
_ARGUMENT_WORDS = dict.fromkeys(("<str>", "<list[str]>", "<path>", "<Path>", "<int>"), "")


class Rnnctl(TyperGroup):
    """The group of all subcommands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast(Any, Subcommands())
