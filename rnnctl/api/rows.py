"""Rows: a table as a list of mappings, which Python shows as a table, and which becomes a frame of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from rnnctl.api.taken import ColumnName
from rnnctl.arguments import checked
from rnnctl.errors import Failed, NotFound
from rnnctl.words import did_you_mean, middle_cut, number, one_line

if TYPE_CHECKING:
    import pandas as pd

V = TypeVar("V")

SHOWN = 60  # rows of a table
WIDEST = 60  # characters of a column on a terminal


@checked
class Rows(list[dict[str, Any]]):
    """The rows of a table, each a mapping from columns to values; None where a row has no value."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
        """columns: those that are shown, in this order; all without."""
        super().__init__(dict(row) for row in rows)
        self._shown = columns

    @property
    def columns(self) -> list[str]:
        """The names of all columns."""
        return list(dict.fromkeys(name for row in self for name in row))

    def column(self, name: ColumnName) -> list[Any]:
        """Return the values of a column, None for rows without. Raise NotFound if there is no such column."""
        if name not in (columns := self.columns):
            raise NotFound(f"there is no column {name!r}; allowed: {', '.join(columns)}{did_you_mean(name, columns)}")
        return [row.get(name) for row in self]

    def frame(self) -> pd.DataFrame:
        """Return the table as a frame of pandas. Raise Failed if pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise Failed("a frame needs a package: pip install pandas") from None
        return pandas.DataFrame(list(self), columns=self.columns)

    def __repr__(self) -> str:
        columns, rows = self._beginning()
        if not rows:
            return "no rows"
        cells = [[middle_cut(one_line(_text(value)), WIDEST) for value in row] for row in (columns, *rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        numbers = [any(_is_number(value) for value in column) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, numbers, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([*lines, *self._more])

    def _repr_html_(self) -> str:
        return table(*self._beginning()) + "".join(f"<p>{line}</p>" for line in self._more)

    def _beginning(self) -> tuple[list[str], list[list[Any]]]:
        """Return the columns and rows that are shown."""
        columns = list(self._shown or self.columns)
        return columns, [[row.get(column) for column in columns] for row in self[:SHOWN]]

    @property
    def _more(self) -> list[str]:
        return [f"... and {len(self) - SHOWN:,} more"] if len(self) > SHOWN else []


class ByName(dict[str, V]):
    """Values by name, where an unknown name is told with the nearest one. kind: what the names are of."""

    def __init__(self, kind: str, values: Mapping[str, V]) -> None:
        super().__init__(values)
        self._kind = kind

    def __missing__(self, name: object) -> V:
        hint = did_you_mean(name, self)
        raise NotFound(f"there is no {self._kind} {name!r}; allowed: {', '.join(self) or 'none'}{hint}")


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table in HTML. Everything in it is escaped."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def facts(pairs: Mapping[str, Any]) -> str:
    """Return names and values in HTML, a line each."""
    lines = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>{_cell(value)}</tr>' for name, value in pairs.items()
    )
    return f"<table><tbody>{lines}</tbody></table>"


def _cell(value: Any) -> str:
    return f'<td style="text-align: {"right" if _is_number(value) else "left"}">{escape(_text(value))}</td>'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if _is_number(value):
        return number(value) if isinstance(value, float) else f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{item} {name}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value)
