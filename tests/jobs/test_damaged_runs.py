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
    (failed,) = bench.heard("failed")
    assert (failed["run"], failed["status"]) == ("two", "quarantined")
    assert f"has a damaged row ({table}: " in failed["error"]


def test_a_damaged_row_of_a_checkpoint_fails_its_run_alone(bench: Workbench):
    add_runs(bench.workspace, run_record("one"), run_record("two"))
    with Store.open(bench.workspace) as store:
        workers.start(store, workers.WorkerRecord("w", "host", "boot", 1, 0.5, "cpu"), {}, bench.now)
        for claim in queue.claim(store, "w", bench.now, 60.0, lambda shape: 2, 1, 2):
            if claim.run_id == "two":
                written = checkpoints.write(store.workspace, "two", 1, 5, lambda file: file.write(b"{}"))
                commits.commit(store, claim, written, [], {}, bench.now)
        queue.release_from(store, ["w"], bench.now)
    damage(bench.workspace, "checkpoints", "sha256 = 'x'", "run_id = 'two' AND status = 'live'")
    with bench.worker() as worker:
        bench.finish(worker)
    with Store.open(bench.workspace) as store:
        assert queries.ends(store, ["one", "two"]) == {"one": "budget", "two": "quarantined"}
