"""A repair sets aside what is damaged, and leaves a database that is whole."""

from __future__ import annotations

import json
import sqlite3

import pytest

from store import Corrupt, Store, checkpoints, history, integrity, queries, queue, registry, verification
from store.registry import RunRecord, StudyRecord
from store.repair import repair
from tests.checks import CheckRow
from tests.store.damage import CHANGES, CHANGES_OF_MARKS, RUN, damage, damage_text, flip


def described(spec):
    """What a spec of the laboratory says of its run."""
    i, shape = spec.get("seed"), spec.get("shape")
    return RunRecord(f"r1-{shape}{i:05d}", f"c-{shape}{i // 2}", shape, spec, "", 1000) if shape else None


def repaired(lab):
    """Repair, and make sure that nothing is damaged any more."""
    lines = repair(lab.store, described, 50.0)
    assert integrity.database_findings(lab.store, described) == []
    verification.verify(lab.store)
    return lines


def kept_aside(lab):
    return [
        (row["name"], row["reason"], json.loads(row["content"])) for row in lab.store.rows("SELECT * FROM set_aside")
    ]


@pytest.mark.parametrize("table", CHANGES)
def test_each_table_is_whole_after_a_repair_and_keeps_its_damaged_row_aside(filled, table):
    damage(filled.folder, table, *CHANGES[table])
    lines = repaired(filled)
    assert lines[0].startswith(f"set aside: {table}: ")
    name, reason, content = kept_aside(filled)[0]
    assert (name, reason) == (table, "damaged")
    column, value = CHANGES[table][0].split(" = ")
    assert str(content[column]) == value.strip("'")
    assert repaired(filled) == []


@pytest.mark.parametrize(("table", "step"), [("history", 0), ("checkpoints", 10), ("jobs", 10)])
def test_a_run_goes_back_to_a_checkpoint_before_the_damage_and_retry_makes_it_again(filled, table, step):
    damage(filled.folder, table, *CHANGES[table])
    assert repaired(filled)[-1].endswith("`rnnctl retry a/S0` makes it again")
    job = filled.job(RUN)
    assert (job["status"], job["outcome"], job["summary"], job["step"]) == ("quarantined", None, None, step)
    steps = [row["step"] for row in filled.store.rows("SELECT step FROM history ORDER BY step")]
    assert steps == [s for s in (0, 10, 20) if step and s <= step]
    assert queue.retry(filled.store) == [RUN]
    (claim,) = filled.claim("w")
    assert (claim.run_id, claim.attempt, claim.step) == (RUN, 2, step)
    filled.commit(claim, 30, [CheckRow(30, {"nll": 0.1})], outcome="budget")
    assert integrity.database_findings(filled.store) == []


@pytest.mark.parametrize("change", ["exact = 0", "attempt = 3", "run_id = 'r2'"])
def test_a_done_run_whose_attempt_is_damaged_keeps_its_results(filled, change):
    before = filled.job(RUN)
    steps = history.read(filled.store, [RUN])[RUN].steps.tolist()
    damage(filled.folder, "attempts", change, "true")
    lines = repaired(filled)
    assert "run a/S0: attempt 1 is made anew; its results are kept" in lines
    assert filled.job(RUN) == before
    assert history.read(filled.store, [RUN])[RUN].steps.tolist() == steps
    assert [checkpoint.step for checkpoint in checkpoints.live(filled.store, RUN)] == [20, 10]
    (attempt,) = queries.attempts(filled.store, RUN)
    assert (attempt.ended_as, attempt.end_step, attempt.worker, attempt.exact) == ("done", 20, "unknown", False)
    assert queries.runs_of(filled.store, run_ids=[RUN])[0].exact is False
    assert repaired(filled) == []


def test_a_value_that_the_schema_does_not_allow_is_no_fault_of_an_index(filled):
    before = filled.job(RUN)
    flip(filled.folder, b"\x14done", b"\x14tone")
    with sqlite3.connect(filled.folder / "rnnctl.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("CHECK constraint failed in attempts",)]
    assert "all indexes were made anew" not in repaired(filled)
    assert filled.job(RUN) == before


def test_an_unfinished_run_whose_attempt_is_damaged_begins_again(lab, held):
    lab.commit(held, 10, [CheckRow(10, {"nll": 1.0})])
    lab.rescue(1000.0, limit=1)
    damage(lab.folder, "attempts", "exact = 0", "true")
    assert repaired(lab)[-1] == "run a/S0: taken back to update 0; `rnnctl retry a/S0` makes it again"
    assert lab.job(held.run_id)["step"] == 0


@pytest.mark.parametrize("table", ["history", "checkpoints"])
def test_the_summary_of_a_run_that_is_taken_back_is_set_aside(filled, table):
    before = filled.job(RUN)
    damage(filled.folder, table, *CHANGES[table])
    repaired(filled)
    assert filled.job(RUN)["summary"] is None
    (job,) = [content for name, _, content in kept_aside(filled) if name == "jobs"]
    assert {name: job[name] for name in ("summary", "outcome", "step")} == {
        name: before[name] for name in ("summary", "outcome", "step")
    }


@pytest.mark.parametrize("path", ["/etc/passwd", "../thesis.tex", "", "checkpoints/r1-s00000/notes.txt"])
def test_a_checkpoint_with_a_wrong_path_is_found_again_by_its_checksum(filled, path):
    """The sum of the row is right: somebody else wrote it, or it was damaged before it had a sum."""
    before, job = checkpoints.live(filled.store, RUN), filled.job(RUN)
    with filled.store.transaction():
        filled.store.execute("UPDATE checkpoints SET path = ? WHERE step = 20", (path,))
    (finding,) = integrity.database_findings(filled.store)
    assert "step 20, invalid path; " in finding.text
    assert "run a/S0: its checkpoint of update 20 was found by its checksum" in repaired(filled)
    assert (checkpoints.live(filled.store, RUN), filled.job(RUN)) == (before, job)
    assert integrity.orphans(filled.store) == []


def test_a_checkpoint_with_a_wrong_path_and_no_file_is_set_aside(filled):
    (filled.folder / checkpoints.live(filled.store, RUN)[0].path).unlink()
    with filled.store.transaction():
        filled.store.execute("UPDATE checkpoints SET path = '/etc/passwd' WHERE step = 20")
    assert repaired(filled)[-1] == "run a/S0: taken back to update 10; `rnnctl retry a/S0` makes it again"
    assert queue.retry(filled.store) == [RUN]


@pytest.mark.parametrize(
    ("table", "change", "line"),
    [
        ("studies", "name = '../x'", "study study-1: `rnnctl init STUDY` restores its text"),
        ("studies", "name = 'a' || char(27) || 'b'", "study study-1: `rnnctl init STUDY` restores its text"),
        ("labels", "label = '../x'", f"run {RUN}: called by its id; `rnnctl init STUDY` restores its label"),
    ],
)
def test_a_name_that_is_not_allowed_is_set_aside(filled, table, change, line):
    with filled.store.transaction():
        filled.store.execute(f"UPDATE {table} SET {change} WHERE {CHANGES[table][1]}")
    assert line in repaired(filled)
    Store.open(filled.folder).close()
    assert filled.job(RUN)["status"] == "done"


def test_a_number_that_is_not_finite_is_set_aside(filled):
    damage(filled.folder, "workers", "beat_at = 9e999", "true")
    repaired(filled)
    assert kept_aside(filled)[0][2]["beat_at"] == "inf"


def test_damage_after_a_checkpoint_leaves_the_history_before_it(filled):
    damage(filled.folder, "history", "at = 5", "step = 20")
    repaired(filled)
    assert history.read(filled.store, [RUN])[RUN].steps.tolist() == [0, 10]


def test_a_run_whose_spec_is_whole_keeps_all_that_it_has(filled):
    before = filled.job(RUN)
    damage(filled.folder, "runs", "total = 7", f"run_id = '{RUN}'")
    repaired(filled)
    assert filled.job(RUN) == before
    assert queries.runs_of(filled.store, run_ids=[RUN])[0].total == 1000


def test_a_damaged_spec_is_restored_by_registering_the_study_again(filled):
    damage_text(filled.folder, "runs", "spec", f"run_id = '{RUN}'")
    assert "`rnnctl init STUDY` restores it" in repaired(filled)[-1]
    assert {name for name, *_ in kept_aside(filled)} == {
        "runs", "jobs", "labels", "attempts", "history", "checkpoints", "answers",
    }  # fmt: skip
    assert kept_aside(filled)[0][2]["spec"] == {"hex": b"undec\xffdable".hex()}
    assert filled.register("a", *filled.runs(2)).new == 1
    assert filled.status(RUN) == "queued"
    assert integrity.database_findings(filled.store, described) == []


@pytest.mark.parametrize("readable", [True, False])
def test_a_damaged_label_is_restored_by_registering_the_study_again(filled, readable):
    if readable:
        damage(filled.folder, "labels", "label = 'T0'", f"run_id = '{RUN}'")
    else:
        damage_text(filled.folder, "labels", "label", f"run_id = '{RUN}'")
    assert f"run {RUN}: called by its id; `rnnctl init STUDY` restores its label" in repaired(filled)
    assert [row.label for row in queries.runs_of(filled.store)] == [RUN, "S1"]
    registry.register(filled.store, [StudyRecord("a", "", "", filled.runs(2))], 60.0)
    assert [row.label for row in queries.runs_of(filled.store)] == ["S0", "S1"]


def test_a_damaged_study_keeps_its_name_and_runs(filled):
    damage(filled.folder, "studies", "source = 'x'", "id = 1")
    repaired(filled)
    assert [(study.name, study.runs, study.source) for study in queries.studies(filled.store)] == [("a", 2, "")]


def test_an_index_that_hides_rows_is_made_anew(filled):
    root = filled.store.value("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_jobs_1'")
    path = filled.folder / "rnnctl.db"
    content = bytearray(path.read_bytes())
    content[content.index(RUN.encode(), (root - 1) * 4096, root * 4096) + 5] ^= 2
    path.write_bytes(content)
    before = len(filled.store.rows("SELECT * FROM jobs"))
    assert repaired(filled) == ["all indexes were made anew"]
    assert len(filled.store.rows("SELECT * FROM jobs")) == before
    assert filled.job(RUN)["status"] == "done"


def test_a_spec_of_another_run_is_found(filled):
    with filled.store.transaction():
        filled.store.execute('UPDATE runs SET spec = \'{"seed":7,"shape":"s"}\' WHERE run_id = ?', (RUN,))
    (finding,) = integrity.database_findings(filled.store, described)
    assert finding.text == f"the spec of run {RUN} is that of run r1-s00007"


def test_damaged_pages_are_not_repaired_and_nothing_changes(filled):
    root = filled.store.value("SELECT rootpage FROM sqlite_schema WHERE name = 'history'")
    path = filled.folder / "rnnctl.db"
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(Corrupt, match="restore it from a backup"):
        repair(filled.store, described, 50.0)
    assert path.read_bytes() == bytes(content)


@pytest.mark.parametrize("table", CHANGES_OF_MARKS)
def test_a_damaged_mark_is_set_aside_and_nothing_else(marked, table):
    damage(marked.folder, table, *CHANGES_OF_MARKS[table])
    repaired(marked)
    assert {name for name, *_ in kept_aside(marked)} == {table}


def test_the_marks_of_a_run_whose_spec_is_damaged_are_set_aside_with_it(marked):
    damage_text(marked.folder, "runs", "spec", f"run_id = '{RUN}'")
    repaired(marked)
    assert {name for name, *_ in kept_aside(marked)} >= {"runs", "tags", "run_notes"}


def test_a_study_that_only_marks_refer_to_is_put_back(marked):
    damage(marked.folder, "studies", "source = 'x'", "name = 'b'")
    repaired(marked)
    assert [(study.name, study.archived) for study in queries.studies(marked.store)] == [("a", None), ("b", 34.0)]
