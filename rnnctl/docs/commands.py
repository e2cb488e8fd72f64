"""The commands of rnnctl with their arguments and options, as the reference shows them: read off the command line."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from rnnctl.docs.markdown import code, table


@dataclass(frozen=True)
class Parameter:
    """An argument or option, as a user sees it. default: "" if there is none to show."""

    names: tuple[str, ...]
    metavar: str
    default: str
    help: str
    is_option: bool

    @property
    def usage(self) -> str:
        """The names and what follows them, such as `-n, --workers N`."""
        words = [", ".join(self.names), self.metavar] if self.is_option else [self.metavar]
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class Command:
    """A visible command. paragraphs: its help. group: whether another word, a subcommand, must follow."""

    name: str
    paragraphs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    group: bool

    @property
    def arguments(self) -> list[str]:
        """The arguments as usage lines show them: optional ones in brackets."""
        return [p.metavar if p.default == "required" else f"[{p.metavar}]" for p in self.parameters if not p.is_option]


def commands() -> dict[str, Command]:
    """Return the visible commands by name, in the order of `rnnctl --help`. A subcommand is called `GROUP NAME`."""
    from rnnctl.cli.app import app

    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return {command.name: command for command in _below("", root)}


def overview() -> str:
    """Return the table of all commands, with the first sentence of what each does."""
    rows = [[f"[`rnnctl {name}`](#rnnctl-{name.replace(' ', '-')})", c.paragraphs[0]] for name, c in commands().items()]
    return table(["command", "does"], rows)


def reference(name: str) -> str:
    """Return usage, help, arguments and options of a command. Raises KeyError if there is no such command."""
    known = commands()
    command = known[name]
    words = name.split()
    if len(words) > 1:  # the arguments of a group stand before the subcommand's name
        words[1:1] = known[words[0]].arguments
    words += command.arguments
    if command.group:
        words.append("COMMAND")
    if any(parameter.is_option for parameter in command.parameters):
        words.append("[OPTIONS]")
    rows = [[code(p.usage), p.default, p.help] for p in command.parameters]
    usage = f"```\nrnnctl {' '.join(words)}\n```"
    return "\n\n".join([usage, *command.paragraphs, *([table(["option", "default", "meaning"], rows)] if rows else [])])


def _below(prefix: str, group: TyperGroup) -> Iterator[Command]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        assert isinstance(command, TyperCommand | TyperGroup)
        yield _command(prefix + name, command)
        if isinstance(command, TyperGroup):
            yield from _below(f"{prefix}{name} ", command)


def _command(name: str, command: TyperCommand | TyperGroup) -> Command:
    command.get_params(typer.Context(command))  # the options and the help of some commands are made only now
    text = inspect.cleandoc(command.help or "")
    paragraphs = tuple(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    hints: dict[str, Any] = {}
    if command.callback is not None:
        hints = get_type_hints(inspect.unwrap(command.callback), include_extras=True)
    parameters = [_parameter(p, hints.get(str(p.name))) for p in command.params if not getattr(p, "hidden", False)]
    parameters.sort(key=lambda parameter: parameter.is_option)
    return Command(name, paragraphs, tuple(parameters), isinstance(command, TyperGroup))


def _parameter(parameter: Any, hint: Any) -> Parameter:
    """Read a parameter of typer's, whose annotation in the command's function is `hint`."""
    is_option = parameter.opts[0].startswith("-")
    names = (*sorted(parameter.opts, key=len), *parameter.secondary_opts)
    flag = bool(getattr(parameter, "is_flag", False))
    metavar = "" if flag else parameter.metavar or _metavar(hint)
    if not is_option and parameter.nargs == -1:
        metavar += "..."
    default = parameter.default.value if isinstance(parameter.default, Enum) else parameter.default
    if parameter.required:
        shown = "required"
    elif flag:
        shown = code(names[0]) if default and parameter.secondary_opts else ""
    elif isinstance(parameter.show_default, str):
        shown = parameter.show_default
    else:
        shown = "" if default in (None, "") else code(str(default))
    about = (parameter.help or "") + _bounds(hint)
    if parameter.envvar:
        about += f" Environment variable: {code(parameter.envvar)}."
    return Parameter(names, metavar, shown, about, is_option)


def _types(hint: Any) -> list[Any]:
    """Return the types that an annotation admits, without None."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return [each for each in get_args(bare) or (bare,) if each is not type(None)]


def _metavar(hint: Any) -> str:
    (kind, *_) = _types(hint)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(each.value) for each in kind)
    return "N" if kind in (int, float) else "TEXT"


def _bounds(hint: Any) -> str:
    """Return a sentence on the least and greatest value, or "" if there is neither."""
    for info in get_args(hint)[1:]:
        low, high = getattr(info, "min", None), getattr(info, "max", None)
        if low is not None and high is not None and high < 2**31:
            return f" From {low:,g} to {high:,.9g}."
        if low is not None:
            return f" At least {low:g}."
    return ""
