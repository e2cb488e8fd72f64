from dataclasses import replace

import pytest

from store import Conflict, naming, queries, queue, registry
from store.registry import Registered, StudyRecord, Unnamed


def test_registering_twice_adds_nothing(lab):
    runs = lab.runs(3)
    assert lab.register("a", *runs) == Registered("a", new=3, shared=0, known=0)
    assert lab.register("a", *runs) == Registered("a", new=0, shared=0, known=3)
    assert queries.counts(lab.store)["queued"] == 3


def test_only_the_runs_that_are_named_now_are_counted(lab):
    lab.register("a", *lab.runs(3))
    unnamed = [Unnamed("r1-s00000", "S0"), Unnamed("r1-s00001", "S1")]
    assert lab.register("a", *lab.runs(3, start=2)) == Registered("a", new=2, shared=0, known=1, unnamed=unnamed)
    assert queries.counts(lab.store, hidden=True)["queued"] == 5


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
    assert (study.runs, study.unnamed) == (1, 1)
    assert [run.label for run in queries.runs_of(lab.store, "a", hidden=True)] == ["new name", "S1"]


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
    assert lab.register("a", first, second) == Registered("a", new=0, shared=0, known=2)
    assert {row.run_id: row.spec for row in queries.runs_of(lab.store)} == {r.run_id: r.spec for r in (first, second)}


@pytest.mark.parametrize("column", ["seq", "run_id", "config_id", "total", "created"])
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


def shapes(lab, *numbers):
    """The shape of each run, which both its rows have."""
    rows = lab.store.rows("SELECT run_id, runs.shape, jobs.shape AS copy FROM runs JOIN jobs USING (seq, run_id)")
    assert all(row["shape"] == row["copy"] for row in rows)
    by_id = {row["run_id"]: row["shape"] for row in rows}
    return [by_id[f"r1-s{number:05d}"] for number in numbers]


def test_new_keys_decide_which_runs_are_claimed_together(lab):
    ids = [run.run_id for run in lab.runs(4)]
    lab.register("a", *lab.runs(4))
    key = '{"cell":"gru","optimizer":"adam"}'
    assert registry.rekey(lab.store, {ids[1]: key, ids[3]: key, ids[2]: "s", "r1-nobody": key}) == [ids[1], ids[3]]
    assert shapes(lab, 0, 1, 2, 3) == ["s", key, "s", key]
    assert [row.shape for row in queries.runs_of(lab.store)] == ["s", key, "s", key]
    lab.start("w")
    assert [claim.run_id for claim in lab.claim("w", pack=4)] == [ids[0], ids[2]]
    assert [(claim.run_id, claim.shape) for claim in lab.claim("w", pack=4)] == [(ids[1], key), (ids[3], key)]


def test_running_and_finished_runs_keep_their_keys_and_every_other_run_is_checked(lab):
    ids = [run.run_id for run in lab.runs(5)]
    lab.register("a", *lab.runs(5))
    lab.start("w")
    done, running, failed = lab.claim("w", pack=3)
    lab.commit(done, 10, outcome="solved")
    queue.fail(lab.store, failed, "traceback", 20.0, 1, lambda strikes: 0.0)
    queue.cancel(lab.store, [ids[3]], 20.0)
    assert queries.keys_to_check(lab.store) == [(ids[i], "s", {"shape": "s", "seed": i}) for i in (2, 3, 4)]
    assert sorted(registry.rekey(lab.store, dict.fromkeys(ids, "new"))) == ids[2:]
    assert shapes(lab, 0, 1, 2, 3, 4) == ["s", "s", "new", "new", "new"]
    queue.release(lab.store, running, 30.0)
    assert queries.keys_to_check(lab.store)[0] == (ids[1], "s", {"shape": "s", "seed": 1})


def test_a_study_registered_again_gives_its_runs_their_new_shapes(lab):
    first, second = lab.runs(2)
    lab.register("a", first, second)
    lab.register("b", replace(first, shape="new"))
    assert shapes(lab, 0, 1) == ["new", "s"]


def test_runs_that_a_study_no_longer_names_stay_and_are_neither_shown_nor_trained(lab):
    lab.register("a", *lab.runs(3))
    registered = lab.register("a", *lab.runs(1, start=1), now=2.0)
    assert registered == Registered(
        "a", new=0, shared=0, known=1, unnamed=[Unnamed("r1-s00000", "S0"), Unnamed("r1-s00002", "S2")]
    )
    assert [run.label for run in queries.runs_of(lab.store, "a")] == ["S1"]
    assert [run.label for run in queries.runs_of(lab.store)] == ["S1"]
    for rows in (queries.runs_of(lab.store, "a", hidden=True), queries.runs_of(lab.store, hidden=True)):
        assert [(run.label, run.named) for run in rows] == [("S0", False), ("S1", True), ("S2", False)]
    assert [run.study for run in queries.runs_of(lab.store, run_ids=["r1-s00002"])] == ["a"]
    assert queries.counts(lab.store)["queued"] == queries.counts_by_study(lab.store)["a"]["queued"] == 1
    assert queries.counts(lab.store, hidden=True)["queued"] == 3
    assert queries.queued(lab.store).runs == 1
    (study,) = queries.studies(lab.store)
    assert (study.runs, study.unnamed) == (1, 2)
    lab.start("w")
    assert [claim.label for claim in lab.claim("w", pack=9)] == ["S1"]
    assert lab.claim("w", pack=9) == []


def test_a_run_that_is_named_again_is_shown_and_trained_again(lab):
    lab.register("a", *lab.runs(2))
    lab.register("a", *lab.runs(1))
    assert lab.register("a", *lab.runs(2)) == Registered("a", new=0, shared=0, known=1, named_again=1)
    assert [run.label for run in queries.runs_of(lab.store, "a")] == ["S0", "S1"]
    lab.start("w")
    assert len(lab.claim("w", pack=9)) == 2


def test_a_run_that_another_study_names_is_still_trained_and_shown_there(lab):
    lab.register("a", *lab.runs(2))
    lab.register("b", *lab.runs(2))
    lab.register("a", *lab.runs(1))
    assert [(run.study, run.label) for run in queries.runs_of(lab.store)] == [("a", "S0"), ("b", "S1")]
    assert queries.queued(lab.store).runs == 2


def test_a_label_that_even_its_ending_does_not_tell_apart_keeps_the_ending_before_the_id(lab):
    first, second, third = (replace(run, label="EC1") for run in lab.runs(3))
    for run in (first, second, third):
        registry.register(lab.store, [StudyRecord("a", "", "", [run])], 2.0, lambda old, new: "lr=0.1 +2")
    rows = queries.runs_of(lab.store, "a", hidden=True)
    assert [run.label for run in rows] == ["EC1 lr=0.1 +2", f"EC1 lr=0.1 +2 {second.run_id}", "EC1"]


def test_labels_of_runs_that_are_no_longer_named_are_told_apart(lab):
    first, second, third = (replace(run, label="EC1") for run in lab.runs(3))
    lab.register("a", first)
    study = StudyRecord("a", "", "", [second])
    (registered,) = registry.register(lab.store, [study], 2.0, lambda old, new: f"seed={old['seed']}")
    assert registered.unnamed == [Unnamed(first.run_id, "EC1 seed=0")]
    assert lab.register("a", third).unnamed == [Unnamed(second.run_id, f"EC1 {second.run_id}")]
    rows = queries.runs_of(lab.store, "a", hidden=True)
    assert [run.label for run in rows] == ["EC1 seed=0", f"EC1 {second.run_id}", "EC1"]
    assert naming.resolve_runs(lab.store, "EC1") == [third.run_id]
    assert naming.resolve_runs(lab.store, "a/EC1 seed=0") == [first.run_id]
