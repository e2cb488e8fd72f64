"""What the columns of a row may contain: JSON objects, names that are allowed, and paths of checkpoints.

A row with a right sum can still be one that this program never writes: it was damaged before rows had sums, or somebody
else wrote it. So doctor, repairs and claims compare more than the sums.
"""

from __future__ import annotations

import sqlite3

from store import names, places
from store.row_copies import is_json_object
from store.tables import JSON_COLUMNS


def conditions(table: str) -> dict[str, str]:
    """Return for columns of a table the SQL condition that the value in them is one that this program writes.

    A text that is not UTF-8 does not meet it.
    """
    objects = {column: f"is_json_object(CAST({column} AS BLOB))" for column in JSON_COLUMNS[table]}
    paths = {"path": "is_checkpoint(CAST(run_id AS BLOB), CAST(path AS BLOB))"} if table == "checkpoints" else {}
    return objects | names.conditions(table) | paths


def register(connection: sqlite3.Connection) -> None:
    """Make the functions of `conditions` known to a connection."""
    connection.create_function("is_json_object", 1, is_json_object, deterministic=True)
    connection.create_function("is_checkpoint", 2, _is_checkpoint, deterministic=True)


def _is_checkpoint(run_id: bytes, path: bytes) -> bool:
    """Return whether a file is a checkpoint of a run. Both are bytes because a damaged text may not be UTF-8."""
    try:
        return places.is_ours(run_id.decode(), path.decode())
    except UnicodeDecodeError:
        return False
