"""Two workspaces become one, and the other one is never touched."""

from contextlib import suppress
from dataclasses import replace

import pytest

from store import (
    Busy,
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
    places,
    queries,
    queue,
    registry,
    removal,
    run_copy,
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


def bring(lab, other, dry=False):
    """Merge all from a workspace that may have lost files, or whose workers go on."""
    with Store.open(other.folder, readonly=True) as source:
        plan = merging.planned(lab.store, source, described)
        if dry:
            return merging.preview(lab.store, source, plan)
        return merging.merge(lab.store, source, plan, 50.0, lambda old, new: "")


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
    train(other, 0, [10, 20], "budget")
    (newest, _) = checkpoints.live(other.store)
    checkpoints.file_of(other.store.workspace, newest).unlink()
    merged = bring(lab, other)
    assert (merged.new, merged.missing) == (["a/S0"], [(newest.path, "is missing")])
    resumption = checkpoints.newest_sound(lab.store, "r1-s00000")
    assert (resumption.checkpoint.step, len(resumption.passed_over)) == (20, 1)


def lose(lab, count):
    """Remove the newest checkpoint files of the first run; return the path of the newest."""
    lost = checkpoints.live(lab.store, "r1-s00000")[:count]
    for checkpoint in lost:
        checkpoints.file_of(lab.store.workspace, checkpoint).unlink()
    return lost[0].path


def both_trained(lab, other, here, there, outcome=None):
    """Register a run in both workspaces, train it to these steps, and release it."""
    for each in (lab, other):
        each.register("a", *each.runs(1))
    train(lab, 0, here, None, "here", 0.1)
    train(other, 0, there, outcome, "there", 0.2)
    queue.release_from(lab.store, ["here"], 40.0)
    queue.release_from(other.store, ["there"], 40.0)


@pytest.mark.parametrize(
    ("here", "there", "outcome", "lost"),
    [
        ([800, 900], [940, 950], None, 2),
        ([800, 900], [940, 950], None, 1),  # the older one is beyond the run here, but updates would be lost
        ([80, 90], [85], "budget", 1),  # what is left is older than the run here
        ([], [10, 20], None, 1),  # nothing is here
    ],
)
def test_a_run_with_lost_checkpoints_does_not_replace_the_one_here(lab, other, here, there, outcome, lost):
    both_trained(lab, other, here, there, outcome)
    path = lose(other, lost)
    before = lab.everything()
    reason = f"{path} is missing there"
    for merged in (bring(lab, other, dry=True), bring(lab, other)):
        assert (merged.replaced, merged.refused, merged.missing) == ([], [("a/S0", reason)], [])
        assert lab.everything() == before
    resumption = checkpoints.newest_sound(lab.store, "r1-s00000")
    assert (resumption.checkpoint.step if here else resumption.checkpoint) == (here[-1] if here else None)


def test_a_new_run_that_is_not_done_comes_with_its_newest_checkpoint_or_not_at_all(lab, other):
    other.register("a", *other.runs(1))
    train(other, 0, [10, 20])
    path = lose(other, 1)
    assert bring(lab, other).refused == [("a/S0", f"{path} is missing there")]
    assert queries.runs_of(lab.store) == []
    assert not list(lab.store.workspace.checkpoints.rglob("*.*"))


def test_a_run_that_is_done_there_comes_with_a_checkpoint_beyond_the_run_here(lab, other):
    both_trained(lab, other, [10], [10, 20], "budget")
    path = lose(other, 1)
    for merged in (bring(lab, other, dry=True), bring(lab, other)):
        assert (merged.replaced, merged.missing) == (["a/S0"], [(path, "is missing")])
    assert losses(lab, 0) == [0.2, 0.2, 0.2]


def test_files_that_the_database_does_not_know_stay(lab, other):
    both_trained(lab, other, [10, 20], [30])
    folder = places.folder_of(lab.store.workspace, "r1-s00000")
    unknown, killed = (folder / places.new_name(9, step) for step in (990, 991))
    unfinished = folder / f"{places.new_name(9, 992)}.tmp"
    for path in (unknown, killed, places.mark_of(killed), unfinished):
        path.touch()
    assert bring(lab, other).replaced == ["a/S0"]
    (newest,) = checkpoints.live(lab.store, "r1-s00000")
    assert set(folder.iterdir()) == {unknown, checkpoints.file_of(lab.store.workspace, newest)}


def while_copying(monkeypatch, act):
    """Do something after each file that is copied."""
    copy = run_copy.copy_file

    def copying(*arguments):
        reason = copy(*arguments)
        act()
        return reason

    monkeypatch.setattr(run_copy, "copy_file", copying)


def test_workers_of_the_other_workspace_commit_while_files_are_copied(lab, other, monkeypatch):
    other.store.rows("PRAGMA journal_mode = DELETE")  # where a reader blocks every commit
    other.register("a", *other.runs(1))
    claim = train(other, 0, [10])
    beats = []
    with Store.open(other.folder, timeout=0.2) as worker:
        while_copying(monkeypatch, lambda: beats.append(queue.beat(worker, "w", [(claim, 11)], 50.0, 60.0, True)))
        assert bring(lab, other).new == ["a/S0"]
    assert len(beats) == 1


def test_a_run_whose_checkpoints_change_while_they_are_copied_is_copied_again(lab, other, monkeypatch):
    other.register("a", *other.runs(1))
    claim = train(other, 0, [10, 20])
    steps = [30, 40]
    while_copying(monkeypatch, lambda: steps and other.commit(claim, steps.pop(0), content=b"later"))
    merged = bring(lab, other)
    assert (merged.new, merged.missing, merged.refused) == (["a/S0"], [], [])
    kept = checkpoints.live(lab.store, "r1-s00000")
    assert [checkpoint.step for checkpoint in kept] == [40, 30]
    files = {checkpoints.file_of(lab.store.workspace, checkpoint) for checkpoint in kept}
    assert set(places.folder_of(lab.store.workspace, "r1-s00000").iterdir()) == files


def test_a_run_whose_checkpoints_never_stay_the_same_is_left_out(lab, other, monkeypatch):
    other.register("a", *other.runs(1))
    claim = train(other, 0, [10, 20])
    steps = iter(range(30, 1000, 10))
    while_copying(monkeypatch, lambda: other.commit(claim, next(steps)))
    assert bring(lab, other).changed_there == ["a/S0"]
    assert integrity.orphans(lab.store) == []


def test_copied_files_that_are_set_aside_before_their_rows_are_there_are_copied_again(lab, other, monkeypatch):
    other.register("a", *other.runs(1))
    train(other, 0, [10], "budget")
    moved = []
    while_copying(monkeypatch, lambda: moved or moved.extend(integrity.set_orphans_aside(lab.store)))
    assert bring(lab, other).new == ["a/S0"]
    assert moved
    assert integrity.checkpoint_findings(lab.store) == []


def test_runs_that_are_registered_while_a_merge_is_planned_do_not_disturb_it(lab, other, monkeypatch):
    for each in (lab, other):
        each.register("a", *each.runs(1))
    states = merging._states

    def meanwhile(store, run_ids=None):
        result = states(store, run_ids)
        if store is lab.store:
            return result
        # Without write-ahead logging, whoever registers must wait for the plan.
        with Store.open(other.folder, timeout=0.1) as second, suppress(Busy):
            registry.register(second, [StudyRecord("b", "", "b", other.runs(1, start=3))], 2.0)
        return result

    monkeypatch.setattr(merging, "_states", meanwhile)
    with Store.open(other.folder, readonly=True) as source:
        plan = merging.planned(lab.store, source, described)
    assert (plan.new, plan.kept) == ([], 1)


def test_what_is_deleted_there_after_the_plan_was_made_is_told(lab, other):
    other.register("a", *other.runs(1))
    with Store.open(other.folder, readonly=True) as source:
        plan = merging.planned(lab.store, source, described)
        removal.delete(other.store, ["a"])
        merged = merging.merge(lab.store, source, plan, 50.0, lambda old, new: "")
    assert (merged.studies, merged.new, merged.changed_there) == ([], [], ["a", "a/S0"])


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
