"""The log of a run: what happened, in order, made from what the database has."""

import re

import pytest

from rnnctl.lab.errors import LabError
from rnnctl.lab.export.files import logs
from rnnctl.lab.export.text import log
from rnnctl.lab.workspaces import runs_named
from store import checkpoints, commits, queries, queue, workers
from tests.checks import CheckRow

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ")
ERROR = "Traceback (most recent call last):\n  File \x1b[31m\nValueError: bad"


def _commit(store, claim, losses, now, outcome=None, broke=None):
    """Commit checks with these losses, by update, as the trainer does."""
    step = max(losses)
    file = checkpoints.write(store.workspace, claim.run_id, claim.attempt, step, lambda file: file.write(b"weights"))
    rows = [
        CheckRow(at, {"valid_loss": loss, "valid_error": 0.75, "valid_floor": 1.386}, {}) for at, loss in losses.items()
    ]
    commits.commit(store, claim, file, rows, {"step": step, "broke_floor_at": broke}, now, outcome)
    return file


@pytest.fixture
def told(store):
    """A run whose first attempt failed and whose second one ended it; the id of the run, and its second checkpoint."""
    workers.start(store, workers.WorkerRecord("w" * 32, "host", "boot", 7, 0.5, "cpu"), {"bits": {}}, 100.0)
    (first,) = queue.claim(store, "w" * 32, 100.0, 60.0, lambda shape: 1, 1, 1)
    _commit(store, first, {0: 1.4, 50: None}, 110.0)
    queue.fail(store, first, ERROR, 120.0, 3, lambda strikes: 0.0)
    (again,) = queue.claim(store, "w" * 32, 130.0, 60.0, lambda shape: 1, 1, 1)
    assert again.run_id == first.run_id
    file = _commit(store, again, {100: 1.5, 120: 0.5}, 140.0, "budget", 120)
    return first.run_id, file


def test_a_log_tells_attempts_checks_checkpoints_and_the_end_in_order(store, told):
    run_id, file = told
    (run,) = queries.runs_of(store, run_ids=[run_id])
    lines = [TIME.sub("", line) for line in log(store, runs_named(store, run_id)).lines]
    (before,) = [c.path for c in queries.checkpoints_of(store, run_id) if c.step == 50]
    assert lines == [
        f"{run.study}/{run.label}",
        f"run {run_id}, configuration {run.config_id}, 120 updates at most",
        "",
        "attempt 1 begins at update 0: worker wwwwwwww on host, process 7, cpu",
        "update 0: loss 1.4, best 1.4, floor 1.386, error 75 %",
        "update 50: loss -, best 1.4, floor 1.386, error 75 %",
        f"checkpoint of update 50, 7 bytes, {before}",
        "attempt 1 ends at update 50: failed",
        " " * 21 + "| Traceback (most recent call last):",
        " " * 21 + "|   File \\x1b[31m",
        " " * 21 + "| ValueError: bad",
        "",
        "attempt 2 begins at update 50: worker wwwwwwww on host, process 7, cpu",
        "update 100: loss 1.5, best 1.4, floor 1.386, error 75 %",
        "update 120: loss 0.5, best 0.5, floor 1.386, error 75 %, the floor is broken",
        f"checkpoint of update 120, 7 bytes, {file.path}",
        "attempt 2 ends at update 120: done",
        "",
        "budget at update 120 of 120, 0 strikes",
    ]


def test_the_logs_of_a_study_are_a_file_for_each_run_that_was_begun(store, told, tmp_path):
    run_id, _ = told
    (run,) = queries.runs_of(store, run_ids=[run_id])
    export = logs(store, runs_named(store, run.study), f"{tmp_path}/logs/")
    (file,) = export.files
    assert export.notes == ["3 runs not trained yet, left out"]
    assert file.path == tmp_path / "logs" / f"{run.label.replace(' ', '_')}.log"
    assert file.path.read_text().splitlines() == list(log(store, runs_named(store, run_id)).lines)


def test_a_run_that_was_never_begun_has_no_log(store):
    with pytest.raises(LabError, match="has not been trained yet: there is no log"):
        log(store, runs_named(store, "tiny"))
