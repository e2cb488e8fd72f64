"""Print for users: data on stdout, messages and errors, a line each, on stderr. A pipe gets tables whole."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rnnctl.words import one_line

OK, FAILURE, USAGE, NOTHING, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130


class UserError(Exception):
    """A mistake in how a command was called. str() is one line; code is the exit status."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


class OutputClosed(Exception):
    """Nobody reads the output any more. This is not an OSError, because typer would turn that into an exit status."""


def say(message: str) -> None:
    """Print a message for the person at the terminal, on one line."""
    with suppress(OSError):  # a closed terminal must not stop the work
        print(one_line(message), file=sys.stderr, flush=True)


def notes(lines: Iterable[str]) -> None:
    """Print the notes of a use-case as messages."""
    for line in lines:
        say(f"note: {line}")


def warnings(lines: Iterable[str]) -> None:
    """Print warnings as messages."""
    for line in lines:
        say(f"warning: {line}")


def out(text: str = "") -> None:
    """Print lines of data."""
    try:
        print(text)
    except BrokenPipeError:
        raise OutputClosed from None


def out_json(value: Any) -> None:
    """Print a value, or a dataclass as its record, as JSON. Non-finite numbers become null."""
    from rnnctl.lab.records import plain
    from store.encoding import finite

    out(json.dumps(finite(plain(value)), indent=2, allow_nan=False))


def out_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as CSV with a header. Missing and non-finite values stay empty."""
    from store.encoding import finite

    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in map(finite, rows))
    out(text.getvalue().rstrip("\n"))


_NUMBER = re.compile(r"[-+]?[\d.,:]+(e[-+]?\d+)?( ±.*)?( s| %)?|(-|[\d,]+) \(\d+ of \d+\)")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as aligned text, as wide as it needs to be. Columns of numbers are aligned to the right."""
    cells = [["" if cell is None else one_line(str(cell)) for cell in row] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) if cells else len(name) for i, name in enumerate(columns)]
    right = [bool(cells) and all(_is_number(row[i]) for row in cells) for i in range(len(columns))]

    def line(row: Sequence[str]) -> str:
        aligned = (cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True))
        return "  ".join(aligned).rstrip()

    return "\n".join([line(columns), line(["-" * width for width in widths]), *map(line, cells)])


def _is_number(cell: str) -> bool:
    return cell in ("", "-") or _NUMBER.fullmatch(cell) is not None


def duration(seconds: float | None) -> str:
    """Return seconds as people write them: 42 s, 3:07, 2:03:07."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
