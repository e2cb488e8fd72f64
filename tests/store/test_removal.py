"""Deleting: what goes, what stays, and what is left if it is interrupted."""

import sqlite3
from pathlib import Path

import pytest

from store import InUse, answers, integrity, marks, queries, removal, verification
from store.answers import Answer
from store.queries import Membership
from store.tables import TABLES
from tests.checks import CheckRow

FIRST, SECOND = "r1-s00000", "r1-s00001"


def of(study, *run_ids):
    """Runs as parts of a study."""
    return [Membership(run_id, study, "", True) for run_id in run_ids]


def rows(lab, run_id):
    """The tables that have a row of a run."""
    with_run = [t for t in TABLES if "run_id" in [c["name"] for c in lab.store.rows(f"PRAGMA table_info({t})")]]
    return {t for t in with_run if lab.store.value(f"SELECT count(*) FROM {t} WHERE run_id = ?", (run_id,))}


def check_whole(lab):
    assert integrity.database_findings(lab.store) == []
    verification.verify(lab.store)


def test_a_run_goes_with_all_that_it_has_and_the_others_stay(filled):
    marks.tag(filled.store, [FIRST, SECOND], "good", 1.0)
    marks.note_run(filled.store, FIRST, "a note", 1.0)
    folder = filled.store.workspace.checkpoints / FIRST
    sizes = [path.stat().st_size for path in folder.glob("*")]
    planned = removal.planned(filled.store, members=of("a", FIRST))
    assert (planned.file_bytes, len(planned.files), len(sizes)) == (sum(sizes), 2, 2)
    assert planned.rows == {"attempts": 1, "history": 3, "checkpoints": 2, "answers": 1}
    assert planned.row_bytes > 100
    assert removal.delete(filled.store, members=of("a", FIRST)) == planned
    assert rows(filled, FIRST) == set()
    assert rows(filled, SECOND) >= {"runs", "jobs", "labels", "tags"}
    assert not folder.exists()
    assert [run.run_id for run in queries.runs_of(filled.store)] == [SECOND]
    check_whole(filled)


def test_planning_changes_nothing(filled):
    before = filled.everything()
    removal.planned(filled.store, ["a"])
    assert filled.everything() == before


def test_a_study_goes_with_its_runs_but_for_those_that_another_study_names(marked):
    marked.register("c", *marked.runs(1))
    planned = removal.delete(marked.store, ["a", "b"])
    assert [run.run_id for run in planned.kept] == [FIRST]
    assert [run.run_id for run in planned.runs] == [SECOND, "r1-s00002"]
    assert [(study.name, study.runs) for study in queries.studies(marked.store)] == [("c", 1)]
    assert rows(marked, FIRST) >= {"runs", "history", "answers", "run_notes"}
    check_whole(marked)


def test_a_run_that_another_study_does_not_name_any_more_goes_from_both(lab):
    lab.register("a", *lab.runs(2))
    lab.register("b", *lab.runs(2))
    lab.register("b", *lab.runs(1, start=1))
    assert [run.run_id for run in removal.delete(lab.store, members=of("a", FIRST)).runs] == [FIRST]
    assert rows(lab, FIRST) == set()
    check_whole(lab)


def test_a_run_leaves_only_the_study_that_is_named(lab):
    lab.register("a", *lab.runs(2))
    lab.register("b", *lab.runs(2))
    removed = removal.delete(lab.store, members=of("a", FIRST))
    assert (removed.runs, [(run.run_id, run.study) for run in removed.kept]) == ([], [(FIRST, "a")])
    assert [run.study for run in queries.runs_of(lab.store)] == ["b", "a"]
    check_whole(lab)


def test_a_run_goes_from_the_lineage_of_others(lab):
    from store import lineage, registry
    from store.lineage import Descent

    lab.register("a", *lab.runs(1))
    child = registry.StudyRecord("b", "", "", lab.runs(1, start=1), [Descent(SECOND, FIRST, "longer")])
    registry.register(lab.store, [child], 2.0)
    removal.delete(lab.store, ["a"])
    assert lineage.parents(lab.store, SECOND) == []
    check_whole(lab)


def test_nothing_is_deleted_while_a_run_is_trained(held, lab):
    lab.register("a", *lab.runs(2))
    before = lab.everything()
    with pytest.raises(
        InUse, match="nothing was deleted: run a/S0 is being trained; stop that, or `rnnctl cancel` first"
    ):
        removal.delete(lab.store, ["a"])
    assert lab.everything() == before
    assert [run.run_id for run in removal.planned(lab.store, ["a"]).running] == [FIRST]
    removal.delete(lab.store, members=of("a", SECOND))
    assert [run.run_id for run in queries.runs_of(lab.store)] == [FIRST]


def test_a_run_whose_lease_is_over_or_whose_worker_is_dead_is_not_being_trained(held, lab):
    lab.register("a", *lab.runs(2))
    lease = lab.store.value("SELECT max(lease_until) FROM jobs")
    worker = lab.store.value("SELECT worker FROM jobs WHERE status = 'running'")
    assert removal.planned(lab.store, ["a"], now=lease).running
    assert removal.planned(lab.store, ["a"], now=lease, dead_workers=["another"]).running
    assert not removal.planned(lab.store, ["a"], now=lease, dead_workers=[worker]).running
    removal.delete(lab.store, ["a"], now=lease + 1)
    assert queries.runs_of(lab.store) == []
    check_whole(lab)


def test_a_deletion_that_is_interrupted_before_its_commit_changes_nothing(filled, monkeypatch):
    before = filled.everything()
    wrong = {"studies": [("studies", "no_such_column")], "runs": []}
    monkeypatch.setattr(removal, "_referring", lambda store, parent, key: wrong[parent])
    with pytest.raises(sqlite3.OperationalError, match="no_such_column"):
        removal.delete(filled.store, ["a"])
    assert filled.everything() == before


def test_files_of_a_deletion_that_is_interrupted_after_its_commit_are_orphans(filled, monkeypatch):
    def killed(path, missing_ok=False):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            removal.delete(filled.store, ["a"])
    assert queries.runs_of(filled.store) == []
    check_whole(filled)
    assert len(integrity.orphans(filled.store)) == 2
    assert len(integrity.set_orphans_aside(filled.store)) == 2


def test_a_run_that_is_registered_again_begins_anew(filled):
    removal.delete(filled.store, ["a"])
    filled.register("a", *filled.runs(2))
    (claim,) = filled.claim("w")
    assert (claim.run_id, claim.attempt, claim.step) == (FIRST, 1, 0)
    filled.commit(claim, 10, [CheckRow(0, {"nll": 1.0})], outcome="budget")
    answers.add(filled.store, [Answer(FIRST, "lengths", 10, {"length": 5}, {"loss": 0.5})], 30.0)
    check_whole(filled)


def test_files_that_are_no_checkpoints_stay(filled):
    note = filled.store.workspace.checkpoints / FIRST / "notes.txt"
    note.write_text("mine")
    removal.delete(filled.store, ["a"])
    assert [path.name for path in note.parent.iterdir()] == ["notes.txt"]
