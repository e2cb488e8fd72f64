"""What `status` and `show` do with texts from outside: errors and tracebacks of runs."""

import time
from dataclasses import replace

import pytest

from jobs.load import Load, Meter
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


@pytest.mark.parametrize(
    ("slowest", "ago", "told"),
    [
        (0.5, 0, "1 call waiting"),
        (9.0, 0, "; it falls behind, and"),
        (0.5, 60, "; it has not answered for"),
    ],
    ids=["well", "behind", "silent"],
)
def test_status_says_how_busy_the_ledger_of_a_cluster_is(failed, slowest, ago, told):
    load = Load("host", 7, 12, 3.25, 1, 0.125, slowest, at=time.time() - ago)
    meter = Meter(0.0)  # of this process, which is alive
    folder = failed / "logs"
    folder.mkdir(exist_ok=True)
    meter.write(folder, load)
    (line,) = [text for text in rnnctl("status", cwd=failed, check=0).stdout.splitlines() if text.startswith("ledger")]
    assert line.startswith("ledger 7: 3.2 commits/s, busy 12 % of the time, slowest answer ")
    assert told in line
    assert line.count(";") == told.count(";")
    meter.forget(folder)
    assert "ledger 7" not in rnnctl("status", cwd=failed, check=0).stdout


@pytest.mark.parametrize("node", [None, "abcdef"])
def test_show_names_the_worker_of_an_attempt_and_its_node_where_it_has_one(failed, monkeypatch, node):
    with Store.open(failed, readonly=True) as store:
        (row,) = queries.runs_of(store, statuses=["failed"])
    read = queries.attempts

    def attempts(store, run):
        return [replace(each, environment={**each.environment, "node": node}) for each in read(store, run)]

    monkeypatch.setattr(queries, "attempts", attempts)
    table = rnnctl("show", row.run_id, cwd=failed, check=0).stdout.partition("\nattempts\n")[2]
    heads, _, line = table.splitlines()[:3]
    assert ("worker" in heads, "w1" in line) == (True, True)
    assert ("node" in heads, "abcdef" in line) == (node is not None, node is not None)


def test_a_traceback_is_shown_escaped_line_by_line(failed):
    with Store.open(failed, readonly=True) as store:
        (row,) = queries.runs_of(store, statuses=["failed"])
    shown = rnnctl("show", row.run_id, cwd=failed, check=0).stdout
    assert r"ValueError: [bold]no[/italic] \x1b[31m" in shown.splitlines()
    assert '  File "x.py", line 1' in shown.splitlines()
