"""Tags, notes and the archive."""

import pytest

from store import Damaged, integrity, marks, queries, verification
from tests.store.damage import CHANGES_OF_MARKS, damage


def test_an_archived_study_is_neither_listed_nor_trained_until_it_is_taken_out(lab):
    lab.register("a", *lab.runs(2))
    lab.register("b", *lab.runs(2, start=1))
    assert marks.archive(lab.store, "a", 5.0)
    assert not marks.archive(lab.store, "a", 6.0)
    assert queries.counts_by_study(lab.store).keys() == {"b"}
    assert queries.counts_by_study(lab.store, hidden=True).keys() == {"a", "b"}
    assert [(run.study, run.label) for run in queries.runs_of(lab.store)] == [("b", "S1"), ("b", "S2")]
    assert [run.study for run in queries.runs_of(lab.store, hidden=True)] == ["a", "b", "b"]
    assert [run.label for run in queries.runs_of(lab.store, "a")] == ["S0", "S1"]  # it was named
    assert [study.archived for study in queries.studies(lab.store)] == [5.0, None]
    lab.start("w")
    assert [claim.run_id for claim in lab.claim("w", pack=9)] == ["r1-s00001", "r1-s00002"]
    assert lab.claim("w") == []
    assert marks.unarchive(lab.store, "a")
    assert not marks.unarchive(lab.store, "a")
    assert [claim.run_id for claim in lab.claim("w")] == ["r1-s00000"]


def test_tags_belong_to_runs_and_are_given_once(lab):
    first, second = (run.run_id for run in lab.runs(2))
    lab.register("a", *lab.runs(2))
    assert marks.tag(lab.store, [first, second], "good", 5.0) == 2
    assert marks.tag(lab.store, [first], "good", 6.0) == 0
    assert marks.tag(lab.store, [first], "best", 6.0) == 1
    assert marks.tags(lab.store) == ["best", "good"]
    assert [run.tags for run in queries.runs_of(lab.store)] == [("best", "good"), ("good",)]
    assert marks.untag(lab.store, [first, second], "good") == 2
    assert marks.untag(lab.store, [first, second], "good") == 0
    assert [run.tags for run in queries.runs_of(lab.store)] == [("best",), ()]


def test_a_note_replaces_the_one_before_and_an_empty_one_removes_it(lab):
    lab.register("a", *lab.runs(1))
    for text in ("first", "second", ""):
        marks.note_run(lab.store, "r1-s00000", text, 5.0)
        marks.note_study(lab.store, "a", text.upper(), 5.0)
        assert [run.note for run in queries.runs_of(lab.store)] == [text]
        assert [study.note for study in queries.studies(lab.store)] == [text.upper()]


@pytest.mark.parametrize("table", CHANGES_OF_MARKS)
def test_a_damaged_mark_is_noticed(marked, table):
    verification.verify(marked.store)
    damage(marked.folder, table, *CHANGES_OF_MARKS[table])
    with pytest.raises(Damaged, match=f"has a damaged row \\({table}: "):
        verification.verify(marked.store)
    (finding,) = integrity.database_findings(marked.store)
    assert finding.text.startswith(f"a damaged row in {table}: ")


@pytest.mark.parametrize("table", CHANGES_OF_MARKS)
def test_a_damaged_mark_cannot_be_changed_into_a_sound_one(marked, table):
    damage(marked.folder, table, *CHANGES_OF_MARKS[table])
    with pytest.raises(Damaged, match="cannot be changed"), marked.store.transaction():
        marked.store.execute(f"UPDATE {table} SET at = at")
