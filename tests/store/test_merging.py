"""Two workspaces become one, and the other one is never touched."""

from dataclasses import replace

import pytest

from store import (
    Corrupt,
    Foreign,
    Store,
    answers,
    checkpoints,
    history,
    integrity,
    lineage,
    marks,
    merging,
    names,
    queries,
    queue,
    registry,
    verification,
)
from store.answers import Answer
from store.lineage import Descent
from store.registry import RunRecord, StudyRecord
from tests.checks import CheckRow
from tests.store.damage import CHANGES, damage
from tests.store.laboratory import Laboratory


def described(spec):
    """What a spec of the laboratory says of its run."""
    i, shape = spec["seed"], spec["shape"]
    return RunRecord(f"r1-{shape}{i:05d}", f"c-{shape}{i // 2}", shape, spec, "", 1000)


@pytest.fixture
def other(tmp_path):
    made = Laboratory(tmp_path / "other")
    yield made
    made.store.close()


def merge(lab, other):
    """Merge all, and make sure that both databases are whole and the other one unchanged."""
    before = other.everything()
    with Store.open(other.folder, readonly=True) as source:
        merging.check(source, described)
        plan = merging.planned(lab.store, source, described)
        merged = merging.merge(lab.store, source, plan, 50.0, lambda old, new: "")
    assert other.everything() == before
    assert integrity.database_findings(lab.store, described) == []
    verification.verify(lab.store)
    names.check(lab.store)
    assert integrity.checkpoint_findings(lab.store) == []
    assert integrity.orphans(lab.store) == []
    return merged


def train(lab, number, steps, outcome=None, worker="w", loss=0.5):
    """Train the first run of the queue up to some steps."""
    if lab.store.value("SELECT count(*) FROM workers WHERE id = ?", (worker,)) == 0:
        lab.start(worker)
    (claim,) = lab.claim(worker)
    assert claim.run_id == f"r1-s{number:05d}"
    for step in steps:
        lab.commit(claim, step, [CheckRow(step, {"nll": loss}, {"h": [loss]})], content=f"{worker} {step}".encode())
    if outcome:
        lab.commit(claim, 100, [CheckRow(100, {"nll": loss})], outcome=outcome, content=f"{worker} end".encode())
    return claim


def losses(lab, number):
    run_id = f"r1-s{number:05d}"
    return history.read(lab.store, [run_id], traces=True)[run_id].scalars["nll"].tolist()


def test_all_of_another_workspace_comes_in(lab, other):
    runs = other.runs(3)
    other.register("a", *runs[:2])
    child = StudyRecord("b", "about", "text", runs[1:], [Descent(runs[2].run_id, runs[1].run_id, "longer")])
    registry.register(other.store, [child], 2.0)
    train(other, 0, [10, 20, 30], "budget")
    train(other, 1, [10])  # and goes on there
    answers.add(other.store, [Answer(runs[0].run_id, "lengths", 30, {"length": 5}, {"loss": 0.5})], 30.0)
    marks.tag(other.store, [runs[0].run_id], "good", 31.0)
    marks.note_run(other.store, runs[0].run_id, "a note", 31.0)
    marks.note_study(other.store, "a", "a note on it", 31.0)
    marks.archive(other.store, "b", 31.0)
    merged = merge(lab, other)
    assert (merged.new, merged.missing) == (["a/S0", "a/S1", "b/S2"], [])
    ours, theirs = (queries.runs_of(each.store, hidden=True) for each in (lab, other))
    same = [replace(run, status="queued", worker=None, lease_until=None) if run.worker else run for run in theirs]
    assert ours == same
    assert queries.studies(lab.store) == queries.studies(other.store)
    assert lineage.parents(lab.store, runs[2].run_id) == lineage.parents(other.store, runs[2].run_id)
    assert losses(lab, 0) == losses(other, 0)
    assert answers.of_runs(lab.store, [runs[0].run_id]) == answers.of_runs(other.store, [runs[0].run_id])
    assert queries.checkpoints_of(lab.store, runs[0].run_id) == queries.checkpoints_of(other.store, runs[0].run_id)
    attempts = [queries.attempts(lab.store, run.run_id) for run in runs[:2]]
    assert [attempt.ended_as for of_run in attempts for attempt in of_run] == ["done", "released"]
    lab.start("here")
    (claim,) = lab.claim("here")
    assert (claim.run_id, claim.attempt, claim.step) == (runs[1].run_id, 2, 10)
    assert checkpoints.newest_sound(lab.store, claim.run_id).passed_over == []
    assert merge(lab, other).new == []


def test_of_a_run_that_both_have_the_further_one_is_kept_whole(lab, other):
    for each in (lab, other):
        each.register("a", *each.runs(4))
    train(lab, 0, [10], "budget", "here", 0.1)
    train(other, 0, [10, 20, 30], None, "there", 0.2)  # not done
    train(lab, 1, [10], None, "here", 0.1)
    train(other, 1, [10, 20], None, "there", 0.2)
    queue.release_from(lab.store, ["here"], 40.0)
    queue.release_from(other.store, ["there"], 40.0)
    merged = merge(lab, other)
    assert (merged.new, merged.replaced) == ([], ["a/S1"])
    assert (losses(lab, 0), losses(lab, 1)) == ([0.1, 0.1], [0.2, 0.2])
    resumed = checkpoints.newest_sound(lab.store, "r1-s00001").checkpoint
    assert checkpoints.file_of(lab.store.workspace, resumed).read_bytes() == b"there 20"
    assert len(list((lab.store.workspace.checkpoints / "r1-s00001").iterdir())) == 2


def test_a_run_that_is_trained_here_is_left_alone(lab, other):
    for each in (lab, other):
        each.register("a", *each.runs(1))
    train(lab, 0, [10], None, "here")
    train(other, 0, [10], "budget", "there")
    with Store.open(other.folder, readonly=True) as source:
        assert merging.planned(lab.store, source, described).busy == ["a/S0"]
    assert merge(lab, other).replaced == []
    assert lab.status("r1-s00000") == "running"


def test_a_study_with_another_text_keeps_the_one_of_here(lab, other):
    lab.register("a", *lab.runs(2))
    registry.register(other.store, [StudyRecord("a", "", "other text", other.runs(2, start=1))], 1.0)
    with Store.open(other.folder, readonly=True) as source:
        plan = merging.planned(lab.store, source, described)
        assert (plan.studies, plan.differing) == ([], ["a"])
    merge(lab, other)
    rows = queries.runs_of(lab.store, "a", hidden=True)
    assert [(row.label, row.named) for row in rows] == [("S0", True), ("S1", True), ("S2", False)]
    assert queries.studies(lab.store)[0].source == "study: a"


def test_a_merge_that_is_cut_off_is_completed_by_another(lab, other, monkeypatch):
    other.register("a", *other.runs(3))
    for number in range(3):
        train(other, number, [10], "budget")
    take, calls = merging._take, []

    def failing(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        take(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(merging, "AT_ONCE", 1)
        patch.setattr(merging, "_take", failing)
        with pytest.raises(KeyboardInterrupt):
            merge(lab, other)
    assert integrity.database_findings(lab.store, described) == []
    assert len(queries.runs_of(lab.store)) == 2
    assert merge(lab, other).new == ["a/S2"]
    assert queries.runs_of(lab.store) == queries.runs_of(other.store)


def test_a_checkpoint_that_is_missing_is_told_and_passed_over(lab, other):
    other.register("a", *other.runs(1))
    train(other, 0, [10, 20])
    (newest, _) = checkpoints.live(other.store)
    checkpoints.file_of(other.store.workspace, newest).unlink()
    with Store.open(other.folder, readonly=True) as source:
        plan = merging.planned(lab.store, source, described)
        merged = merging.merge(lab.store, source, plan, 50.0, lambda old, new: "")
    assert merged.missing == [(newest.path, "is missing")]
    resumption = checkpoints.newest_sound(lab.store, "r1-s00000")
    assert (resumption.checkpoint.step, len(resumption.passed_over)) == (10, 1)


@pytest.mark.parametrize("table", CHANGES)
def test_nothing_comes_from_a_damaged_workspace(filled, tmp_path, table):
    damage(filled.folder, table, *CHANGES[table])
    with Store.open(filled.folder, readonly=True) as source, pytest.raises(Corrupt, match="nothing was merged"):
        merging.check(source, described)


def test_unsafe_paths_specs_and_texts_are_refused(filled):
    def refused(change, match):
        with filled.store.transaction():
            filled.store.execute(change)
        readonly = Store.open(filled.folder, readonly=True, any_names=True)
        with readonly as source, pytest.raises((Foreign, Corrupt), match=match):
            merging.check(source, described)

    refused("UPDATE answers SET answer = 'x'", "a damaged row in answers: .*: nothing was merged")
    refused("UPDATE checkpoints SET path = '../../key' WHERE id = 1", "nothing was merged")
    refused('UPDATE runs SET spec = \'{"seed":7,"shape":"s"}\' WHERE seq = 1', "nothing was merged")
    refused("UPDATE studies SET name = '../a'", "has the study name '../a'")
