"""A run begins at a checkpoint of another one, with copies of its own; where it began is kept."""

from dataclasses import replace

import pytest

from store import (
    Damaged,
    LeaseLost,
    Store,
    StoreError,
    checkpoints,
    commits,
    extension,
    history,
    queries,
    queue,
    registry,
    trajectories,
    verification,
)
from store.origins import Origin, origins
from store.registry import StudyRecord
from store.repair import repair
from tests.checks import CheckRow
from tests.store.damage import CHANGES_OF_EXTENSIONS, damage, damage_text, flip
from tests.store.laboratory import go_on

PARENT, RUN = "r1-s00000", "r1-s00001"


@pytest.fixture
def family(lab):
    """A run of 20 updates that is done, with checks and two checkpoints, and another one of its trajectory."""
    first, second = (replace(run, trajectory="t") for run in lab.runs(2))
    lab.register("a", first, second)
    lab.start("w")
    (claim,) = lab.claim("w")
    lab.commit(claim, 10, [CheckRow(0, {"nll": 1.0}), CheckRow(10, {"nll": 0.5}, {"h": [1.0, 2.0]})])
    lab.commit(claim, 20, [CheckRow(20, {"nll": 0.25})], outcome="budget")
    return lab


@pytest.fixture
def heir(family):
    """The other run, claimed."""
    (claim,) = family.claim("w")
    return claim


def offered(lab, claim, trajectory="t"):
    return [(relative.run_id, relative.source.step) for relative in extension.relatives(lab.store, claim, trajectory)]


def test_checkpoints_of_the_trajectory_are_offered_newest_first(family, heir):
    newest, older = extension.relatives(family.store, heir, "t")
    assert (newest.run_id, newest.name, newest.source.step, older.source.step) == (PARENT, "a/S0", 20, 10)
    assert newest.spec == {"shape": "s", "seed": 0}
    assert newest.checkpoint.read_bytes() == b"weights"
    assert newest.history.steps.tolist() == [0, 10, 20]
    assert offered(family, heir, "other") == []
    assert offered(family, replace(heir, total=19)) == [(PARENT, 10)]


def test_what_has_other_bits_is_not_offered(family, heir):
    family.start("elsewhere", {"bits": {"threads": 2}})
    assert offered(family, replace(heir, worker="elsewhere")) == []
    with family.store.transaction():
        family.store.execute("UPDATE attempts SET exact = 0 WHERE run_id = ?", (PARENT,))
    assert offered(family, heir) == []


def test_what_is_damaged_is_not_offered_and_harms_nobody(family, heir):
    newest, older = extension.relatives(family.store, heir, "t")
    newest.checkpoint.write_bytes(b"Weights")
    assert offered(family, heir) == [(PARENT, 10)]
    older.checkpoint.unlink()
    assert offered(family, heir) == []
    newest.checkpoint.write_bytes(b"weights")
    damage(family.folder, "history", "scalars = '{}'", "step = 10")
    assert offered(family, heir) == []


@pytest.mark.parametrize(("table", "column"), [("runs", "spec"), ("checkpoints", "path"), ("checkpoints", "sha256")])
def test_a_relative_with_a_text_that_is_not_utf8_is_not_offered(family, heir, table, column):
    family.store.close()
    damage_text(family.folder, table, column, "step = 20" if table == "checkpoints" else f"run_id = '{PARENT}'")
    with Store.open(family.folder) as store:
        assert extension.relatives(store, heir, "t") == []


def test_what_is_damaged_is_told_unless_the_run_began_beyond_it(family, heir):
    newest, older = extension.relatives(family.store, heir, "t")
    assert extension.unfit(family.store, RUN) == []
    newest.checkpoint.write_bytes(b"Weights")
    changed = extension.Unfit(PARENT, "a/S0", 20, "its content has changed (sha256 differs)")
    assert extension.unfit(family.store, RUN) == [changed]
    older.checkpoint.unlink()
    assert extension.unfit(family.store, RUN) == [changed, extension.Unfit(PARENT, "a/S0", 10, "is missing")]
    older.checkpoint.write_bytes(b"weights")
    assert extension.unfit(family.store, RUN) == [changed]
    newest.checkpoint.write_bytes(b"weights")
    assert go_on(family, heir, PARENT, checked=19)
    newest.checkpoint.unlink()
    assert extension.unfit(family.store, RUN) == []


def test_damaged_rows_of_a_relative_are_told(family, heir):
    damage(family.folder, "checkpoints", "sha256 = 'x'", "step = 20")
    assert {told.reason for told in extension.unfit(family.store, RUN)} == {"has damaged rows in the database"}


def test_a_run_takes_over_a_checkpoint_and_the_history_before_it(family, heir):
    assert go_on(family, heir, PARENT, checked=19)
    past, own = (history.read(family.store, [run_id], traces=True)[run_id] for run_id in (PARENT, RUN))
    assert own.steps.tolist() == [0, 10]
    assert own.scalars["nll"].tolist() == past.scalars["nll"].tolist()[:2]
    assert own.traces["h"][1].tolist() == [1.0, 2.0]
    (run,) = queries.runs_of(family.store, run_ids=[RUN])
    assert (run.status, run.step, run.summary, run.exact) == ("running", 20, {"step": 20}, True)
    (attempt,) = queries.attempts(family.store, RUN)
    assert attempt.start_step == 20
    (checkpoint,) = checkpoints.live(family.store, RUN)
    assert checkpoints.unsoundness(family.store.workspace, checkpoint) is None
    assert origins(family.store).get(RUN) == Origin(PARENT, "a/S0", 20)
    assert origins(family.store).get(PARENT) is None
    family.commit(heir, 30, [CheckRow(20, {"nll": 0.25}), CheckRow(30, {"nll": 0.1})], outcome="budget")
    assert origins(family.store).get(RUN) == Origin(PARENT, "a/S0", 20)


def test_the_run_does_not_depend_on_the_other_one_afterwards(family, heir):
    go_on(family, heir, PARENT, checked=19)
    for path in family.store.workspace.checkpoints.joinpath(PARENT).iterdir():
        path.unlink()
    with family.store.transaction():
        family.store.execute("DELETE FROM history WHERE run_id = ?", (PARENT,))
    queue.release(family.store, heir, 50.0)
    (again,) = family.claim("w", now=60.0)
    assert (again.run_id, again.step) == (RUN, 20)
    assert checkpoints.newest_sound(family.store, RUN).checkpoint.step == 20
    assert history.read(family.store, [RUN])[RUN].steps.tolist() == [0, 10]


def test_where_a_run_began_is_that_of_its_newest_beginning(family, heir):
    go_on(family, heir, PARENT, checked=19)
    (own,) = checkpoints.live(family.store, RUN)
    checkpoints.file_of(family.store.workspace, own).write_bytes(b"other")
    queue.release(family.store, heir, 50.0)
    (again,) = family.claim("w", now=60.0)
    commits.rewind(family.store, again, checkpoints.newest_sound(family.store, RUN))
    assert origins(family.store).get(RUN) is None
    assert history.read(family.store, [RUN]) == {}
    assert go_on(family, again, PARENT, checked=19)
    assert origins(family.store).get(RUN) == Origin(PARENT, "a/S0", 20)


def test_a_run_that_was_lost_or_a_relative_that_has_changed_leaves_nothing(family, heir):
    (relative, _), (spare, _) = (extension.relatives(family.store, heir, "t") for _ in range(2))

    def extend(**changes):
        checkpoint = family.write(heir, 20)
        before = family.everything()[0]
        try:
            return extension.extend(family.store, heir, checkpoint, replace(relative, **changes), 19, {}, 40.0)
        finally:
            assert family.everything()[0] == before
            assert not list(family.store.workspace.checkpoints.joinpath(RUN).iterdir())

    assert not extend(source=replace(spare.source, path="checkpoints/gone"))
    queue.cancel(family.store, [RUN], 45.0)
    with pytest.raises(LeaseLost):
        extend()
    queue.retry(family.store, [RUN])
    damage(family.folder, "history", "scalars = '{}'", f"run_id = '{PARENT}' AND step = 10")
    assert not extend()


@pytest.mark.parametrize("table", CHANGES_OF_EXTENSIONS)
def test_a_damaged_row_is_noticed_and_set_aside_and_nothing_else(family, heir, table):
    go_on(family, heir, PARENT, checked=19)
    damage(family.folder, table, *CHANGES_OF_EXTENSIONS[table])
    with pytest.raises(Damaged, match=f"has a damaged row \\({table}: "):
        verification.verify(family.store)
    with pytest.raises(StoreError), family.store.transaction():
        family.store.execute(f"UPDATE {table} SET run_id = run_id")
    before = family.store.rows("SELECT * FROM checkpoints"), family.store.rows("SELECT * FROM jobs")
    repair(family.store, lambda spec: None, 50.0)
    assert before == (family.store.rows("SELECT * FROM checkpoints"), family.store.rows("SELECT * FROM jobs"))
    assert [row["name"] for row in family.store.rows("SELECT name FROM set_aside")] == [table]


def test_trajectories_of_runs_of_earlier_versions_are_placed_later(family, lab):
    family.register("b", *family.runs(1, start=5))
    assert trajectories.without_trajectory(family.store) == {}
    with family.store.transaction():
        family.store.execute("DELETE FROM trajectories")
    assert trajectories.without_trajectory(family.store) == {PARENT: {"shape": "s", "seed": 0}}
    with family.store.transaction():
        trajectories.place(family.store, {PARENT: "t"})
    assert trajectories.without_trajectory(family.store) == {}


@pytest.mark.parametrize("spec", ["no JSON", "undecodable"])
def test_trajectories_of_damaged_runs_are_not_computed(family, spec):
    assert [(run.run_id, run.step, run.ended) for run in trajectories.reached(family.store, ["t"])] == [
        (PARENT, 20, True)
    ]
    damage(family.folder, "runs", f"spec = '{spec}'", f"run_id = '{PARENT}'")
    if spec == "undecodable":
        family.store.close()
        flip(family.folder, b"undecodable", b"undec\xffdable")
    with Store.open(family.folder) as store:
        assert trajectories.reached(store, ["t"]) == []
        with store.transaction():
            store.execute("DELETE FROM trajectories")
        assert trajectories.without_trajectory(store) == {}


def test_a_study_registered_again_gives_its_runs_their_new_trajectories(family):
    with Store.open(family.folder) as store:
        runs = [replace(run, trajectory="new") for run in family.runs(2)]
        registry.register(store, [StudyRecord("a", "", "", runs)], 2.0)
        rows = store.rows("SELECT trajectory FROM trajectories ORDER BY run_id")
        assert [row[0] for row in rows] == ["new", "new"]
