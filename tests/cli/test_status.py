"""What `status` and `show` do with texts from outside: errors and tracebacks of runs."""

import time

import pytest

from store import Store, queries, queue, workers
from tests.cli.command_line import rnnctl, workspace

TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: [bold]no[/italic] \x1b[31m'


@pytest.fixture
def failed(tmp_path):
    """A workspace whose first run has failed."""
    folder = workspace(tmp_path / "w")
    with Store.open(folder) as store:
        workers.start(store, workers.WorkerRecord("w1", "host", "boot", 1, 0.5, "cpu"), {"bits": {}}, 1.0)
        (claim,) = queue.claim(store, "w1", 1.0, 60.0, lambda shape: 1, 1, 1)
        queue.fail(store, claim, TRACEBACK, 2.0, 1, lambda strikes: 0.0)
    return folder


def test_what_is_watched_is_text_and_not_markup(failed, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    done = rnnctl("status", "--watch", cwd=failed, check=130)
    assert r"ValueError: [bold]no[/italic] \x1b[31m" in done.stdout.replace("\n", " ").replace("  ", " ")


def test_a_traceback_is_shown_escaped_line_by_line(failed):
    with Store.open(failed, readonly=True) as store:
        (row,) = queries.runs_of(store, statuses=["failed"])
    shown = rnnctl("show", row.run_id, cwd=failed, check=0).stdout
    assert r"ValueError: [bold]no[/italic] \x1b[31m" in shown.splitlines()
    assert '  File "x.py", line 1' in shown.splitlines()
