"""Bring the runs and studies of another workspace into this one. The other one is only read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rnnctl.lab.errors import LabError
from rnnctl.lab.maintain import described
from rnnctl.lab.records import unrecorded
from rnnctl.lab.register import apart, study_record
from rnnctl.study import yaml
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import Study, read_study
from rnnctl.study.replicates import with_seeds
from rnnctl.words import counted, some
from store import Store, merging, queries, registry
from store.merging import Merged


@dataclass(frozen=True)
class Merge:
    """What a merge brings in, or would.

    studies: names of studies that are new here. new, replaced: runs, as STUDY/LABEL; those that are replaced were
    further in the other workspace. kept: the number of runs that are as far here, or further.
    """

    other: Path
    studies: list[str]
    new: list[str]
    replaced: list[str]
    kept: int
    file_bytes: int
    notes: list[str] = unrecorded()

    @property
    def empty(self) -> bool:
        """Whether the other workspace has nothing that is not here."""
        return not (self.studies or self.new or self.replaced)


def merge(store: Store, other: Path, *, keep_texts: bool = False, dry_run: bool = False) -> Merge:
    """Merge the workspace in the folder `other` into this one.

    Of a run that both have, the state that is further is kept, whole: done before not done, then more updates.
    A study whose texts differ only in their seeds has the seeds of both afterwards. keep_texts: let a study that has
    another text there keep the text that it has here. Runs that only the other text names are then runs that the study
    no longer names. dry_run: bring in nothing.

    Raises LabError for a study whose text there differs in more than its seeds, and for this workspace itself;
    StoreError if the other database is damaged, was made by an earlier version, or has what rnnctl never writes. Then
    nothing is merged.
    """
    if other.resolve() == store.workspace.root.resolve():
        raise LabError(f"{other} is this workspace itself; name another one")
    with Store.open(other, readonly=True) as source:
        merging.check(source, described)
        plan = merging.planned(store, source, described)
        together = {} if keep_texts else _with_all_seeds(store, source, plan.differing)
        differing = [name for name in plan.differing if name not in together]
        if differing and not keep_texts:
            raise LabError(
                f"{some(differing)}: registered here and in {other} with different texts; nothing was merged. "
                "Register one of them again under another name, or add --keep-texts to keep the texts of here"
            )
        merged = (
            merging.preview(store, source, plan) if dry_run else merging.merge(store, source, plan, time.time(), apart)
        )
    longer = [study for study in together.values() if study is not None]
    if longer and not dry_run:
        registry.register(store, [study_record(study) for study in longer], time.time(), apart)
    notes = [f"study {study.name} has the seeds of both workspaces" for study in longer]
    notes += [*_notes(differing, plan.busy), *_notes_of_runs(merged)]
    return Merge(other, merged.studies, merged.new, merged.replaced, plan.kept, merged.file_bytes, notes)


def _with_all_seeds(store: Store, other: Store, names: Sequence[str]) -> dict[str, Study | None]:
    """Return those studies whose texts differ only in their seeds, with the seeds of both workspaces.

    None for a study that has all seeds here already. A study is left out, as one whose text differs in more, if the
    runs of the common text are not those that the two workspaces name, or if its text cannot be read here.
    """
    together: dict[str, Study | None] = {}
    texts, texts_there = ({study.name: study.source for study in queries.studies(each)} for each in (store, other))
    for name in names:
        if name not in texts or name not in texts_there:  # deleted meanwhile
            continue
        here, there = (queries.runs_of(each, name) for each in (store, other))
        seeds = list(dict.fromkeys(row.spec["seed"] for row in [*here, *there]))
        with suppress(SpecError):
            common = with_seeds(texts[name], seeds)
            if yaml.parse(common).plain() != yaml.parse(with_seeds(texts_there[name], seeds)).plain():
                continue
            study = read_study(common, f"study {name}", own_seeds=False)
            ids = {run.spec.run_id for run in study.runs}
            if ids == {row.run_id for row in [*here, *there]}:
                together[name] = None if len(ids) == len(here) else study
    return together


def _notes(differing: list[str], busy: list[str]) -> list[str]:
    notes = [f"study {name} keeps the text that it has here" for name in differing]
    if busy:
        notes.append(f"{counted(len(busy), 'run')} being trained here, not merged: {some(busy)}; merge again later")
    return notes


def _notes_of_runs(merged: Merged) -> list[str]:
    notes = [f"{name}: not merged: {reason}" for name, reason in merged.refused]
    for changed, where in ((merged.changed_here, "here"), (merged.changed_there, "there")):
        if changed:
            notes.append(f"{some(changed)}: changed {where} meanwhile, not merged; merge again")
    return notes + [f"{path} {reason}: not copied" for path, reason in merged.missing]
