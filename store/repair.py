"""Repair a database: set aside what is damaged, and make what depends on it fit again.

What follows from other rows is made anew: an index, the job of a run, a run whose spec still has its hash, the row of a
checkpoint whose file still has its checksum, an attempt at a run that is done. A run whose results are damaged is taken
back to a checkpoint before the damage. Damage to the pages of the file is not repaired.
"""

from __future__ import annotations

import json
import re
from typing import Any

from store import names, places
from store.aside import remake_job, set_aside, take_back
from store.checkpoints import Checkpoint, unsoundness
from store.connection import Store
from store.encoding import digest, to_json
from store.errors import Corrupt
from store.integrity import Described, database_findings
from store.registry import RunRecord
from store.tables import COUNTS, TABLES
from store.verification import (
    ASIDE,
    DamagedRow,
    all_sound,
    bound,
    damaged_rows,
    miscounts,
    name_of,
    printable,
    rows_of,
    structure_faults,
)

FOREVER = float("inf")
_LATER = "`rnnctl init STUDY`"
_OF_RUNS = (  # tables that refer to runs, those that others refer to last
    "lineage", "answers", "history", "checkpoints", "attempts", "trajectories", "extensions", "unnamed", "tags",
    "run_notes", "priorities", "labels",
)  # fmt: skip
_OF_STUDIES = ("labels", "lineage", "unnamed", "archived", "study_notes")  # tables that refer to studies
_ATTEMPT_LOST = "its row was damaged; what is left of it is in the table set_aside"
# What SQLite says of values that the schema does not allow. They are in damaged rows, which are set aside.
_VALUE_FAULT = re.compile(r"CHECK constraint failed in |(NULL|TEXT|NUMERIC|non-\w+) value in ")


def repair(store: Store, described: Described, now: float) -> list[str]:
    """Set aside all damaged rows and what depends on them, in one transaction; return in lines what was done.

    Raises Corrupt, and changes nothing, if the database cannot be repaired.
    """
    lines = _reindexed(store)
    with store.transaction():
        store.execute("PRAGMA defer_foreign_keys = ON")  # references may dangle until the end
        lines += _Repair(store, described, trusted=not lines, now=now).lines()
        left = database_findings(store, described)
        if left:
            raise Corrupt(
                f"{store.workspace.database} cannot be repaired ({left[0].text}): restore it from a backup, "
                "or read with `sqlite3 rnnctl.db .recover` what can still be read"
            )
    return lines


def _reindexed(store: Store) -> list[str]:
    """Make all indexes anew if SQLite finds fault with pages or indexes; return that in words."""
    if not any(_VALUE_FAULT.match(fault) is None for fault in structure_faults(store)):
        return []
    with store.transaction():
        store.execute("REINDEX")
    return ["all indexes were made anew"]


class _Repair:
    """One repair. trusted: whether the keys of damaged rows are right, which the indexes say."""

    def __init__(self, store: Store, described: Described, *, trusted: bool, now: float) -> None:
        self.store, self.described, self.trusted, self.now = store, described, trusted, now
        self.damaged: dict[str, list[DamagedRow]] = {}
        self.found_again: set[Any] = set()  # rowids of the checkpoints that were made anew
        self.done: list[str] = []

    def lines(self) -> list[str]:
        """Repair, and return in lines what was done."""
        # Jobs first: removing rows of the other tables changes them.
        for table in ("jobs", *(table for table in (*TABLES, ASIDE) if table != "jobs")):
            rows = [] if all_sound(self.store, table) else damaged_rows(self.store, table)
            set_aside(self.store, rows, "damaged", self.now)
            self.damaged[table] = rows
            self.done += [f"set aside: {row.subject}" for row in rows]
        self._restore_attempts()
        self._restore_environments_and_workers()
        self._restore_studies()
        self._restore_runs()
        self._set_rows_of_missing_runs_aside()
        self._restore_checkpoints()
        self._restore_jobs()
        self._take_damaged_runs_back()
        self._count()
        self._restore_labels()
        return self.done

    def _restore_attempts(self) -> None:
        """Make attempts anew that done runs lack: the results of these runs are whole, or are looked after below.

        Where an attempt was made is not known, so such a run counts as one that went on in another environment.
        """
        for run_id, attempt, last, step in self.store.rows(
            """SELECT run_id, missing.attempt, jobs.attempt, step FROM jobs JOIN (
                   SELECT run_id, attempt FROM history UNION SELECT run_id, attempt FROM checkpoints
                   UNION SELECT run_id, attempt FROM jobs EXCEPT SELECT run_id, attempt FROM attempts
               ) AS missing USING (run_id) WHERE outcome IS NOT NULL"""
        ):
            ended_as, end_step = ("done", step) if attempt == last else ("lost", None)
            values = [
                run_id,
                attempt,
                "unknown",
                "unknown",
                self.now,
                self.now,
                ended_as,
                0,
                end_step,
                _ATTEMPT_LOST,
                0,
            ]
            self._insert("attempts", values)
            self.done.append(f"run {name_of(self.store, run_id)}: attempt {attempt} is made anew; its results are kept")

    def _restore_checkpoints(self) -> None:
        """Make the rows of checkpoints anew whose files are there and have the checksum of the row."""
        named = {path for (path,) in self.store.rows("SELECT path FROM checkpoints")}
        for row in self.damaged["checkpoints"]:
            if row.values["status"] == "removed":
                continue
            match = next((file for file in self._files_of(row) if file.path not in named), None)
            if match is not None:
                named.add(match.path)
                self.found_again.add(row.key["rowid"])
                self.store.execute(
                    """INSERT INTO checkpoints (id, run_id, attempt, step, path, sha256, size, at)
                       VALUES (:id, :run_id, :attempt, :step, :path, :sha256, :size, :now)""",
                    {**vars(match), "id": row.key["rowid"], "now": self.now},
                )
                name = name_of(self.store, match.run_id)
                self.done.append(f"run {name}: its checkpoint of update {match.step:,} was found by its checksum")

    def _files_of(self, row: DamagedRow) -> list[Checkpoint]:
        """Return the files in the folder of a run that have the checksum of a damaged row of a checkpoint."""
        attempts = self.store.rows("SELECT attempt FROM attempts WHERE run_id = CAST(? AS TEXT)", (bound(row.run_id),))
        if not attempts or row.run_id is None:
            return []
        known = {attempt for (attempt,) in attempts}
        root = self.store.workspace.root
        files = [
            Checkpoint(
                row.run_id, *numbers, path.relative_to(root).as_posix(), row.values["sha256"], row.values["size"]
            )
            for path in places.files_of(self.store.workspace, row.run_id)
            if (numbers := places.numbers_of(path)) is not None and numbers[0] in known and not path.is_symlink()
        ]
        return [file for file in files if unsoundness(self.store.workspace, file) is None]

    def _restore_environments_and_workers(self) -> None:
        for row in self.damaged["environments"]:
            try:
                content = json.loads(row.values["content"])
                if digest(content) == row.values["id"]:
                    self._insert(
                        "environments", [row.values["id"], to_json(content), digest(content.get("bits", content))]
                    )
            except (ValueError, AttributeError, TypeError):
                continue
        for (missing,) in self.store.rows(
            """SELECT environment FROM workers UNION SELECT environment FROM attempts
               EXCEPT SELECT id FROM environments"""
        ):
            self._insert("environments", [missing, "{}", "unknown"])
        known = "(SELECT min(id) FROM environments)"
        for table in ("jobs", "attempts"):
            self.store.execute(
                f"""INSERT INTO workers
                        (id, host, boot_id, pid, pid_started, device, environment, started, beat_at, ended)
                    SELECT DISTINCT worker, 'unknown', 'unknown', 0, 0, 'unknown', {known}, 0, 0, ? FROM {table}
                    WHERE worker IS NOT NULL AND worker NOT IN (SELECT id FROM workers)""",
                (self.now,),
            )

    def _restore_studies(self) -> None:
        """Put the studies back that have labels, with their names if these can be right."""
        rows = {row.key["rowid"]: row.values for row in self.damaged["studies"]}
        for (study,) in self.store.rows(
            f"{' UNION '.join(f'SELECT study FROM {table}' for table in _OF_STUDIES)} EXCEPT SELECT id FROM studies"
        ):
            name = rows.get(study, {}).get("name")
            if not (self.trusted and isinstance(name, str) and self._is_allowed(name)):
                name = f"study-{study}"
            self._insert("studies", [study, name, "damaged", "", self.now, self.now])
            self.done.append(f"study {name}: {_LATER} restores its text")

    def _is_allowed(self, name: str) -> bool:
        """Return whether a study may have this name."""
        ((column, condition),) = names.conditions("studies").items()
        text = f"SELECT CAST(? AS TEXT) AS {column}"
        return printable(name) == name and bool(self.store.value(f"SELECT {condition} FROM ({text})", (name,)))

    def _restore_runs(self) -> None:
        for row in self.damaged["runs"]:
            run = self._described(row)
            seq, run_id = row.key["rowid"], row.values["run_id"]
            if run is not None and run.run_id == run_id:
                values = [seq, run_id, run.config_id, run.shape, to_json(run.spec), run.total, self.now]
                self._insert("runs", values)
                self.done.append(f"run {run_id}: made anew from its spec, which is whole")
            else:
                self.done.append(
                    f"run {printable(str(run_id))}: its spec is damaged, and all that it has is set aside; {_LATER} "
                    "restores it, to be trained again"
                )

    def _described(self, row: DamagedRow) -> RunRecord | None:
        try:
            return self.described(json.loads(row.values["spec"]))
        except (ValueError, TypeError):
            return None

    def _set_rows_of_missing_runs_aside(self) -> None:
        missing = {"lineage": "run_id NOT IN (SELECT run_id FROM runs) OR parent NOT IN (SELECT run_id FROM runs)"}
        for table in (*_OF_RUNS, "jobs"):
            condition = missing.get(table, "run_id NOT IN (SELECT run_id FROM runs)")
            set_aside(self.store, rows_of(self.store, table, condition), "its run is damaged", self.now)

    def _restore_jobs(self) -> None:
        for seq, run_id in self.store.rows("SELECT seq, run_id FROM runs WHERE seq NOT IN (SELECT seq FROM jobs)"):
            remake_job(self.store, seq, "its job was damaged, and was set aside", self.now)
            self._tell_again(run_id, "its job is made anew")

    def _take_damaged_runs_back(self) -> None:
        """Take those runs back that have lost rows of attempts, history or checkpoints."""
        lost: dict[str, float] = {}  # run -> a step that the run is taken back to a checkpoint before
        for row in self.damaged["checkpoints"]:
            if row.values["status"] != "removed" and row.key["rowid"] not in self.found_again:
                self._note(lost, row, FOREVER)
        for row in self.damaged["history"]:
            self._note(lost, row, row.values["step"])  # a checkpoint at this step has the row in it
        for row in self.damaged["attempts"]:
            self._note(lost, row, -1, done_too=False)
        for table in ("history", "checkpoints"):
            lost |= {run_id: -1 for run_id, *_ in miscounts(self.store, table)}
        for (run_id,) in self.store.rows(
            """SELECT run_id FROM (SELECT run_id, attempt FROM history UNION SELECT run_id, attempt FROM checkpoints
                                   EXCEPT SELECT run_id, attempt FROM attempts)"""
        ):
            lost[run_id] = -1
        for run_id, before in lost.items():
            step = take_back(self.store, run_id, before, "some of its rows were damaged, and were set aside", self.now)
            self._tell_again(run_id, f"taken back to update {step:,}")

    def _note(self, lost: dict[str, float], row: DamagedRow, before: float, *, done_too: bool = True) -> None:
        """Note to take the run of a damaged row back to before a step, to its beginning if its keys may be wrong.

        done_too: whether a run that is done is taken back as well.
        """
        job = self.store.row(
            "SELECT run_id, step, outcome FROM jobs WHERE run_id = CAST(? AS TEXT)", (bound(row.run_id),)
        )
        if job is None:
            return  # its run is another one, which has a row too few
        if job["outcome"] is not None:
            if not done_too:
                return
            before = min(before, job["step"])  # a run does not go on from its end
        run_id = job["run_id"]
        lost[run_id] = min(lost.get(run_id, FOREVER), before if self.trusted else -1)

    def _count(self) -> None:
        for table, count in COUNTS.items():
            for run_id, _, present in miscounts(self.store, table):
                self.store.execute(f"UPDATE jobs SET {count} = ? WHERE run_id = ?", (present, run_id))

    def _restore_labels(self) -> None:
        """Call runs without a label by their ids."""
        for (run_id,) in self.store.rows("SELECT run_id FROM runs WHERE run_id NOT IN (SELECT run_id FROM labels)"):
            studies = {row.values["study"] for row in self.damaged["labels"] if row.run_id == run_id}
            known = [study for (study,) in self.store.rows("SELECT id FROM studies ORDER BY id")]
            if not known:
                known = [1]
                self._insert("studies", [1, "study-1", "damaged", "", self.now, self.now])
            self._insert("labels", [run_id, next((study for study in known if study in studies), known[0]), run_id])
            self.done.append(f"run {run_id}: called by its id; {_LATER} restores its label")

    def _insert(self, table: str, values: list[Any]) -> None:
        self.store.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)

    def _tell_again(self, run_id: str, what: str) -> None:
        name = name_of(self.store, run_id)
        self.done.append(f"run {name}: {what}; `rnnctl retry {name}` makes it again")
