"""Fit tables and long lines into a terminal. Into a pipe or a file they go whole.

A table that is too wide first breaks its heads between words. Then it loses columns, the least important first, and a
line below says which. At last its texts are broken between words. Words and numbers always stay whole.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from rnnctl.words import one_line

COMFORTABLE = 40  # characters: before texts become narrower than this, columns are left out
LEAST_ROOM = 20  # columns: a terminal that claims to be narrower is taken to be as wide as this
USUAL_ROOM = 80  # columns of a terminal that does not tell how many it has
GAP = "  "
_NUMBER = re.compile(r"[-+]?[\d.,:]+(e[-+]?\d+)?( ±.*)?( s| %)?|(-|[\d,]+) \(\d+ of \d+\)")


def room(*, stderr: bool = False) -> int | None:
    """Return how many characters a line on stdout, or on stderr, may have; None if that is not a terminal."""
    if not (sys.stderr.isatty() if stderr else sys.stdout.isatty()):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return max(LEAST_ROOM, int(columns))
    try:
        return max(LEAST_ROOM, os.get_terminal_size(2 if stderr else 1).columns or USUAL_ROOM)
    except OSError:
        return USUAL_ROOM


def wrapped(line: str, width: int | None) -> list[str]:
    """Return a line as lines of at most `width` characters, broken at spaces. Words stay whole, even if too long.

    The lines that follow are indented like the first one.
    """
    if width is None or len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip(" "))]
    return [indent + text for text in _broken(line, width - len(indent))]


def _broken(text: str, width: int) -> list[str]:
    """Return the words of a text in lines of at most `width` characters, one line at least."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], drop: Sequence[str] = (), width: int | None = None
) -> list[str]:
    """Return the lines of a table. Columns of numbers are aligned to the right.

    drop: heads of the columns that may be left out, the least important first. width: characters in a line; by default
    those of the terminal, or as many as are needed if there is none.
    """
    width = room() if width is None else width
    heads = [one_line(name) for name in columns]
    cells = [["" if cell is None else one_line(str(cell)) for cell in row] for row in rows]
    every = [_Column(head, [row[i] for row in cells]) for i, head in enumerate(heads)]
    hidden = _left_out(every, [one_line(name) for name in drop], width)
    shown = [column for column in every if column not in hidden]
    widths = _widths(shown, width)
    lines = [
        *_row([column.head for column in shown], shown, widths),
        *_row(["-" * size for size in widths], shown, widths),
    ]
    for row in range(len(cells)):
        lines += _row([column.cells[row] for column in shown], shown, widths)
    if hidden:
        names = ", ".join(column.head for column in every if column in hidden)
        lines += wrapped(f"not shown: {names} (a wider terminal, a pipe or --json shows all)", width)
    return lines


class _Column:
    """A column of a table, and how narrow it can be."""

    def __init__(self, head: str, cells: Sequence[str]) -> None:
        self.head = head
        self.cells = cells
        self.number = bool(cells) and all(_is_number(cell) for cell in cells)
        content = max(map(len, cells), default=0)
        word = max((len(word) for text in [head, *cells] for word in text.split()), default=0)
        # As wide as it needs to be; with a broken head; and with broken texts.
        self.whole = max(len(head), content)
        self.broken_head = max(max(map(len, head.split()), default=0), content)
        self.least = self.broken_head if self.number else min(word, self.broken_head)
        self.comfortable = min(self.broken_head, max(self.least, COMFORTABLE))


def _left_out(columns: Sequence[_Column], drop: Sequence[str], width: int | None) -> list[_Column]:
    """Return the columns that are left out, so that the others are comfortable, if that is possible."""
    hidden: list[_Column] = []
    if width is None:
        return hidden

    def fit(columns: Sequence[_Column]) -> bool:
        return _total([column.comfortable for column in columns]) <= width

    shown = list(columns)
    for name in drop:
        if fit(shown):
            break
        hidden += [column for column in shown if column.head == name]
        shown = [column for column in shown if column.head != name]
    for column in reversed(hidden):  # a narrow one may fit after a wide one has gone
        if fit([*shown, column]):
            shown.append(column)
    return [column for column in hidden if column not in shown]


def _widths(columns: Sequence[_Column], width: int | None) -> list[int]:
    """Return the widths of columns: the widest ones shrink, first their heads, then their texts, until all fit."""
    widths = [column.whole for column in columns]
    for narrowest in ([column.broken_head for column in columns], [column.least for column in columns]):
        while width is not None and _total(widths) > width:
            size, widest = max((size, i) if size > narrowest[i] else (0, -1) for i, size in enumerate(widths))
            if not size:
                break
            widths[widest] -= 1
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _row(texts: Sequence[str], columns: Sequence[_Column], widths: Sequence[int]) -> Iterator[str]:
    """Iterate over the lines of a row: several if texts are wider than their columns."""
    blocks = [[text] if len(text) <= size else _broken(text, size) for text, size in zip(texts, widths, strict=True)]
    for number in range(max(map(len, blocks), default=0)):
        line = [block[number] if number < len(block) else "" for block in blocks]
        aligned = (
            text.rjust(size) if column.number else text.ljust(size)
            for text, column, size in zip(line, columns, widths, strict=True)
        )
        yield GAP.join(aligned).rstrip()


def _is_number(cell: str) -> bool:
    return cell in ("", "-") or _NUMBER.fullmatch(cell) is not None
