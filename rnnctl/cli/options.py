"""Options that several commands share, and how a command comes to its workspace."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl import devices
from rnnctl.cli.output import UserError, notes
from rnnctl.words import cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rnnctl.lab.workspaces import NamedRuns
    from store import Store

LONGEST_DURATION = 365 * 86_400.0  # seconds
_SECONDS_IN = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")
MOST_DIGITS = 1000  # of a whole number; Python reads up to 4,300


def a_path(text: str) -> Path:
    """Return the path that an option or argument names. An empty one would be the current folder."""
    if not text:
        raise typer.BadParameter("an empty text is no path; say . for the current folder")
    return Path(text)


def path_text(text: str | None) -> str | None:
    """Return a path as it was typed: a slash at its end says that it is a folder. Raise BadParameter if it is empty."""
    return None if text is None else str(a_path(text)) and text


def _allow_code(context: typer.Context, allowed: bool) -> bool:
    """Allow the code of users for the time of the command."""
    from rnnctl.usercode.permission import allow_code

    context.with_resource(allow_code(allowed))
    return allowed


WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        parser=a_path,
        metavar="DIR",
        envvar="RNNCTL_WORKSPACE",
        help="The workspace folder. Default: this folder, or the nearest workspace above it.",
        show_default=False,
    ),
]
StudyArgument = Annotated[
    str | None, typer.Argument(metavar="STUDY", help="A registered study. Default: all studies.", show_default=False)
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="KEY=VALUE",
        help="Only runs such as train.lr=0.01, lr=0.01,0.1, hidden!=50, loss<0.5 or ended=solved; also <=, > and >=. "
        "Repeatable.",
    ),
]
AllOption = Annotated[
    bool,
    typer.Option(
        "--all",
        help="Also runs that the file of their study no longer names, and archived studies.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", metavar="S,S,...", help="Seeds instead of the study's.", show_default=False)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Lay a value such as train.lr=0.1 over the base of the studies. Repeatable."
    ),
]
AllowCodeOption = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        callback=_allow_code,
        help="Import the modules of users' parts that studies name, such as my_lab.cells:Leaky. See rnnctl trust.",
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _devices(text: str | None) -> str | None:
    """Return the value of --device. Raise BadParameter if it names no device."""
    try:
        return None if text is None else ",".join(devices.parse(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _one_device(text: str | None) -> str | None:
    """Return the value of --device. Raise BadParameter if it names no device, or several."""
    try:
        return None if text is None else devices.parse_one(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _devices_beginning_with(incomplete: str) -> list[str]:
    return [word for word in devices.WORDS if word.startswith(incomplete)]


def device_option(text: str, *, several: bool = False) -> Any:
    """Return the option --device. text: its help. several: whether it may name several cards."""
    return typer.Option(
        "--device",
        metavar="DEVICE",
        callback=_devices if several else _one_device,
        autocompletion=_devices_beginning_with,
        help=text,
    )


def a_duration(text: str) -> float:
    """Return the seconds of a duration such as 90s, 30m, 1h30m or 2h."""
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise typer.BadParameter(f"{cut(text)!r} is not a duration; allowed: 90s, 30m, 1h30m, 2h, 1d and the like")
    seconds = sum(float(number) * _SECONDS_IN[unit] for number, unit in parts)
    if not 0 < seconds <= LONGEST_DURATION:
        raise typer.BadParameter(f"{cut(text)!r} is not allowed; allowed: above 0s, up to 365d")
    return seconds


def whole_numbers(option: str, text: str, least: int, example: str, most: int | None = None) -> tuple[int, ...]:
    """Return the numbers that an option lists, without repeats. Raises UserError."""
    numbers = [_whole_number(word.strip()) for word in text.split(",")]
    allowed = [number for number in numbers if number is not None and least <= number <= (most or number)]
    if len(allowed) == len(numbers):
        return tuple(dict.fromkeys(allowed))
    up_to = "" if most is None else f" to {most:,}"
    raise UserError(f"{option} {cut(text)}: whole numbers from {least}{up_to}, separated by commas, such as {example}")


def _whole_number(word: str) -> int | None:
    """Return the number that a word of digits stands for, None for other words and for numbers beyond all bounds."""
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= MOST_DIGITS else None


def parsed_seeds(text: str | None) -> tuple[int, ...] | None:
    """Return the seeds that --seeds lists; None if it is not given. Raises UserError."""
    return None if text is None else whole_numbers("--seeds", text, 0, "1,2,3", most=2**63 - 1)


@contextmanager
def opened(
    option: Path | None, *, readonly: bool = False, unchecked: bool = False, runs: Sequence[str] = ()
) -> Iterator[Store]:
    """Open the store of the workspace that a command works in. unchecked, runs: see `workspaces.opened`."""
    from rnnctl.lab import workspaces

    with workspaces.opened(option, readonly=readonly, unchecked=unchecked, runs=runs) as store:
        yield store


def named(store: Store, *names: str, where: Sequence[str] = (), hidden: bool = False) -> NamedRuns:
    """Return the runs of studies, or single runs. Print the notes on the choice. where, hidden: see `runs_together`."""
    from rnnctl.lab.workspaces import runs_together

    runs = runs_together(store, names, where, hidden)
    notes(runs.notes)
    return runs
