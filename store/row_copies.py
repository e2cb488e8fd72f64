"""Copy the rows of a table without sums into one with sums, so that damaged ones are known as damaged.

A copy would get the right sum of what a damaged row has become. So a row that is known to be damaged gets sums that are
not its own: one with a text that is not UTF-8, with a value that is not allowed, or with other text than a JSON object
in a JSON column. Like every other damaged row it is then told by whoever reads it, and set aside by a repair.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from store.sums import Value, register, row_sum

_TYPES: dict[str, type[str | int | float | bytes]] = {"TEXT": str, "INTEGER": int, "REAL": float, "BLOB": bytes}


def copy_rows(
    connection: sqlite3.Connection, source: str, target: str, columns: Sequence[str], objects: Sequence[str], order: str
) -> None:
    """Copy all rows of the table `source` into the empty table `target`, inside the caller's transaction.

    columns: to be copied. objects: those that are JSON objects. order: in which the rows are copied, in SQL. Of a
    damaged row that the target cannot take as it is, it gets a similar one, or none if another row has the same key;
    what the row was is set aside.
    """
    names = ", ".join(columns)
    rows = f"SELECT {names} FROM {source} {order}"
    if _has_only_objects(connection, source, objects):
        try:
            connection.execute(f"INSERT INTO {target} ({names}) {rows}")
            return
        except (sqlite3.IntegrityError, sqlite3.OperationalError):
            if not connection.in_transaction:  # a full disk, for example, ended it
                raise
    insert = f"INSERT INTO {target} ({names}) VALUES ({', '.join('?' * len(columns))})"
    damaged = []
    text_factory, connection.text_factory = connection.text_factory, _decoded
    try:
        for row in connection.execute(rows):
            values = dict(zip(columns, row, strict=True))
            try:
                if not all(_is_object(values[column]) for column in objects):
                    raise ValueError("not a JSON object")
                connection.execute(insert, tuple(row))
            except (ValueError, sqlite3.IntegrityError):  # ValueError also for surrogates
                damaged.append(values)
    finally:
        connection.text_factory = text_factory
    _copy_damaged(connection, source, target, insert, damaged)


def _copy_damaged(
    connection: sqlite3.Connection, source: str, target: str, insert: str, damaged: Sequence[Mapping[str, Value]]
) -> None:
    types = {row[1]: (row[2], bool(row[3])) for row in connection.execute(f"PRAGMA table_info({target})").fetchall()}
    changed = []
    with wrong_sums(connection):
        for values in damaged:
            similar = tuple(_storable(value, *types[name]) for name, value in values.items())
            try:
                connection.execute(insert, similar)
            except sqlite3.IntegrityError:
                changed.append(values)
            else:
                if similar != tuple(values.values()):
                    changed.append(values)
    connection.executemany(
        """INSERT INTO set_aside (name, run_id, content, reason, at)
           VALUES (?, ?, ?, 'damaged before rows had checksums', CAST(strftime('%s', 'now') AS REAL))""",
        [(source, _storable(values.get("run_id"), "TEXT", False), content_of_row(values)) for values in changed],
    )


@contextmanager
def wrong_sums(connection: sqlite3.Connection) -> Iterator[None]:
    """Inside, rows get sums that are not their own, and values that a CHECK does not allow are taken."""
    connection.create_function("row_sum", -1, lambda *values: ~row_sum(*values), deterministic=True)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA ignore_check_constraints = OFF")
        register(connection)


def _has_only_objects(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> bool:
    """Return whether each value in these columns of a table is a JSON object, or NULL."""
    return all(
        is_json_object(content)
        for column in columns
        for (content,) in connection.execute(f"SELECT CAST({column} AS BLOB) FROM {table}")
    )


def is_json_object(content: bytes | None) -> bool:
    """Return whether a text is a JSON object, or there is none. content: its bytes, which may not be UTF-8."""
    try:
        return content is None or isinstance(json.loads(content.decode()), dict)
    except (ValueError, RecursionError):
        return False


def _is_object(value: Value) -> bool:
    return value is None or isinstance(value, str) and is_json_object(value.encode(errors="surrogateescape"))


def _decoded(text: bytes) -> str:
    """Return a text; bytes that are not UTF-8 become surrogates."""
    return text.decode(errors="surrogateescape")


def _storable(value: Value, kind: str, required: bool) -> Value:
    """Return a value that a column of this type can have: the same, if possible, and a text with escapes if not."""
    if value is None and not required:
        return None
    if kind == "TEXT" and isinstance(value, str):
        return value.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return value if isinstance(value, _TYPES[kind]) else _TYPES[kind]()


def content_of_row(values: Mapping[str, Value]) -> str:
    """Return the content of a row that is set aside. Texts may have surrogates in place of bytes that are not UTF-8."""
    return json.dumps({name: _content(value) for name, value in values.items()}, sort_keys=True, separators=(",", ":"))


def _content(value: Value) -> Value | dict[str, str]:
    """Return a value as JSON can represent it."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        content = value.encode(errors="surrogateescape")
        return value if content.decode(errors="replace") == value else {"hex": content.hex()}
    return {"hex": value.hex()} if isinstance(value, bytes) else value
