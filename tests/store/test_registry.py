from dataclasses import replace

import pytest

from store import Conflict, queries, registry
from store.registry import Registered, StudyRecord


def test_registering_twice_adds_nothing(lab):
    runs = lab.runs(3)
    assert lab.register("a", *runs) == Registered("a", new=3, shared=0, known=0)
    assert lab.register("a", *runs) == Registered("a", new=0, shared=0, known=3)
    assert queries.counts(lab.store)["queued"] == 3


def test_only_the_runs_that_are_named_now_are_counted(lab):
    lab.register("a", *lab.runs(3))
    assert lab.register("a", *lab.runs(3, start=2)) == Registered("a", new=2, shared=0, known=1)
    assert queries.counts(lab.store)["queued"] == 5


def test_two_studies_share_a_run_and_its_job(lab):
    lab.register("a", *lab.runs(2))
    shared = replace(lab.runs(1)[0], label="mine")
    assert lab.register("b", shared, *lab.runs(1, start=2)) == Registered("b", new=1, shared=1, known=0)
    assert queries.counts(lab.store)["queued"] == 3
    assert [run.label for run in queries.runs_of(lab.store, "b")] == ["mine", "S2"]
    assert [run.label for run in queries.runs_of(lab.store, "a")] == ["S0", "S1"]


def test_two_studies_registered_together_share_runs_as_well(lab):
    studies = [StudyRecord(name, "", "", lab.runs(2)) for name in ("a", "b")]
    assert registry.register(lab.store, studies, 1.0) == [
        Registered("a", new=2, shared=0, known=0),
        Registered("b", new=0, shared=2, known=0),
    ]


def test_a_study_registered_again_takes_the_new_text_and_labels_and_keeps_its_runs(lab):
    lab.register("a", *lab.runs(2), now=1.0)
    renamed = replace(lab.runs(1)[0], label="new name")
    registry.register(lab.store, [StudyRecord("a", "better", "newer text", [renamed])], 2.0)
    (study,) = queries.studies(lab.store)
    assert (study.about, study.source, study.created, study.updated) == ("better", "newer text", 1.0, 2.0)
    assert study.runs == 2
    assert [run.label for run in queries.runs_of(lab.store, "a")] == ["new name", "S1"]


def test_one_wrong_study_among_several_registers_nothing_of_any(lab):
    twice = lab.runs(1) * 2
    before = lab.everything()
    studies = [StudyRecord("a", "", "", lab.runs(2)), StudyRecord("b", "", "", twice)]
    with pytest.raises(ValueError, match="study b names run r1-s00000 twice"):
        registry.register(lab.store, studies, 1.0)
    assert lab.everything() == before


def test_equal_ids_are_equal_runs_and_the_spec_that_was_named_last_is_the_one_they_have(lab):
    first, second = lab.runs(2)
    lab.register("a", first, second)
    moved = replace(first, spec={**first.spec, "place": "elsewhere"})
    assert lab.register("b", moved) == Registered("b", new=0, shared=1, known=0)
    specs = {row.run_id: row.spec for row in queries.runs_of(lab.store)}
    assert specs == {first.run_id: moved.spec, second.run_id: second.spec}
    lab.start("w")
    assert [claim.spec for claim in lab.claim("w", pack=2)] == [moved.spec, second.spec]
    assert lab.register("a", first) == Registered("a", new=0, shared=0, known=1)
    assert {row.run_id: row.spec for row in queries.runs_of(lab.store)} == {r.run_id: r.spec for r in (first, second)}


@pytest.mark.parametrize("column", ["seq", "run_id", "config_id", "shape", "total", "created"])
def test_the_database_itself_refuses_to_change_what_a_run_is(lab, column):
    lab.register("a", *lab.runs(1))
    with pytest.raises(Conflict, match="a run never changes"), lab.store.transaction():
        lab.store.execute(f"UPDATE runs SET {column} = 7")


def test_a_run_that_was_registered_is_what_comes_back(lab):
    (record,) = lab.runs(1)
    lab.register("a", record)
    (row,) = queries.runs_of(lab.store)
    names = ("run_id", "config_id", "shape", "spec", "label", "total")
    assert {name: getattr(row, name) for name in names} == {name: getattr(record, name) for name in names}
