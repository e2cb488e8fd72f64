"""Print for users: data on stdout, messages and errors on stderr, a line each (on a terminal broken between words).

Texts from outside (names, paths, labels, errors that were kept) are escaped here, so that none of them can give orders
to a terminal or break a line. Nothing else in the package prints, except for `rnnctl.cli.screen`, which draws on
terminals. What libraries print passes `Escaping`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, TextIO, cast

from rnnctl.cli.layout import room, wrapped
from rnnctl.words import escaped, one_line

OK, FAILURE, USAGE, NOTHING, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

ANSWERS = {"y": True, "yes": True, "n": False, "no": False, "": False}  # to a yes-or-no question

LINES_AT_ONCE = 100  # of a text for another program
PIECES_AT_ONCE = 200  # of JSON


# Pydantic, which also checks the values of options for typer, says so what means nothing to those who type commands.
_PLAIN = {
    "Value error, ": "",
    "Input should be": "must be",
    "input should be": "must be",
    "a valid integer, unable to parse string as an integer": "a whole number",
    "a valid number, unable to parse string as a number": "a number",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}


def plain_words(message: str) -> str:
    """Return what pydantic says of a value in the words of people."""
    for words, plain in _PLAIN.items():
        message = message.replace(words, plain)
    return message


class UserError(Exception):
    """A mistake in how a command was called. str() is one line; code is the exit status."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


class OutputClosed(Exception):
    """Nobody reads the output any more. This is not an OSError, because typer would turn that into an exit status."""


class Escaping:
    """A text stream on which all characters but line breaks and tabs that cannot be printed arrive escaped.

    Everything else about it is that of `stream`.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text; return the number of its characters. Raise OutputClosed if nobody reads."""
        printed = text
        if not text.replace("\n", "").isprintable():  # which few are, and long ones, such as JSON, have many lines
            printed = "\n".join(escaped(line, keep="\t") for line in text.split("\n"))
        try:
            self.stream.write(printed)
        except BrokenPipeError:
            raise OutputClosed from None
        return len(text)

    def flush(self) -> None:
        """Hand on what was written. Raise OutputClosed if nobody reads."""
        try:
            self.stream.flush()
        except BrokenPipeError:
            raise OutputClosed from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def escape_streams() -> None:
    """Let everything that this process prints from now on pass `Escaping`."""
    sys.stdout, sys.stderr = (cast(TextIO, Escaping(stream)) for stream in (sys.stdout, sys.stderr))


def terminal(stream: TextIO) -> TextIO:
    """Return the stream to which orders to a terminal can be written."""
    return stream.stream if isinstance(stream, Escaping) else stream


def say(message: str) -> None:
    """Print a message for the person at the terminal: on one line, which a terminal shows broken between words."""
    with suppress(OSError, OutputClosed):  # a closed terminal must not stop the work
        print("\n".join(wrapped(one_line(message), room(stderr=True))), file=sys.stderr, flush=True)


def notes(lines: Iterable[str]) -> None:
    """Print the notes of a use-case as messages."""
    for line in lines:
        say(f"note: {line}")


def warnings(lines: Iterable[str]) -> None:
    """Print warnings as messages."""
    for line in lines:
        say(f"warning: {line}")


def confirmed(question: str) -> bool:
    """Return the answer to a yes-or-no question, no if it is empty. Raise UserError where nobody can answer."""
    import typer

    if not sys.stdin.isatty():
        raise UserError(f"{question} Say --yes where nobody can answer")
    while True:
        answer = typer.prompt(f"{one_line(question)} [y/N]", default="", show_default=False, err=True).strip().lower()
        if answer in ANSWERS:
            return ANSWERS[answer]
        say("please answer y or n")


def out(*lines: str, whole: bool = False) -> None:
    """Print lines of data; without any, an empty one. A line break inside of a line is escaped.

    On a terminal, lines that are too long are broken between words. whole: not these, such as paths, JSON and tables.
    """
    width = None if whole else room()
    _print([text for line in lines or [""] for text in wrapped(one_line(line), width)])


def out_script(lines: Iterable[str]) -> None:
    """Print lines for another program, in which tabs stay as they are."""
    lines = iter(lines)
    # Several at once, because each call of print passes `Escaping`.
    while batch := [escaped(line, keep="\t") for line in islice(lines, LINES_AT_ONCE)]:
        _print(batch)


def _print(lines: Sequence[str], end: str = "\n") -> None:
    try:
        print("\n".join(lines), end=end)  # as one text: each text that is written passes `Escaping`
    except BrokenPipeError:
        raise OutputClosed from None


def flush() -> None:
    """Hand on what was printed: a pipe would keep it until there is more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise OutputClosed from None


def out_json(value: Any) -> None:
    """Print a value, or a dataclass as its record, as JSON in printable ASCII. Non-finite numbers become null.

    A long list is printed as it is encoded: its text is never held as a whole.
    """
    from rnnctl.cli.json_text import json_pieces

    pieces = json_pieces(value)
    while some := "".join(islice(pieces, PIECES_AT_ONCE)):
        _print([some], end="")
    _print([""])


def out_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as CSV with a header. Missing and non-finite values stay empty."""
    from rnnctl.report.export.table import csv_lines
    from store.encoding import finite

    out(*csv_lines(columns, map(finite, rows)), whole=True)
