"""Damage rows as a disk would: the values change, and their sums do not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

RUN = "r1-s00000"  # of the fixture `filled`

# Table -> a change that damages a row of that workspace, and the condition that only this row meets.
CHANGES = {
    "studies": ("about = 'other'", "id = 1"),
    "runs": ("spec = '{\"seed\":1}'", f"run_id = '{RUN}'"),
    "labels": ("label = 'S9'", f"run_id = '{RUN}'"),
    "environments": ("content = '{}'", "true"),
    "workers": ("host = 'x'", "true"),
    "jobs": ("step = 21", f"run_id = '{RUN}'"),
    "attempts": ("exact = 0", "true"),
    "history": ("scalars = '{\"nll\":1.5}'", "step = 10"),
    "checkpoints": ("sha256 = 'x'", "step = 20"),
    "answers": ("answer = '{\"loss\":1.5}'", "true"),
}

# The same for the tables that only the fixture `marked` has rows in.
CHANGES_OF_MARKS = {
    "unnamed": ("at = 9.5", "true"),
    "archived": ("at = 9.5", "true"),
    "tags": ("tag = 'other'", "true"),
    "run_notes": ("text = 'other'", "true"),
    "priorities": ("priority = 1", "true"),
    "study_notes": ("text = 'other'", "true"),
}
# The same for a workspace where a run goes on from this one.
CHANGES_OF_EXTENSIONS = {
    "trajectories": ("trajectory = 'other'", f"run_id = '{RUN}'"),
    "extensions": ("step = 11", "true"),
}


def damage(folder: Path, table: str, change: str, where: str) -> None:
    """Change one row of a table. change: assignments in SQL. where: the condition that only this row meets."""
    with closing(sqlite3.connect(folder / "rnnctl.db", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        (row,) = connection.execute(f"SELECT * FROM {table} WHERE {where}").fetchall()
        connection.create_function(
            "row_sum", -1, lambda *values: row["traces_sum" if len(values) == 1 else "sum"], deterministic=True
        )
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(f"UPDATE {table} SET {change} WHERE {where}").rowcount == 1
        for _, sql in triggers:
            connection.execute(sql)


def flip(folder: Path, old: bytes, new: bytes) -> None:
    """Change the first of these bytes in the database file."""
    path = folder / "rnnctl.db"
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new, 1))


def damage_text(folder: Path, table: str, column: str, where: str) -> None:
    """Give a row a text that is not UTF-8, where SQLite is not asked."""
    damage(folder, table, f"{column} = 'undecodable'", where)
    flip(folder, b"undecodable", b"undec\xffdable")
