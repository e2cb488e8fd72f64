"""Workspace: a folder with studies and all that was trained of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from rnnctl.api import tables
from rnnctl.api.border import named_errors, opened, tell
from rnnctl.api.drawing import drawn
from rnnctl.api.queue import Workers, train_queued
from rnnctl.api.rows import Rows
from rnnctl.api.run import Run
from rnnctl.api.source import Source, planned, reference, settings_of, spec_errors_of
from rnnctl.api.study import Study
from rnnctl.api.taken import AnyName, Conditions, FigureKind, RunName, Seconds, Seeds, StudyName, Top, WorkerCount
from rnnctl.arguments import checked
from rnnctl.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.lab.delete import Chosen, Deletion
    from rnnctl.lab.effects import Effects
    from rnnctl.lab.examine import Examination
    from rnnctl.lab.interactions import StudySpans
    from rnnctl.lab.maintain import Backup, Diagnosis
    from rnnctl.lab.merge import Merge
    from rnnctl.lab.plan import Plan
    from rnnctl.lab.plot import Looks
    from rnnctl.lab.status import Status
    from rnnctl.lab.train import TrainEnd
    from store import Store


def _refuse_if_trained(store: Store, leaving: Chosen) -> None:
    """Raise LabError if one of the runs that are to be deleted is being trained."""
    from rnnctl.lab.delete import planned

    planned(store, leaving)


@checked
class Workspace:
    """A workspace, the same folder that the commands use: `workspace["mine"]` is one of its studies.

    Each method opens the database for its own time, so commands, other programs and other workspaces can go on.
    """

    @checked
    def __init__(self, folder: str | Path | None = None, *, create: bool = True) -> None:
        """Open the workspace in a folder, which is made if there is none.

        folder: None for the workspace at or above the current folder. create: False to make none. Raise NoWorkspace,
        OtherVersion if a newer version of rnnctl made it, and WorkspaceError.
        """
        from rnnctl.lab.workspaces import root_of
        from store import Store

        with named_errors():
            if folder is None or not create:
                root = root_of(None if folder is None else Path(folder))
                Store.open(root, readonly=True).close()
            else:
                root = Path(folder)
                Store.create(root).close()
        self._folder = root.resolve()

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._folder

    def add(
        self,
        study: Source,
        *,
        seeds: Seeds | None = None,
        settings: Mapping[str, Any] | Sequence[str] = (),
        replace: bool = False,
    ) -> Study:
        """Register a study and return it. Runs that are registered already stay as they are.

        study: a mapping with the sections of a study file; or the path of a file; or YAML; or the name of a study that
        comes with rnnctl. seeds: instead of the study's own. settings: laid over its base, such as
        `{"train.lr": 0.1}`. replace: delete the runs that the study no longer names, with all that was trained of them.

        Raise SpecError for a mistake in the study, with its place, and also if a run is too large for this machine.
        """
        from rnnctl.lab.register import register

        with named_errors(), spec_errors_of(study):
            registration = register(
                self._folder,
                [reference(study)],
                None if seeds is None else list(seeds),
                replace=replace,
                before_replacing=_refuse_if_trained,
                settings=settings_of(settings),
            )
        (registered,) = registration.studies
        if replace:
            self._delete_unnamed(registered.study)
        tell([*registration.warnings, *registered.warnings])
        return Study(self._folder, registered.study)

    def plan(
        self,
        study: Source,
        *,
        seeds: Seeds | None = None,
        settings: Mapping[str, Any] | Sequence[str] = (),
        device: str | None = None,
    ) -> Plan:
        """Return what `add` would register, and roughly its cost, as `rnnctl.plan` does. Nothing is registered.

        Runs that can go on from shorter ones that are registered here are counted.
        """
        return planned(study, seeds, settings, device, self._folder)

    def _delete_unnamed(self, study: str) -> None:
        from rnnctl.lab.delete import delete, unnamed

        with opened(self._folder, write=True) as store:
            chosen = unnamed(store, [study])
            if chosen.members:
                delete(store, chosen)

    def __getitem__(self, name: StudyName) -> Study:
        """Return the study of a name. Raise NotFound."""
        from rnnctl.lab.workspaces import study_named

        with opened(self._folder) as store:
            return Study(self._folder, study_named(store, name))

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and self[name] is not None
        except NotFound:
            return False

    def __iter__(self) -> Iterator[Study]:
        return (Study(self._folder, row["study"]) for row in self.studies())

    def __len__(self) -> int:
        return len(self.studies())

    def studies(self, *, hidden: bool = False) -> Rows:
        """Return a row for each study. hidden: also those in the archive."""
        from rnnctl.lab.records import plain
        from rnnctl.lab.studies import registered

        with opened(self._folder) as store:
            return Rows(map(plain, registered(store, hidden)), ("study", "runs", "note", "about"))

    def run(self, name: RunName) -> Run:
        """Return the run that a name stands for: an id or its beginning, a label, or STUDY/LABEL. Raise NotFound."""
        from rnnctl.lab.workspaces import one_run, runs_named
        from store import queries

        with opened(self._folder) as store:
            run_id = one_run(store, name)
            rows = [row for row in runs_named(store, name, hidden=True).runs if row.run_id == run_id]
            row = (rows or queries.runs_of(store, run_ids=[run_id]))[0]
        return Run(self._folder, row.study, row.label, run_id)

    def train(
        self,
        *names: AnyName,
        workers: WorkerCount = 1,
        seconds: Seconds | None = None,
        progress: bool = True,
        priority: int | None = None,
        **options: Unpack[Workers],
    ) -> TrainEnd:
        """Train the queued runs of all studies, or of these studies and runs; see `Study.train`."""
        return train_queued(self._folder, names, workers, seconds, progress, priority, **options)

    def status(self, *, hidden: bool = False) -> Status:
        """Return the state of the queue and its workers, as `rnnctl status --json` prints it."""
        from rnnctl.lab.status import status

        with opened(self._folder) as store:
            return status(store, time.time(), hidden)

    def examine(
        self,
        *,
        by: str | None = None,
        where: Conditions = (),
        below: float | None = None,
        sort: str | None = None,
        top: Top = 0,
        hidden: bool = False,
    ) -> Examination:
        """Rank the configurations of all studies, task by task; see `Study.examine`."""
        return self._examined(by=by, where=where, below=below, sort=sort, top=top, hidden=hidden, words=True)

    def _examined(self, **options: Any) -> Examination:
        from rnnctl.lab.examine import examine

        with opened(self._folder) as store:
            return examine(store, None, **options)

    def leaderboard(
        self,
        *,
        by: str | None = None,
        where: Conditions = (),
        sort: str | None = None,
        top: Top = 0,
        hidden: bool = False,
    ) -> Rows:
        """Return a row for each configuration of all studies, task by task; see `Study.leaderboard`."""
        return tables.leaderboard(self._examined(by=by, where=where, sort=sort, top=top, hidden=hidden))

    def results(self, *, where: Conditions = (), hidden: bool = False) -> Rows:
        """Return a row for each run of all studies, task by task; see `Study.results`."""
        return Rows(self._examined(where=where, hidden=hidden).rows(), tables.RESULTS)

    def effects(
        self, *, by: str = "loss", below: float | None = None, where: Conditions = (), hidden: bool = False
    ) -> Effects:
        """Analyse which hyper-parameters mattered over all studies; see `Study.effects`."""
        from rnnctl.lab.effects import effects

        with opened(self._folder) as store:
            return effects(store, None, by=by, below=below, where=where, hidden=hidden)

    def spans(self, *studies: StudyName, by: str = "loss", where: Conditions = (), hidden: bool = False) -> StudySpans:
        """Compare how far studies move a result, as `rnnctl effects --spans --json` prints it."""
        from rnnctl.lab.interactions import spans_of

        with opened(self._folder) as store:
            return spans_of(store, studies, by=by, where=where, hidden=hidden)

    def plot(
        self,
        names: str | Sequence[str],
        kind: FigureKind,
        *,
        where: Conditions = (),
        top: Top = 0,
        hidden: bool = False,
        **looks: Unpack[Looks],
    ) -> Figure:
        """Return a figure of runs and of all runs of studies together; see `Run.plot`."""
        several = [names] if isinstance(names, str) else list(names)
        if not several:
            raise InvalidArgument("names: at least one study or run is needed")
        return drawn(self._folder, several, kind, where=where, top=top, hidden=hidden, **looks)

    def script(self, *, hidden: bool = False) -> str:
        """Return a shell script that repeats all studies."""
        from rnnctl.lab.export.text import commands

        with opened(self._folder) as store:
            return "".join(f"{line}\n" for line in commands(store, None, hidden).lines)

    def retry(self, *names: AnyName) -> int:
        """Put these runs back into the queue, or without names all that failed or were quarantined. Return how many."""
        from rnnctl.lab import maintain

        with opened(self._folder, write=True) as store:
            return len(maintain.retry(store, maintain.chosen(store, names) if names else None))

    def cancel(self, *names: AnyName) -> int:
        """Take these runs out of the queue. Return how many. What they have done is kept."""
        from rnnctl.lab import maintain

        with opened(self._folder, write=True) as store:
            return len(maintain.cancel(store, maintain.chosen(store, names)))

    def delete(self, *names: AnyName, dry_run: bool = False) -> Deletion:
        """Delete studies and runs for good; see `Study.delete`."""
        from rnnctl.lab import delete as lab

        with opened(self._folder, write=not dry_run) as store:
            chosen = lab.chosen(store, names)
            return lab.planned(store, chosen) if dry_run else lab.delete(store, chosen)

    def merge(self, other: Workspace | str | Path, *, keep_texts: bool = False, dry_run: bool = False) -> Merge:
        """Bring the studies and runs of another workspace into this one; the other is only read.

        keep_texts: a study that has another text there keeps the text that it has here.
        """
        from rnnctl.lab.merge import merge

        folder = other.folder if isinstance(other, Workspace) else Path(other)
        with opened(self._folder, write=True) as store:
            merged = merge(store, folder, keep_texts=keep_texts, dry_run=dry_run)
        tell(merged.notes)
        return merged

    def doctor(self, *, repair: bool = False) -> Diagnosis:
        """Check database and checkpoints, and return what is wrong.

        repair: set what is damaged in the database aside, and files that it does not name; return what is wrong then.
        """
        from rnnctl.lab import maintain

        with opened(self._folder, write=True, unchecked=True) as store:
            diagnosis = maintain.diagnose(store)
            if repair and (diagnosis.damaged or diagnosis.orphans):
                if diagnosis.damaged:
                    maintain.repair(store)
                if diagnosis.orphans:
                    maintain.set_orphans_aside(store)
                diagnosis = maintain.diagnose(store)
            return diagnosis

    def trust(self, *modules: str, undo: bool = False) -> dict[str, Path]:
        """Let modules with parts of users be imported in this workspace without being asked; undo: no longer.

        Return all modules that the workspace trusts then, each with its file. Without modules, only return them.
        """
        from rnnctl.lab.usercode import distrust, trust, trusted

        with named_errors():
            if not modules:
                return trusted(self._folder)
            return (distrust if undo else trust)(self._folder, modules)

    def backup(self, destination: str | Path, *, checkpoints: bool = True) -> Backup:
        """Copy the workspace into a new folder, verify the copy, and return what it has and lacks."""
        from rnnctl.lab import maintain

        with opened(self._folder, write=True) as store:
            return maintain.backup(store, Path(destination), checkpoints=checkpoints)

    def __repr__(self) -> str:
        return f"Workspace({str(self._folder)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workspace) and self._folder == other._folder

    def __hash__(self) -> int:
        return hash(self._folder)

    def _repr_html_(self) -> str:
        return self.studies()._repr_html_()
