"""Which run came from which: kept with the study, or not at all."""

import pytest

from store import Conflict, lineage, queries, registry
from store.lineage import Descended, Descent
from store.registry import Registered, StudyRecord


def refine(lab, name, runs, *descents):
    return registry.register(lab.store, [StudyRecord(name, "", name, list(runs), list(descents))], 2.0)[0]


def test_parents_and_children_are_found_from_either_end(lab):
    one, other, child, late = lab.runs(4)
    lab.register("a", one, other)
    descents = [Descent(child.run_id, other.run_id, "wider"), Descent(child.run_id, one.run_id, "longer")]
    assert refine(lab, "b", [child], *descents) == Registered("b", new=1, shared=0, known=0)
    refine(lab, "c", [late], Descent(late.run_id, child.run_id, "longer"))
    expected = [Descended(d.run_id, d.parent, d.variant, "b") for d in reversed(descents)]
    assert lineage.parents(lab.store, child.run_id) == expected
    assert lineage.children(lab.store, one.run_id) == expected[:1]
    assert lineage.children(lab.store, other.run_id) == expected[1:]
    assert [actual.study for actual in lineage.children(lab.store, child.run_id)] == ["c"]
    assert lineage.parents(lab.store, one.run_id) == []


def test_a_descent_that_is_known_stays_one(lab):
    one, child = lab.runs(2)
    lab.register("a", one)
    descent = Descent(child.run_id, one.run_id, "longer")
    refine(lab, "b", [child], descent, descent)
    refine(lab, "b", [child], descent)
    assert lineage.parents(lab.store, child.run_id) == [Descended(child.run_id, one.run_id, "longer", "b")]
    refine(lab, "c", [child], descent)
    assert [actual.study for actual in lineage.parents(lab.store, child.run_id)] == ["b", "c"]


@pytest.mark.parametrize("parent", ["r1-nobody", None])
def test_a_descent_from_nobody_or_from_itself_leaves_everything_as_it_was(lab, parent):
    one, child = lab.runs(2)
    lab.register("a", one)
    before = lab.everything()
    good = Descent(child.run_id, one.run_id, "longer")
    with pytest.raises(Conflict):
        refine(lab, "b", [child], good, Descent(child.run_id, parent or child.run_id, "wider"))
    assert lab.everything() == before
    assert queries.counts(lab.store)["queued"] == 1


def test_a_refinement_that_is_interrupted_leaves_everything_as_it_was(lab, monkeypatch):
    one, child = lab.runs(2)
    lab.register("a", one)
    before = lab.everything()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(lineage, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        refine(lab, "b", [child], Descent(child.run_id, one.run_id, "longer"))
    assert lab.everything() == before
