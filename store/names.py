"""The names that become parts of paths and commands: those of studies and runs, and the labels of runs.

They are checked when a study is registered, and again whenever a workspace is opened, because it can come from somebody
else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.errors import REPAIR, Foreign

if TYPE_CHECKING:
    from store.connection import Store

LONGEST = 64  # characters of the name of a study

# As conditions of SQL, so that 100,000 names are checked within milliseconds.
_BEGINS_WELL = "{name} GLOB '[A-Za-z0-9]*'"
_WHOLE = "instr(CAST({name} AS BLOB), x'00') = 0"  # SQLite's functions of texts stop at the character NUL
_CONDITIONS = {
    "studies": (
        "name",
        f"{_BEGINS_WELL} AND {{name}} NOT GLOB '*[^A-Za-z0-9._+-]*' AND length({{name}}) <= {LONGEST}",
    ),
    "runs": ("run_id", f"{_BEGINS_WELL} AND instr({{name}}, '/') = 0 AND instr({{name}}, char(10)) = 0"),
    "labels": ("label", _BEGINS_WELL),
}
_WHAT = {"studies": "study name", "runs": "run id", "labels": "label"}


def conditions(table: str) -> dict[str, str]:
    """Return the column of a table that has a name, with the SQL condition that the name is allowed; or nothing."""
    if table not in _CONDITIONS:
        return {}
    column, condition = _CONDITIONS[table]
    return {column: f"({condition.format(name=column)} AND {_WHOLE.format(name=column)})"}


def wrong(store: Store) -> str | None:
    """Return the first name in the database that is not allowed, with what it names; None if there is none.

    Names of studies are letters, digits and . _ + -, at most LONGEST. Ids of runs are parts of paths. Both, and labels,
    begin with a letter or digit.
    """
    for table in _CONDITIONS:
        ((column, condition),) = conditions(table).items()
        # As bytes, because a damaged text may not be UTF-8.
        name = store.value(f"SELECT CAST({column} AS BLOB) FROM {table} WHERE NOT {condition} LIMIT 1")
        if name is not None:
            return f"the {_WHAT[table]} {name.decode(errors='replace')!r}"
    return None


def check(store: Store) -> None:
    """Raise Foreign if a name in the database is not allowed."""
    name = wrong(store)
    if name is not None:
        raise Foreign(
            f"{store.workspace.database} has {name}, which rnnctl never writes: it was damaged, or made to do harm; "
            f"{REPAIR}"
        )
