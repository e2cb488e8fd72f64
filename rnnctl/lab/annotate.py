"""What people say about runs and studies: tags, notes, and which studies are in the archive."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.workspaces import runs_named, study_named
from rnnctl.study.names import NAME_RULE, is_name
from rnnctl.words import cut, did_you_mean, one_line
from store import Store, marks, queries

LONGEST_NOTE = 10_000  # characters


@dataclass(frozen=True)
class Tagged:
    """How many runs a name stands for, and how many of them have got or lost the tag now."""

    runs: int
    changed: int


def tag(store: Store, name: str, word: str, *, remove: bool = False) -> Tagged:
    """Give a tag to a run or to all runs of a study, or take it from them.

    Raises LabError if there is no such study or run, for a word that cannot be a tag, and for the removal of a tag that
    none of the runs has.
    """
    ids = [row.run_id for row in runs_named(store, name).runs]
    if not is_name(word):
        raise LabError(f"{cut(word)!r} cannot be a tag; allowed: {NAME_RULE}")
    if not remove:
        return Tagged(len(ids), marks.tag(store, ids, word, time.time()))
    removed = marks.untag(store, ids, word)
    if not removed:
        raise LabError(f"{name} has no tag {word!r}{did_you_mean(word, marks.tags(store))}", Code.NOTHING)
    return Tagged(len(ids), removed)


def note(store: Store, name: str, text: str) -> str:
    """Write the note on a study or run, in the place of an earlier one; an empty text removes it. Return its name.

    Raises LabError if there is no such study or run, for a text that is too long, and if there is no note to remove.
    """
    text = text.strip()
    if len(text) > LONGEST_NOTE:
        raise LabError(f"a note has at most {LONGEST_NOTE:,} characters, not {len(text):,}")
    study = next((study for study in queries.studies(store) if study.name == name), None)
    if study is not None:
        _refuse_removal_of_nothing(name, study.note, text)
        marks.note_study(store, name, text, time.time())
        return name
    named = runs_named(store, name)
    _refuse_removal_of_nothing(named.title, named.runs[0].note, text)
    marks.note_run(store, named.runs[0].run_id, text, time.time())
    return named.title


def _refuse_removal_of_nothing(name: str, before: str, after: str) -> None:
    """Raise LabError if a note would be removed where there is none."""
    if not before and not after:
        raise LabError(f"{name} has no note", Code.NOTHING)


def archive(store: Store, names: Sequence[str], *, undo: bool = False) -> list[str]:
    """Put studies into the archive, or take them out; return those that were not there, or were.

    Raises LabError for an unknown study, and if there is nothing to do.
    """
    studies = [study_named(store, name) for name in dict.fromkeys(names)]
    changed = [
        study
        for study in studies
        if (marks.unarchive(store, study) if undo else marks.archive(store, study, time.time()))
    ]
    if not changed:
        already = "not archived" if undo else "archived already"
        raise LabError(one_line(f"{', '.join(studies)}: {already}"), Code.NOTHING)
    return changed
