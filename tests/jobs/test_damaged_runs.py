"""A run whose rows are damaged is taken out of the queue, visibly, and the others go on."""

from __future__ import annotations

import pytest

from store import Store, checkpoints, commits, queries, queue, workers
from tests.jobs.toy import add_runs, run_record
from tests.jobs.workbench import Workbench
from tests.store.damage import damage, damage_text


@pytest.mark.parametrize(
    ("table", "column", "readable"),
    [
        ("labels", "label", True),
        ("labels", "label", False),
        ("runs", "spec", True),
        ("runs", "spec", False),
        ("jobs", "error", True),
        ("jobs", "error", False),
    ],
)
def test_a_damaged_run_is_quarantined_and_the_others_are_done(bench: Workbench, table, column, readable):
    add_runs(bench.workspace, *(run_record(name) for name in ("one", "two", "three")))
    if readable:
        damage(bench.workspace, table, f"{column} = 'other'", "run_id = 'two'")
    else:
        damage_text(bench.workspace, table, column, "run_id = 'two'")
    with bench.worker() as worker:
        bench.finish(worker)
    with Store.open(bench.workspace) as store:
        ends = queries.ends(store, ["one", "two", "three"])
    assert ends == {"one": "budget", "two": "quarantined", "three": "budget"}
    assert bench.heard("failed") == []
    (quarantined,) = bench.heard("quarantined")
    assert quarantined["run"] == "two"
    assert f"has a damaged row ({table}: " in quarantined["error"]


def add_two_runs(bench: Workbench) -> None:
    """Add two runs, one and two. The second has a checkpoint."""
    add_runs(bench.workspace, run_record("one"), run_record("two"))
    with Store.open(bench.workspace) as store:
        workers.start(store, workers.WorkerRecord("w", "host", "boot", 1, 0.5, "cpu"), {}, bench.now)
        for claim in queue.claim(store, "w", bench.now, 60.0, lambda shape: 2, 1, 2):
            if claim.run_id == "two":
                written = checkpoints.write(store.workspace, "two", 1, 5, lambda file: file.write(b"{}"))
                commits.commit(store, claim, written, [], {}, bench.now)
        queue.release_from(store, ["w"], bench.now)


def test_a_damaged_row_of_a_checkpoint_fails_its_run_alone(bench: Workbench):
    add_two_runs(bench)
    damage(bench.workspace, "checkpoints", "sha256 = 'x'", "run_id = 'two' AND status = 'live'")
    with bench.worker() as worker:
        bench.finish(worker)
    with Store.open(bench.workspace) as store:
        assert queries.ends(store, ["one", "two"]) == {"one": "budget", "two": "quarantined"}


def test_a_checkpoint_with_a_path_outside_concerns_its_run_alone(bench: Workbench):
    """The row has its sum: somebody else wrote it."""
    add_two_runs(bench)
    with Store.open(bench.workspace) as store, store.transaction():
        store.execute("UPDATE checkpoints SET path = '../thesis.tex'")
    with bench.worker() as worker:
        bench.finish(worker)
    with Store.open(bench.workspace) as store:
        assert queries.ends(store, ["one", "two"]) == {"one": "budget", "two": "quarantined"}
    (quarantined,) = bench.heard("quarantined")
    assert "has a damaged row (checkpoints: run_id two, attempt 1, step 5, invalid path: " in quarantined["error"]


@pytest.mark.parametrize(
    ("statement", "stopped"),
    [
        ("UPDATE labels SET label = '../x' WHERE run_id = 'two'", True),
        ("UPDATE runs SET spec = '{' WHERE run_id = 'two'", True),
        ("UPDATE studies SET name = '../../x'", False),  # which training makes no use of
    ],
)
def test_a_name_that_is_not_allowed_concerns_its_run_alone(bench: Workbench, statement, stopped):
    add_runs(bench.workspace, run_record("one"), run_record("two"))
    with Store.open(bench.workspace) as store, store.transaction():
        store.execute(statement)
    with bench.worker() as worker:
        bench.finish(worker)
    with Store.open(bench.workspace, any_names=True) as store:
        ends = queries.ends(store, ["one", "two"])
    assert ends == {"one": "budget", "two": "quarantined" if stopped else "budget"}


def test_the_first_byte_of_a_label_concerns_its_run_alone(bench: Workbench):
    add_runs(bench.workspace, run_record("one"), run_record("two"))
    damage(bench.workspace, "labels", "label = '!' || label", "run_id = 'two'")
    with bench.worker() as worker:
        bench.finish(worker)
    with Store.open(bench.workspace, any_names=True) as store:
        assert queries.ends(store, ["one", "two"]) == {"one": "budget", "two": "quarantined"}
