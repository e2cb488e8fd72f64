"""Notice damaged rows before anything in them is used.

A bit that flips in a row changes the row or its sum (store/sums.py). One that flips in an index, or in a page that
leads to rows, hides rows: SQLite's own check of a table finds that. It would take too long for the large tables; of
these, the job of each run knows how many rows it has.

The small tables are verified whole when a workspace is opened to be read (`verify`). A command that reads a few runs by
their names has the rows of only these runs verified in the tables that grow with the number of runs (`verify_named`).
The rows of a run in a large table are verified when they are read (`verify_runs`), and all that a claim needs of a run
when it is claimed.

A row that has its sum may still be one that this program never writes (store/contents.py). Doctor, repairs and claims
look for such rows too. Readers notice them when they use what is in them (`read_json`, `places.file_of`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from store import contents
from store.connection import Store
from store.encoding import from_json, to_json
from store.errors import REPAIR, Corrupt, Damaged
from store.sums import SUM, row_sum, unsound
from store.tables import COUNTS, TABLES

SMALL = [table for table in TABLES if table not in COUNTS]
ASIDE = "set_aside"  # the table of rows that a repair has set aside

# What to do about a damaged row, after `rnnctl doctor --repair`.
_AGAIN = "`rnnctl retry {run}` then makes the run again"
_REGISTER = "`rnnctl init STUDY` then restores it"
_ADVICE = {
    "studies": _REGISTER,
    "labels": _REGISTER,
    "runs": _REGISTER,
    "answers": "the probe then answers again when it is asked",
    "jobs": _AGAIN,
    "attempts": _AGAIN,
    "history": _AGAIN,
    "checkpoints": _AGAIN,
}

_OF_RUNS = ("runs", "jobs", "labels", "attempts", "trajectories", "priorities")  # small, but grow with the runs
_MOST_NAMED = 100  # runs; looking at more of them one by one takes as long as looking at all

_CLAIMED = ("jobs", "runs", "labels", "attempts", "checkpoints")  # tables with rows that a claim needs
_TRAINING = ("jobs", "runs", "labels", "attempts", "environments", "workers")  # small tables that training reads

_AMONG = "run_id IN (SELECT value FROM json_each(?))"

_NAMING = ("run_id", "attempt", "step", "probe", "name", "label")  # columns by which people know a row


@dataclass(frozen=True)
class DamagedRow:
    """A row that is not what was written. Texts may have surrogates, in the place of bytes that are not UTF-8."""

    table: str
    values: dict[str, Any]  # its columns
    key: dict[str, Any]  # what identifies it: the rowid, or the primary key
    invalid: tuple[str, ...] = ()  # the columns with values that this program never writes

    @property
    def run_id(self) -> str | None:
        """The run that the row names, if it can name one."""
        value = self.values.get("run_id")
        return value if isinstance(value, str) else None

    @property
    def subject(self) -> str:
        """The row in words."""
        named = {name: self.values[name] for name in _NAMING if name in self.values} or self.key
        words = [f"{name} {value}" for name, value in named.items()] + [f"invalid {name}" for name in self.invalid]
        return printable(f"{self.table}: {', '.join(words)}")


def printable(text: str) -> str:
    """Return the text with the surrogates of undecodable bytes written as escapes."""
    return text.encode(errors="backslashreplace").decode()


def verify(store: Store) -> None:
    """Raise Damaged unless each row of the small tables is as it was written, and SQLite finds no fault with them."""
    with store.snapshot():
        for table in SMALL:
            _verify_table(store, table)


def verify_named(store: Store, names: Sequence[str]) -> None:
    """Do `verify` for a command that reads no other runs than those with these names (see `naming.resolve_runs`).

    Rows of other runs may then be damaged. All rows are looked at if a name stands for no run or for a study, or if
    something seems to be missing.
    """
    with store.snapshot():
        for table in SMALL:
            if table not in _OF_RUNS:
                _verify_table(store, table)
        ids = _could_be(store, names)
        if ids:
            for table in _OF_RUNS:
                if not _rows_are_sound(store, table, _AMONG, (to_json(ids),), contents_too=False):
                    _refuse(store, table, _AMONG, (to_json(ids),))
        if not ids or not all(_is_whole(store, run_id) for run_id in ids):
            for table in _OF_RUNS:
                _verify_table(store, table)


def _could_be(store: Store, names: Sequence[str]) -> list[str]:
    """Return the runs that these names could stand for, and those that `show` names beside them: parents and children.

    Empty if a name stands for no run or for a study, or if there are too many runs to look at one by one. Raises
    Damaged if a label is damaged that could decide what a name stands for.
    """
    ids: list[str] = []
    for name in names:
        if store.value("SELECT 1 FROM studies WHERE name = ?", (name,)):
            return []
        study, _, label = name.partition("/")
        rows = store.raw_rows(
            """SELECT run_id FROM runs WHERE run_id = ?1 UNION
               SELECT run_id FROM labels WHERE study = (SELECT id FROM studies WHERE name = ?2) AND label = ?3""",
            (name, study, label),
        )
        if len(rows) != 1:  # no id and no STUDY/LABEL: other labels decide too
            _verify_table(store, "labels")
            rows = store.raw_rows(
                "SELECT DISTINCT run_id FROM labels WHERE label = ?1 OR instr(run_id, ?1) = 1 LIMIT ?2",
                (name, _MOST_NAMED + 1),
            )
        if not rows or len(rows) > _MOST_NAMED:
            return []
        ids += [row["run_id"] for row in rows]
    rows = store.rows(
        """SELECT value AS run_id FROM json_each(?1) UNION
           SELECT parent FROM extensions WHERE run_id IN (SELECT value FROM json_each(?1)) UNION
           SELECT parent FROM lineage WHERE run_id IN (SELECT value FROM json_each(?1)) UNION
           SELECT run_id FROM lineage WHERE parent IN (SELECT value FROM json_each(?1))""",
        (to_json(ids),),
    )
    return [row["run_id"] for row in rows] if len(rows) <= _MOST_NAMED else []


def _is_whole(store: Store, run_id: str) -> bool:
    """Return whether the small tables have all rows of a run, and indexes lead to them.

    Where it is not so there may be damage, or the run was deleted, or an attempt at it was set aside.
    """
    (seq, *others) = (store.value(f"SELECT seq FROM {table} WHERE run_id = ?", (run_id,)) for table in ("runs", "jobs"))
    if seq is None or others != [seq]:
        return False
    # By the rowid, so that the run id comes from the row and not from an index.
    ids = {store.value(f"SELECT run_id FROM {table} WHERE seq = ?", (seq,)) for table in ("runs", "jobs")}
    attempts, labels, indexed = store.rows(
        """SELECT (SELECT count(*) FROM attempts WHERE run_id = ?1) - (SELECT attempt FROM jobs WHERE seq = ?2),
                  (SELECT count(*) FROM labels WHERE run_id = ?1),
                  (SELECT count(*) FROM studies CROSS JOIN labels INDEXED BY labels_of_study
                   ON labels.study = studies.id AND labels.run_id = ?1)""",
        (run_id, seq),
    )[0]
    return ids == {run_id} and attempts == 0 and labels == indexed > 0


def verify_structure(store: Store) -> None:
    """Raise Damaged if SQLite finds fault with a small table that training reads: rows that an index hides, say."""
    with store.snapshot():
        for table in _TRAINING:
            _verify_structure(store, table)


def _verify_table(store: Store, table: str) -> None:
    if not _rows_are_sound(store, table, contents_too=False):
        _refuse(store, table)
    _verify_structure(store, table)


def _verify_structure(store: Store, table: str) -> None:
    fault = store.value(f"PRAGMA integrity_check({table})")
    if fault != "ok":
        raise Damaged(
            f"the table {table} of {store.workspace.database} is damaged ({fault}): "
            "`rnnctl doctor --repair` repairs it if that is possible"
        )


def verify_runs(store: Store, table: str, run_ids: Iterable[str], *, large_too: bool = True) -> None:
    """Raise Damaged unless the rows of these runs in a large table are as they were written, and none is missing.

    table: one of `tables.COUNTS`. large_too: also columns that have a sum of their own.
    """
    ids = (to_json(list(run_ids)),)
    if not _rows_are_sound(store, table, _AMONG, ids, contents_too=False, large_too=large_too):
        _refuse(store, table, _AMONG, ids)
    for miscount in miscounts(store, table, _AMONG, ids):
        raise miscounted(store, table, *miscount)


def miscounts(
    store: Store, table: str, where: str = "true", parameters: Sequence[Any] = ()
) -> list[tuple[str, int, int]]:
    """Return the runs that do not have all their rows in a large table: run id, rows expected, rows present."""
    rows = store.rows(
        f"""SELECT run_id, {COUNTS[table]} AS expected,
                   (SELECT count(*) FROM {table} WHERE {table}.run_id = jobs.run_id) AS present
            FROM jobs WHERE {where} AND expected <> present""",
        parameters,
    )
    return [(run_id, expected, present) for run_id, expected, present in rows]


def structure_faults(store: Store) -> list[str]:
    """Return what SQLite's own check of the whole database finds: damaged pages, rows that an index hides.

    Also values that the schema does not allow, which are in damaged rows.
    """
    try:
        return [row[0] for row in store.rows("PRAGMA integrity_check") if row[0] != "ok"]
    except Corrupt as error:
        return [str(error)]


def miscounted(store: Store, table: str, run_id: str, expected: int, present: int) -> Damaged:
    """Return the error for a run that does not have all its rows."""
    name = name_of(store, run_id)
    return Damaged(
        f"{store.workspace.database} is damaged: {table} has {present:,} rows of {name} instead of {expected:,}; "
        f"{advice(table, name)}",
        run_id,
    )


def verify_claim(store: Store, run_id: str) -> None:
    """Raise Damaged unless all that a worker needs of a run is as it was written."""
    for table in _CLAIMED:
        if not _rows_are_sound(store, table, "run_id = ?", (run_id,)):
            _refuse(store, table, "run_id = ?", (run_id,), run_id)
    if not store.value("SELECT EXISTS (SELECT 1 FROM labels WHERE run_id = ?)", (run_id,)):
        raise Damaged(
            f"{store.workspace.database} is damaged: run {run_id} has no label; {advice('labels', run_id)}", run_id
        )


def sound_specs(store: Store, seqs: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return the specs of runs, by `seq`, in the order of registration. Runs with a damaged spec or job are left out.

    seqs: of the runs; it is the rowid of their rows in runs and jobs.
    """
    seqs = list(seqs)
    among, ids = "rowid IN (SELECT value FROM json_each(?))", (to_json(seqs),)
    damaged = {
        row.key["rowid"]
        for table in ("runs", "jobs")
        if not _rows_are_sound(store, table, among, ids)
        for row in damaged_rows(store, table, among, ids)
    }
    rows = store.rows(
        "SELECT seq, spec FROM runs WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq",
        (to_json([seq for seq in seqs if seq not in damaged]),),
    )
    specs = read_json(store, "runs", (row["spec"] for row in rows))
    return dict(zip((row["seq"] for row in rows), specs, strict=True))


def read_json(store: Store, table: str, texts: Iterable[str]) -> list[dict[str, Any]]:
    """Return the values of JSON texts from a table. Raise Damaged, which names a row, if one is not an object."""
    with suppress(ValueError):
        values = from_json(texts)
        if all(isinstance(value, dict) for value in values):
            return values
    return _refuse(store, table)


def damaged_rows(store: Store, table: str, where: str = "true", parameters: Sequence[Any] = ()) -> list[DamagedRow]:
    """Return the rows of a table that are not as they were written. Reads row by row: for when something is wrong."""
    return [
        row
        for row, sums in _rows_and_sums(store, table, where, parameters)
        if row.invalid
        or any(isinstance(value, str) and printable(value) != value for value in row.values.values())
        or any(
            sums[name] != row_sum(*(row.values[column] for column in covered))
            for name, covered in store.sums(table).items()
        )
    ]


def rows_of(store: Store, table: str, where: str, parameters: Sequence[Any] = ()) -> list[DamagedRow]:
    """Return rows of a table, damaged or not, as `aside.set_aside` takes them."""
    return [row for row, _ in _rows_and_sums(store, table, where, parameters)]


def _rows_and_sums(
    store: Store, table: str, where: str, parameters: Sequence[Any]
) -> list[tuple[DamagedRow, dict[str, int]]]:
    """Return rows of a table, each with the sums that it has."""
    sums = store.sums(table)
    keys = key_of(store, table)
    columns = list(dict.fromkeys(name for covered in sums.values() for name in covered))
    conditions = contents.conditions(table)
    valid = [f"{condition} AS valid_{name}" for name, condition in conditions.items()]
    selected = ", ".join([*(f"{name} AS key_{name}" for name in keys), *sums, *columns, *valid])
    rows = store.raw_rows(f"SELECT {selected} FROM {table} WHERE {where}", parameters)
    return [
        (
            DamagedRow(
                table,
                {name: row[name] for name in columns},
                {name: row[f"key_{name}"] for name in keys},
                tuple(name for name in conditions if not row[f"valid_{name}"]),
            ),
            {name: row[name] for name in sums},
        )
        for row in rows
    ]


def key_of(store: Store, table: str) -> list[str]:
    """Return what identifies a row: the primary key of a table without rowids, else the rowid."""
    rows = store.rows("SELECT wr FROM pragma_table_list WHERE name = ? AND schema = 'main'", (table,))
    if not rows[0]["wr"]:
        return ["rowid"]
    return [row["name"] for row in store.rows(f"SELECT name FROM pragma_table_info('{table}') WHERE pk ORDER BY pk")]


def all_sound(store: Store, table: str) -> bool:
    """Return whether each row of a table is as it was written."""
    return _rows_are_sound(store, table)


def _rows_are_sound(
    store: Store,
    table: str,
    where: str = "true",
    parameters: Sequence[Any] = (),
    *,
    contents_too: bool = True,
    large_too: bool = True,
) -> bool:
    sums = store.sums(table)
    condition = unsound(sums if large_too else {SUM: sums[SUM]})
    if contents_too:
        condition = " OR ".join([condition, *(f"NOT {valid}" for valid in contents.conditions(table).values())])
    try:
        return not store.value(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {where} AND ({condition}))", parameters)
    except Damaged:  # a text that is not UTF-8
        return False


def _refuse(
    store: Store, table: str, where: str = "true", parameters: Sequence[Any] = (), run_id: str | None = None
) -> NoReturn:
    """Raise Damaged for the first damaged row of a table. run_id: its run, if that is known."""
    damaged = damaged_rows(store, table, where, parameters)
    if not damaged:
        raise Damaged(f"{store.workspace.database} was repaired while it was read; try again")
    more = f", and {len(damaged) - 1:,} more" if len(damaged) > 1 else ""
    of_run = run_id or damaged[0].run_id
    name = None if of_run is None else name_of(store, of_run)
    raise Damaged(
        f"{store.workspace.database} has a damaged row ({damaged[0].subject}{'' if name is None else f': {name}'})"
        f"{more}: {advice(table, name or 'RUN')}",
        of_run,
    )


def advice(table: str, name: str) -> str:
    """Return what to do about a damaged row. name: of its run."""
    after = _ADVICE.get(table)
    return f"{REPAIR}{'' if after is None else '; ' + after.format(run=name)}"


def name_of(store: Store, run_id: str) -> str:
    """Return the name of a run in the first study that has it, or else its id."""
    rows = store.raw_rows(
        """SELECT studies.name || '/' || label FROM labels JOIN studies ON studies.id = labels.study
           WHERE run_id = CAST(? AS TEXT) ORDER BY study LIMIT 1""",
        (bound(run_id),),
    )
    return printable(rows[0][0] if rows else run_id)


def bound(value: Any) -> Any:
    """Return a value as it can be handed to SQLite, which takes a text with surrogates only as bytes."""
    return value.encode(errors="surrogateescape") if isinstance(value, str) else value
