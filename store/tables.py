"""All tables that have checksums, as the last step of the schema leaves them."""

from __future__ import annotations

from store import marked_tables, priority_tables, summed_tables, trajectory_tables

_STATEMENTS = {**summed_tables.TABLES, **marked_tables.TABLES, **trajectory_tables.TABLES, **priority_tables.TABLES}
TABLES = tuple(_STATEMENTS)

# Large table -> the column of jobs that has the number of a run's rows in it.
COUNTS = summed_tables.COUNTS

# Table -> its columns that are JSON objects.
JSON_COLUMNS = {
    table: summed_tables.json_columns(statement)
    for table, statement in {**_STATEMENTS, "set_aside": summed_tables.SET_ASIDE}.items()
}
