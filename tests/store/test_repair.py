"""A repair sets aside what is damaged, and leaves a database that is whole."""

from __future__ import annotations

import json

import pytest

from store import Corrupt, history, integrity, queries, queue, registry, verification
from store.registry import RunRecord, StudyRecord
from store.repair import repair
from tests.checks import CheckRow
from tests.store.damage import CHANGES, CHANGES_OF_MARKS, RUN, damage, damage_text


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


@pytest.mark.parametrize(("table", "step"), [("history", 0), ("checkpoints", 10), ("jobs", 10), ("attempts", 0)])
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
