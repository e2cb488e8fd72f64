"""All tables that have checksums, as the last step of the schema leaves them."""

from __future__ import annotations

from store import marked_tables, summed_tables, trajectory_tables

TABLES = (*summed_tables.TABLES, *marked_tables.TABLES, *trajectory_tables.TABLES)

# Large table -> the column of jobs that has the number of a run's rows in it.
COUNTS = summed_tables.COUNTS
