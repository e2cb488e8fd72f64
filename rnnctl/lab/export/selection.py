"""The runs of an export, their histories, and where files go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from rnnctl.lab.errors import NotYet
from rnnctl.lab.workspaces import NamedRuns
from rnnctl.report.export.names import file_names
from rnnctl.words import counted
from store import Store, history, queries
from store.files import write_whole
from store.history import History
from store.queries import RunRow

AT_ONCE = 50  # histories in memory at a time; one where they have traces


@dataclass(frozen=True)
class Selection:
    """The checked runs of a study, or one run."""

    study: str
    runs: list[RunRow]
    whole: bool  # whether it is the study
    notes: list[str]
    store: Store = field(repr=False)

    @cached_property
    def files(self) -> dict[str, str]:
        """File names by run id, of all runs of the study. They are read when they are needed: it takes long."""
        return file_names(queries.runs_of(self.store, self.study, hidden=True))

    @property
    def file(self) -> str:
        """The name of a file for all of them."""
        return self.study if self.whole else self.files[self.runs[0].run_id]


def checked(store: Store, named: NamedRuns) -> Selection:
    """Select those runs that have been checked. Raises LabError if there are none."""
    # The summary of a run comes with its first commit, and has a validation once there was a check.
    rows = [row for row in named.runs if row.summary.get("last")]
    if not rows:
        kind = "study" if named.whole else "run"
        raise NotYet(f"{kind} {named.title} has not been checked yet: there is nothing to export")
    missing = len(named.runs) - len(rows)
    notes = [f"{counted(missing, 'run')} not checked yet, left out"] if missing else []
    return Selection(named.study, rows, named.whole, notes, store)


def started(store: Store, named: NamedRuns) -> Selection:
    """Select those runs that a worker has begun. Raises LabError if there are none."""
    rows = [row for row in named.runs if row.attempt > 0]
    if not rows:
        kind = "study" if named.whole else "run"
        raise NotYet(f"{kind} {named.title} has not been trained yet: there is no log")
    missing = len(named.runs) - len(rows)
    notes = [f"{counted(missing, 'run')} not trained yet, left out"] if missing else []
    return Selection(named.study, rows, named.whole, notes, store)


def histories(store: Store, rows: list[RunRow], *, traces: bool) -> Iterator[tuple[RunRow, History]]:
    """Yield the runs that have been checked, with their histories."""
    step = 1 if traces else AT_ONCE
    for start in range(0, len(rows), step):
        batch = rows[start : start + step]
        by_run = history.read(store, [row.run_id for row in batch], traces)
        yield from ((row, by_run[row.run_id]) for row in batch if row.run_id in by_run)


def is_folder(out: str) -> bool:
    """Return whether a path is meant as a folder: it exists as one, or ends with /."""
    return out.endswith("/") or Path(out).is_dir()


def write(path: Path, fill: Callable[[BinaryIO], None], *, follow: bool = True) -> Path | None:
    """Write a file, and return its path; None if it is a device or a pipe. Raises StoreError.

    follow: whether to follow a symbolic link at the path, as for a path that the user names.
    """
    write_whole(path, fill, durable=False, follow=follow)
    return path if path.is_file() else None
