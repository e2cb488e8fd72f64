"""Checksums of rows: the database computes one whenever a row is written, and whoever reads the row compares it.

Each table has a column `sum`, which SQLite generates with the function `row_sum` from the other columns of the row, so
that no statement can forget it. A large column can have a sum of its own, called COLUMN_sum, so that the rest of the
row can be read and compared without it; `sum` leaves both out.

A sum tells accidents, such as a bit that flipped on a disk. It does not protect against people.
"""

from __future__ import annotations

import sqlite3
from zlib import crc32

Value = str | int | float | bytes | None

SUM = "sum"  # of all columns of a row that have no sum of their own
_ENDING = "_sum"


def row_sum(*values: Value) -> int:
    """Return a checksum of the columns of a row: 32 bits that depend on each value, its type and its place."""
    # In one expression, because reading a large workspace calls this 100,000 times.
    words = [
        "'" + value
        if type(value) is str
        else f"{len(value)}:{crc32(value)}"
        if isinstance(value, bytes)
        else repr(value)
        for value in values
    ]
    return crc32("\x1f".join(words).encode(errors="surrogateescape"))


def register(connection: sqlite3.Connection) -> None:
    """Make `row_sum` known to a connection. Without it, rows can be read and removed, but not written."""
    connection.create_function("row_sum", -1, row_sum, deterministic=True)


def summed(connection: sqlite3.Connection, table: str) -> dict[str, list[str]]:
    """Return the columns that each sum of a table covers, by the name of the sum; empty if the table has none."""
    columns = {row[1]: bool(row[6]) for row in connection.execute(f"PRAGMA table_xinfo({table})").fetchall()}
    plain = [name for name, generated in columns.items() if not generated]
    alone = [name for name in plain if columns.get(name + _ENDING)]
    result = {SUM: [name for name in plain if name not in alone]} if columns.get(SUM) else {}
    return result | {name + _ENDING: [name] for name in alone}


def unsound(sums: dict[str, list[str]]) -> str:
    """Return the SQL condition that a row of a table does not have its sums. sums: those of `summed`."""
    return " OR ".join(f"{name} IS NOT row_sum({', '.join(columns)})" for name, columns in sums.items())
