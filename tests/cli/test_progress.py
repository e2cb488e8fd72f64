"""What `train` shows, fed with events."""

import pytest

from rnnctl.cli.progress import Progress
from store.queries import Queued

STARTED = {"event": "pool_started", "worker": None, "workers": 2}


class Queue:
    """What waits, as the test sets it; None while it cannot be read.

    released: runs of 100 updates left that wait besides.
    """

    def __init__(self):
        self.waiting = Queued(4, 4 * 120, 0)
        self.released = set()

    def __call__(self, besides):
        if self.waiting is None:
            return None
        more = len(self.released - set(besides))
        return Queued(self.waiting.runs + more, self.waiting.updates + 100 * more, self.waiting.running)


@pytest.fixture
def queue():
    return Queue()


@pytest.fixture
def progress(queue, monkeypatch):
    monkeypatch.setattr("rnnctl.cli.progress.cores", lambda: 2)
    progress = Progress(queue)
    progress.take(STARTED)
    return progress


TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1\n    go()\nValueError: no\nsecond line'


def claimed(*runs, worker="w"):
    listed = [{"run": run, "label": run.upper(), "attempt": 1, "step": 10, "total": 110} for run in runs]
    return {"event": "claimed", "worker": worker, "runs": listed}


def test_before_anything_is_claimed_all_that_waits_is_left(progress):
    assert progress.updates_left == 4 * 120
    assert progress.updates_done == 0


def test_nothing_is_shown_before_the_pool_starts(queue, capsys):
    with Progress(queue):
        pass
    assert capsys.readouterr().err == ""


def test_the_first_line_says_what_waits(capsys, progress):
    assert capsys.readouterr().err == "4 runs queued, 480 updates at most\n"


def test_a_queue_that_cannot_be_read_leaves_what_was_known(progress, queue):
    queue.waiting = Queued(2, 240, 2)
    progress.take(claimed("a", "b"))
    assert progress.updates_left == 240 + 200
    queue.waiting = None
    progress.take({"event": "released", "worker": "w", "run": "a"})
    assert progress.updates_left == 240 + 100


def test_updates_of_claimed_runs_count_from_where_they_were_resumed(progress):
    progress.take(claimed("a", "b"))
    before = progress.updates_left
    progress.take({"event": "progress", "worker": "w", "steps": {"a": 60, "b": 30}})
    assert progress.updates_done == 70
    assert progress.updates_left == before - 70


def test_a_run_that_ends_early_leaves_nothing_to_do_and_does_not_come_back(progress):
    progress.take(claimed("a"))
    left = progress.updates_left
    progress.take({"event": "finished", "worker": "w", "run": "a", "step": 40, "outcome": "solved"})
    progress.take({"event": "progress", "worker": "w", "steps": {"a": 40}})
    assert progress.updates_done == 30
    assert progress.updates_left == left - 100
    assert progress.ended == 1


@pytest.mark.parametrize("event", ["released", "lease_lost", "crashed"])
def test_a_run_that_is_let_go_is_no_longer_counted_as_left(progress, event):
    progress.take(claimed("a"))
    left = progress.updates_left
    extra = {"reason": "x", "exit": -9, "tail": "", "pid": 1, "node": None}
    progress.take({"event": event, "worker": "w", "run": "a", **extra})
    assert progress.updates_left == left - 100
    assert progress.total == {}


def test_runs_that_are_back_in_the_queue_before_their_release_is_told_count_once(progress, queue, capsys):
    queue.waiting, queue.released = Queued(0, 0, 0), {"a", "b"}
    progress.take(claimed("a", "b"))
    assert "0 of 200 updates, 0 ended, 2 running, 0 queued" in capsys.readouterr().err
    for run in "ab":
        progress.take({"event": "released", "worker": "w", "run": run})
        assert progress.updates_left == 200
    assert progress.waiting_runs == 2


def test_every_event_can_be_told_in_lines(progress, capsys):
    progress.take(claimed("a", "b", "c", "d", "e"))
    check = {"event": "check", "worker": "w", "run": "a", "step": 20, "valid_loss": None, "valid_error": 0.5}
    progress.take(check)
    for event in (
        {"event": "resumed", "run": "a", "step": 10},
        {"event": "checkpoint_unsound", "run": "a", "path": "p", "reason": "gone"},
        {"event": "finished", "run": "a", "step": 20, "outcome": "diverged"},
        {"event": "failed", "run": "b", "error": TRACEBACK, "status": "queued"},
        {"event": "out_of_memory", "unit": "runs", "size": 8, "most": 4, "error": "a run needs much"},
        {"event": "out_of_memory", "unit": "packs", "size": 3, "most": 1, "error": "a run needs much"},
        {"event": "rescued", "run": "unknown", "from": "x"},
        {"event": "quarantined", "run": "unknown", "from": "x"},
        {"event": "draining"},
        {"event": "store_busy", "error": "locked by another program"},
        {"event": "store_busy", "error": "locked by another program"},
        {"event": "crashed", "pid": 1, "exit": 3, "tail": "last words", "slot": 0, "node": None},
        {"event": "crashed", "pid": 0, "exit": None, "tail": "node b is gone", "slot": 0, "node": "b"},
        {"event": "worker_ended", "reason": "empty", "error": None},
    ):
        progress.take({"worker": "w", **event})
    said = capsys.readouterr().err
    told = (
        "A, B, C, D and 1 more",
        "resumed A at update 10",
        "gone",
        "diverged A",
        "loss -",
        "error 50 %",
        "ValueError: no",
        "out of memory with a pack of 8 runs: a run needs much; at most 4 runs from now on",
        "out of memory with 3 packs at once: a run needs much; at most 1 pack from now on",
        "rescued unknown",
        "quarantined unknown",
        "saving",
        "waiting: locked",
        "exit status 3",
        "last words",
        "worker 0 is gone: node b is gone",
    )
    for words in told:
        assert words in said
    assert said.count("waiting:") == 1, "although each worker says so"


def test_a_notice_of_all_workers_is_one_line(progress, capsys):
    for worker in ("a", "b"):
        progress.take({"event": "notice", "worker": worker, "line": "kernels are compiled anew"})
    progress.take({"event": "notice", "worker": "a", "line": "something else"})
    assert capsys.readouterr().err.splitlines() == ["kernels are compiled anew", "something else"]


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the progress sees, which only the test moves."""
    seconds = [1000.0]
    monkeypatch.setattr("rnnctl.cli.progress.time.monotonic", lambda: seconds[0])
    return seconds


def test_the_rate_is_not_told_from_the_first_burst(clock, progress):
    progress.take(claimed("a"))
    for later, step, rate in (
        (0.0, 20, 0.0),
        (0.001, 60, 0.0),
        (4.0, 62, 0.0),
        (2.0, 80, pytest.approx(60 / 6, rel=0.01)),
    ):
        clock[0] += later
        progress.take({"event": "progress", "worker": "w", "steps": {"a": step}})
        assert progress.rate == rate


def test_losses_are_shown_beside_the_floor(clock, progress, capsys):
    progress.take(claimed("a", "b"))
    for run, loss in (("a", 0.5), ("a", 0.9), ("b", 1.25), ("b", None)):
        check = {"event": "check", "worker": "w", "run": run, "step": 20, "valid_loss": loss, "valid_floor": 1.5}
        progress.take(check)
    clock[0] += 60.0
    progress.take({"event": "progress", "worker": "w", "steps": {"a": 60}})
    assert capsys.readouterr().err.splitlines()[-1].endswith("; A: loss 0.9, best 0.5, floor 1.5")


def test_a_pool_without_runs_says_what_it_waits_for_once(clock, progress, queue, capsys):
    queue.waiting = Queued(0, 0, 6)
    for _ in range(5):
        clock[0] += 60.0
        progress.take({"event": "idle", "worker": "w"})
    assert capsys.readouterr().err.splitlines() == ["nothing to claim, waiting for 6 runs that other workers hold"]


def test_more_workers_than_cores_are_told(progress, capsys):
    progress.take({"event": "pool_started", "worker": None, "workers": 8})
    assert capsys.readouterr().err.splitlines()[-1].startswith("8 workers share 2 cores: ")


def test_what_stays_at_the_end_is_how_it_ended(queue, monkeypatch):
    """The queue may have been read while another worker still held a run."""

    class Texts(list):
        def draw(self, text, done, total, packs):
            self.append(text)

        def nothing(self, text=""):
            pass

        start = stop = line = nothing

    texts = Texts()
    progress = Progress(queue, texts)
    queue.waiting = Queued(0, 0, 1)
    for event in (STARTED, claimed("a"), {"event": "finished", "run": "a", "step": 110, "outcome": "budget"}):
        progress.take(event)
    assert texts[-1] == "nothing to claim, waiting for 1 run that other workers hold"
    queue.waiting = Queued(0, 0, 0)
    progress.take({"event": "worker_ended", "worker": "w", "reason": "empty", "error": None})
    assert texts[-1] == "1 ended, 0 running, 0 queued"
