"""Compare the schema of a database with what the program's own steps make.

A database can come from somebody else, and a trigger or a view in it could change rows unnoticed. So nothing else is
read before all tables, indexes, triggers and views are known to be the program's own.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache

from store import migrations, sums
from store.migrations import Step

# Type and name of an item of the schema -> the table it belongs to, and its SQL text in tokens.
Schema = Mapping[tuple[str, str], tuple[str, tuple[str, ...]]]

# Texts and quoted names, comments, white space as SQLite knows it, words, and single characters.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | (?P<skip> --[^\n]* | /\*.*?\*/ | [\x20\t\n\f\r]+) | \w+ | .""",
    re.VERBOSE | re.DOTALL,
)
# sqlite-utils records the steps in a table of its own, whose form depends on the version of sqlite-utils.
_RECORD = re.compile(r"(idx_|sqlite_autoindex_)?_sqlite_migrations(_\w+)?")
# The sum of the schema that all steps make. Where a database has it, the steps need not be taken to compare: they are a
# twentieth of the time of a short command. Where it is another one, they are, so that a wrong number here does no harm.
KNOWN_SUM = "6315482f945322574dfa5b28a539472227caf189d1cc6e76490a60d11a5fd37b"
_STATISTICS = {"sqlite_stat1", "sqlite_stat4"}  # what ANALYZE makes, which decides how fast a query is, not its answer


def differences(connection: sqlite3.Connection, steps: int) -> list[str]:
    """Return in words how the schema differs from what the first `steps` steps make; an empty list if it does not.

    Comments and white space do not count.
    """
    if steps == migrations.SCHEMA and schema_sum(connection) == KNOWN_SUM:
        return []
    actual, expected = _schema(connection), _made_by(tuple(migrations.STEPS.values())[:steps])
    foreign = [f"{_named(item, actual)} is foreign" for item in actual if item not in expected]
    missing = [f"{_named(item, expected)} is missing" for item in expected if item not in actual]
    both = [item for item in actual if item in expected]
    return foreign + [f"{_named(item, actual)} is changed" for item in both if actual[item] != expected[item]] + missing


def schema_sum(connection: sqlite3.Connection) -> str:
    """Return a hash of the schema of a database, which is the same for the same texts of its items."""
    items = sorted((kind, name, table, sql or "") for kind, name, table, sql in _items(connection))
    return hashlib.sha256(repr(items).encode()).hexdigest()


@lru_cache
def _made_by(steps: tuple[Step, ...]) -> Schema:
    """Return the schema that these steps make in an empty database."""
    with empty_after(steps) as connection:
        return _schema(connection)


@contextmanager
def empty_after(steps: Iterable[Step]) -> Iterator[sqlite3.Connection]:
    """Yield an empty database in memory that has taken these steps."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        sums.register(connection)
        for step in steps:
            migrations.take(connection, step)
        yield connection


def _schema(connection: sqlite3.Connection) -> Schema:
    return {(kind, name): (table, _tokens(sql or "")) for kind, name, table, sql in _items(connection)}


def _items(connection: sqlite3.Connection) -> list[tuple[str, str, str, str | None]]:
    """Return type, name, table and SQL text of each item of the schema that is not bookkeeping."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    return [
        (kind, name, table, sql)
        for kind, name, table, sql in map(tuple, rows)
        if not _is_bookkeeping(str(kind), str(name), str(table))
    ]


def _is_bookkeeping(kind: str, name: str, table: str) -> bool:
    """Return whether an item is what SQLite or sqlite-utils keeps for itself. Triggers and views never are.

    An index counts by the table that it is on: on a table of ours it could refuse rows.
    """
    if kind not in ("table", "index"):
        return False
    return {name, table} <= _STATISTICS or all(_RECORD.fullmatch(word) is not None for word in (name, table))


@lru_cache(maxsize=256)
def _tokens(sql: str) -> tuple[str, ...]:
    return tuple(match[0] for match in _TOKEN.finditer(sql) if match["skip"] is None)


def _named(item: tuple[str, str], schema: Schema) -> str:
    kind, name = item
    table, _ = schema[item]
    return f"{kind} {name}" if table == name else f"{kind} {name} on {table}"
