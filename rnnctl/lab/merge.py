"""Bring the runs and studies of another workspace into this one. The other one is only read."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rnnctl.lab.errors import LabError
from rnnctl.lab.maintain import described
from rnnctl.lab.records import unrecorded
from rnnctl.lab.register import apart
from rnnctl.words import counted, some
from store import Store, merging
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
    keep_texts: let a study that has another text there keep the text that it has here. Runs that only the other text
    names are then runs that the study no longer names. dry_run: bring in nothing.

    Raises LabError for a study that has another text there, and for this workspace itself; StoreError if the other
    database is damaged, was made by an earlier version, or has what rnnctl never writes. Then nothing is merged.
    """
    if other.resolve() == store.workspace.root.resolve():
        raise LabError(f"{other} is this workspace itself; name another one")
    with Store.open(other, readonly=True) as source:
        merging.check(source, described)
        plan = merging.planned(store, source, described)
        if plan.differing and not keep_texts:
            raise LabError(
                f"{some(plan.differing)}: registered here and in {other} with different texts; nothing was merged. "
                "Register one of them again under another name, or add --keep-texts to keep the texts of here"
            )
        merged = (
            merging.preview(store, source, plan) if dry_run else merging.merge(store, source, plan, time.time(), apart)
        )
    notes = [*_notes(plan.differing, plan.busy), *_notes_of_runs(merged)]
    return Merge(other, merged.studies, merged.new, merged.replaced, plan.kept, merged.file_bytes, notes)


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
