"""Open a workspace, and find the runs and studies in it that a user names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.usercode import code_of
from rnnctl.lab.where import matching
from rnnctl.measures import MEASURES
from rnnctl.words import did_you_mean, shell_word, some
from store import NotFound, Store, Workspace, naming, queries, verification
from store.queries import RunRow


def root_of(folder: Path | None = None) -> Path:
    """Return the folder of a workspace: this one, or the nearest at or above the current folder.

    Raises NoWorkspace.
    """
    return Workspace.find(Path.cwd()).root if folder is None else folder


@contextmanager
def opened(
    folder: Path | None = None, *, readonly: bool = False, unchecked: bool = False, runs: Sequence[str] = ()
) -> Iterator[Store]:
    """Open the store of a workspace (see `root_of`) and close it at the end. Raises StoreError.

    Meanwhile the modules of users' parts are found, and those that the workspace trusts may be imported. unchecked:
    also where rows are damaged, or names of studies or runs are not allowed, for whoever looks for damage. runs: the
    names of the only runs that are going to be read, so that no other rows need to be sound.
    """
    root = root_of(folder)
    with Store.open(root, readonly=readonly, any_names=unchecked) as store, code_of(root):
        if runs and not unchecked:
            verification.verify_named(store, runs)
        elif not unchecked:
            verification.verify(store)
        yield store


def _not_found(kind: str, error: NotFound, studies: Sequence[str] = ()) -> LabError:
    """Return the error for an unknown name, with the nearest known one. studies: names that would have done as well."""
    listing = "rnnctl studies --here" if kind == "study" else "rnnctl runs"
    hint = did_you_mean(error.name, [*studies, *error.known]) or f"; `{listing}` shows what there is"
    return LabError(f"there is no {kind} {error.name!r}{hint}", Code.NOTHING)


def study_named(store: Store, name: str) -> str:
    """Return the name if there is a study of that name. Raises LabError."""
    try:
        return naming.resolve_study(store, name)
    except NotFound as error:
        raise _not_found(error.kind, error) from None


def one_run(store: Store, name: str) -> str:
    """Return the id of the run that a name stands for: an id or its beginning, a label, or STUDY/LABEL.

    Raises LabError if there is none, or if there are several.
    """
    try:
        return _one_run(store, name)
    except NotFound as error:
        if any(study.name == name for study in queries.studies(store)):
            what = f"{name!r} is a study, and not a run; `rnnctl runs {shell_word(name)}` shows its runs"
            raise LabError(what, Code.NOTHING) from None
        raise _not_found(error.kind, error) from None


def _one_run(store: Store, name: str) -> str:
    ids = naming.resolve_runs(store, name)
    if len(ids) > 1:
        rows = queries.runs_of(store, run_ids=ids)
        names = some([f"{row.study}/{row.label} ({row.run_id})" for row in rows])
        raise LabError(f"{name!r} could be {len(ids)} runs: {names}", Code.NOTHING)
    return ids[0]


def run_of_study(store: Store, study: str, name: str) -> RunRow:
    """Return the run of a study that a label, an id or the beginning of one stands for. Raises LabError.

    Runs that the study's file no longer names are found too.
    """
    rows = queries.runs_of(store, study_named(store, study), hidden=True)
    matches = [row for row in rows if name == row.label] or [
        row for row in rows if name and row.run_id.startswith(name)
    ]
    if len(matches) == 1:
        return matches[0]
    labels = [row.label for row in matches or rows]
    if matches:
        raise LabError(f"{name!r} could be {len(matches)} runs: {some(labels)}", Code.NOTHING)
    hint = did_you_mean(name, labels) or f"; there are {some(labels)}"
    raise LabError(f"study {study} has no run {name!r}{hint}", Code.NOTHING)


class StudyOrRun(NamedTuple):
    """What a name stands for: the name of a study, or the id of a run."""

    study: str | None
    run_id: str


def study_or_run(store: Store, name: str) -> StudyOrRun:
    """Return the study that has this name, or else the one run that it stands for (see `one_run`). Raises LabError."""
    studies = [study.name for study in queries.studies(store)]
    if name in studies:
        return StudyOrRun(name, "")
    try:
        return StudyOrRun(None, _one_run(store, name))
    except NotFound as error:
        raise _not_found("study or run", error, studies) from None


@dataclass(frozen=True)
class NamedRuns:
    """The runs that a name stands for, or several names: all runs of a study, or one run."""

    name: str
    runs: list[RunRow]
    whole: bool  # whether the name is that of a study, or there are several names
    notes: list[str]
    selection: tuple[str, ...] = ()  # what chose these runs: conditions; "all" for runs that no file names any more
    titles: tuple[str, ...] = ()  # of the names, if there are several

    @property
    def study(self) -> str:
        """The study that the runs belong to."""
        return self.runs[0].study

    @property
    def title(self) -> str:
        """STUDY or STUDY/LABEL; of several names, all of these."""
        if self.titles:
            return ", ".join(self.titles)
        return self.study if self.whole else f"{self.study}/{self.runs[0].label}"


def runs_named(store: Store, name: str, hidden: bool = False) -> NamedRuns:
    """Return the runs of the study that has this name, or else the one run that it stands for (see `one_run`).

    hidden: also the runs that the study's file no longer names. A run whose label is the name of a study is mentioned
    in a note. Raises LabError if there is no such study or run, or if there are several such runs.
    """
    study, run_id = study_or_run(store, name)
    if study is not None:
        runs, notes = _of_study(store, name, hidden), _namesakes(store, name)
        return NamedRuns(name, runs, True, notes, ("all",) if hidden else ())
    # A run can be in several studies: take the one in which it has this name, or else the first.
    matches = [
        row
        for study in queries.studies(store)
        for row in queries.runs_of(store, study.name, run_ids=[run_id])
        if name in (row.label, f"{row.study}/{row.label}")
    ]
    return NamedRuns(name, (matches or queries.runs_of(store, run_ids=[run_id]))[:1], False, [])


def runs_together(store: Store, names: Sequence[str], where: Sequence[str] = (), hidden: bool = False) -> NamedRuns:
    """Return the runs that one or several names stand for (see `runs_named`), each once, that meet all conditions.

    Raises LabError, as `runs_named` and `matching` do.
    """
    several = [runs_named(store, name, hidden) for name in dict.fromkeys(names)]
    rows: dict[str, RunRow] = {}
    for named in several:
        for row in named.runs:
            rows.setdefault(row.run_id, row)
    together = several[0]
    if len(several) > 1:
        notes = [note for named in several for note in named.notes]
        selection = tuple(dict.fromkeys(word for named in several for word in named.selection))
        titles = tuple(named.title for named in several)
        together = NamedRuns(", ".join(names), list(rows.values()), True, notes, selection, titles)
    if not where:
        return together
    return replace(together, runs=matching(together.runs, where), selection=(*where, *together.selection))


def _of_study(store: Store, study: str, hidden: bool) -> list[RunRow]:
    """Return the runs of a study. Raises LabError if its file names none of them, and these are not asked for."""
    rows = queries.runs_of(store, study, hidden=hidden)
    if not rows:
        raise LabError(f"the study {study} has no run; --all also takes those that its file named before", Code.NOTHING)
    return rows


def _namesakes(store: Store, study: str) -> list[str]:
    """Return a note on the runs that have the name of a study as their label, if there are any."""
    with suppress(NotFound):
        rows = queries.runs_of(store, run_ids=naming.resolve_runs(store, study))
        labels = [f"{row.study}/{row.label}" for row in rows if row.label == study]
        if labels:
            return [f"{study!r} is taken for the study; the run of that label is {' or '.join(labels)}"]
    return []


def selected(store: Store, study: str | None = None, where: Sequence[str] = (), hidden: bool = False) -> list[RunRow]:
    """Return the runs of a study, or of all studies, that meet all conditions (see `rnnctl.lab.where`).

    hidden: also the runs that the file of their study no longer names and, without a study, those of archived studies.
    Raises LabError for an unknown study, a wrong condition, or if there is no such run.
    """
    if study is not None:
        study = study_named(store, study)
    rows = queries.runs_of(store, study, hidden=hidden)
    if where and rows:
        rows = matching(rows, where)
    if not rows:
        archived = archived_studies(store) if study is None and not hidden else []
        raise LabError(in_archive(archived) if archived else "no run is registered", Code.NOTHING)
    return rows


def archived_studies(store: Store) -> list[str]:
    """Return the names of the studies in the archive."""
    return [study.name for study in queries.studies(store) if study.archived is not None]


def in_archive(studies: Sequence[str], listing: str = "--all") -> str:
    """Say that these studies are archived, and how to see them and take them out. listing: what shows them."""
    if len(studies) == 1:
        return f"1 study is archived; {listing} shows it, rnnctl archive {studies[0]} --undo takes it out"
    return f"{len(studies)} studies are archived; {listing} shows them, rnnctl archive NAME --undo takes one out"


def check_measure(key: str) -> None:
    """Raise LabError, with the nearest key, if there is no such measure."""
    try:
        MEASURES.named(key)
    except ValueError as error:
        raise LabError(str(error), argument="by", value=key) from None


def check_threshold(below: float | None) -> None:
    """Raise LabError for a threshold that is not a finite number."""
    if below is not None and not math.isfinite(below):
        raise LabError("a threshold is a finite number, such as 1.386", argument="below", value=below)
