"""Training as a use-case: what it returns and reports, with real workers."""

import os
import sqlite3
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

import pytest

from jobs.launcher import Ending
from rnnctl.lab.errors import LabError
from rnnctl.lab.train import queued, train, wanted_runs
from rnnctl.lab.worker_options import WorkerOptions
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from store import NoWorkspace, Store, Unwritable, marks, queries, queue, registry, workers
from store.registry import RunRecord, StudyRecord
from store.wanted import Wanted
from tests.cards import RTX, pretend
from tests.jobs.fakes import FakeLauncher, FakeWorker
from tests.store.damage import flip


def spec(seed):
    return RunSpec.model_validate(
        {
            "task": {"name": "temporal_order", "min_length": 10, "max_length": 20},
            "model": {"name": "rnn", "hidden": 6, "init": "orthogonal"},
            "train": {"updates": 20, "batch": 5, "lr": 0.05},
            "check": {"every": 10, "samples": 20, "chunk": 20, "diagnostic_batch": 2},
            "stop": {"solved": "never"},
            "seed": seed,
        }
    )


@pytest.fixture
def workspace(tmp_path):
    """Three registered runs, one of which was cancelled."""
    specs = [spec(seed) for seed in (1, 2, 3)]
    runs = [RunRecord(s.run_id, s.config_id, PackKey.of(s).text, s.canonical(), f"run {s.seed}", 20) for s in specs]
    with Store.create(tmp_path) as store:
        registry.register(store, [StudyRecord("tiny", "", "", runs)], time.time())
        queue.cancel(store, [specs[2].run_id], 0.0)
    return tmp_path


def test_damage_to_the_name_of_a_study_stops_no_run(workspace, capfd):
    """Also where an index of the names is another one by now."""
    flip(workspace, b"tiny", b"!iny")
    end = train(WorkerOptions(workspace, "cpu"))
    assert (end.statuses, end.errors) == ({"done": 2, "cancelled": 1}, [])


def test_training_returns_how_every_run_ended(workspace, capfd):
    events = []
    assert queued(workspace) == (2, 40, 0)
    end = train(WorkerOptions(workspace, "cpu"), events.append)
    assert (end.started, end.drained, end.failed, end.errors) == (True, False, 0, [])
    assert end.statuses == {"done": 2, "cancelled": 1}
    assert end.runs == {spec(1).run_id: "budget", spec(2).run_id: "budget"}
    assert [event["event"] for event in events if event["event"] in ("pool_started", "worker_ended")] == [
        "pool_started",
        "worker_ended",
    ]
    assert queued(workspace) == (0, 0, 0)

    again = train(WorkerOptions(workspace, "cpu"))
    assert (again.started, again.statuses, again.runs) == (False, {"done": 2, "cancelled": 1}, {})
    assert capfd.readouterr() == ("", "")


def test_a_run_that_cannot_be_trained_is_counted_as_failed(workspace):
    with Store.open(workspace) as store, store.transaction():
        # What no version of this program would register.
        store.execute("UPDATE runs SET spec = '{}' WHERE run_id = ?", (spec(1).run_id,))
    end = train(WorkerOptions(workspace, "cpu", pack=1))
    assert (end.failed, end.errors) == (1, [])
    assert sorted(end.runs.values()) == ["budget", "failed"]


@pytest.mark.parametrize("name", ["logs", "logs/events.jsonl"])
def test_a_link_in_place_of_the_logs_is_not_followed(workspace, tmp_path_factory, name):
    """A line of a log can be a command, where the link leads to a file of the user's shell."""
    mine = tmp_path_factory.mktemp("mine")
    (mine / "profile").write_text("true\n")
    link = workspace / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(mine if name == "logs" else mine / "profile")
    with pytest.raises(Unwritable, match=f"{name} cannot be used: it is a symbolic link to {mine}"):
        train(WorkerOptions(workspace))
    assert [path.read_text() for path in mine.iterdir()] == ["true\n"]


def test_a_missing_workspace_is_an_error_and_its_queue_is_unknown(tmp_path):
    assert queued(tmp_path) is None
    with pytest.raises(NoWorkspace):
        train(WorkerOptions(tmp_path))


def test_a_device_that_is_not_there_is_told_before_any_worker_starts(workspace, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(LabError, match="--device cuda"):
        train(WorkerOptions(workspace, "cuda"))
    assert not os.path.exists(workspace / "logs")


def test_each_worker_is_told_its_slot(workspace, monkeypatch):
    pretend(monkeypatch, RTX, RTX)
    launcher, commands = FakeLauncher(lambda worker: worker.leaves()), []

    def made(command, env, logs):
        commands.extend(command(slot) for slot in range(3))
        return launcher

    monkeypatch.setattr("rnnctl.lab.train.LocalLauncher", made)
    options = WorkerOptions(workspace, "cuda:0,cuda:1", peers=3)
    assert train(options).errors == []
    assert [worker.slot for worker in launcher.started] == [0, 1, 2]
    assert [WorkerOptions.from_json(command[-1]) for command in commands] == [
        replace(options, slot=slot) for slot in range(3)
    ]


@contextmanager
def locked(workspace):
    """Hold the database as another program does that writes for long."""
    with closing(sqlite3.connect(workspace / "rnnctl.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.parametrize("told", [1, 2])
def test_a_locked_database_is_waited_for_and_told_once(workspace, monkeypatch, told):
    monkeypatch.setattr("rnnctl.lab.train.QUICK", 0.01)
    launcher = FakeLauncher(lambda worker: worker.leaves())
    monkeypatch.setattr("rnnctl.lab.train.LocalLauncher", lambda *arguments: launcher)
    lock = ExitStack()
    events = []

    def take(event):
        events.append(event["event"])
        if event["event"] == "store_busy":
            lock.close()
        if event["event"] == "worker_ended" and told == 2:  # and again when the results are read
            lock.enter_context(locked(workspace))

    lock.enter_context(locked(workspace))
    end = train(WorkerOptions(workspace, "cpu"), take)
    assert end.statuses == {"queued": 2, "cancelled": 1}
    assert events.count("store_busy") == told
    assert events[:2] == ["store_busy", "pool_started"]


@pytest.mark.parametrize("left", [0, 1])
def test_a_worker_that_was_told_to_leave_interrupts_a_training_only_if_runs_are_left(workspace, monkeypatch, left):
    with Store.open(workspace) as store:
        queue.cancel(store, [spec(seed).run_id for seed in (1, 2)][left:], 0.0)

    def finish(worker):
        if left == 0:
            with Store.open(workspace) as store, store.transaction():
                store.execute("UPDATE jobs SET status = 'cancelled'")
        worker.says("worker_ended", reason="drained", error=None)
        worker.ending = Ending(0, "")

    with Store.open(workspace) as store:
        queue.retry(store, [spec(1).run_id])
    monkeypatch.setattr("rnnctl.lab.train.LocalLauncher", lambda *arguments: FakeLauncher(finish))
    assert train(WorkerOptions(workspace, "cpu")).drained is bool(left)


def test_only_the_named_runs_are_trained(workspace, capfd):
    wanted = wanted_runs(workspace, ["tiny/run 2", "run 2"])
    assert wanted == Wanted(runs=(spec(2).run_id,))
    assert queued(workspace, wanted)[:2] == (1, 20)
    options = WorkerOptions(workspace, "cpu", runs=wanted.runs)
    end = train(options)
    assert (end.statuses, end.runs) == ({"done": 1}, {spec(2).run_id: "budget"})
    assert queued(workspace)[:2] == (1, 20)
    assert train(options).started is False


def test_names_of_what_is_never_trained_are_refused(workspace):
    assert wanted_runs(workspace, []).all
    assert wanted_runs(workspace, ["tiny"]) == Wanted(studies=("tiny",))
    with pytest.raises(LabError, match="no study or run 'tinny'; did you mean tiny?"):
        wanted_runs(workspace, ["tinny"])
    with Store.open(workspace) as store:
        marks.archive(store, "tiny", 1.0)
    with pytest.raises(LabError, match="tiny is archived and not trained; rnnctl archive tiny --undo"):
        wanted_runs(workspace, ["tiny"])
    with pytest.raises(LabError, match="run 1 is not trained: the study is archived"):
        wanted_runs(workspace, ["run 1"])


def test_the_workers_leave_when_the_time_is_over(workspace, monkeypatch):
    def drain(worker):
        worker.says("worker_ended", reason="drained", error=None)
        worker.ending = Ending(0, "")

    monkeypatch.setattr(FakeWorker, "drain", drain)
    monkeypatch.setattr("rnnctl.lab.train.LocalLauncher", lambda *arguments: FakeLauncher())
    monkeypatch.setattr("rnnctl.lab.train.LONGEST_START", 0.01)  # these workers never tell of an update
    end = train(WorkerOptions(workspace, "cpu"), seconds=0.01)
    assert (end.drained, end.out_of_time, end.errors) == (True, True, [])
    monkeypatch.setattr("rnnctl.lab.train.LocalLauncher", lambda *arguments: FakeLauncher(drain))
    end = train(WorkerOptions(workspace, "cpu"), seconds=3600.0)
    assert (end.drained, end.out_of_time) == (True, False)


def test_a_run_that_was_begun_in_a_study_that_is_archived_now_is_told(workspace, capfd):
    with Store.open(workspace) as store:
        workers.start(store, workers.WorkerRecord("w", "host", "boot", 1, 0.5, "cpu"), {"bits": {}}, 1.0)
        (claim,) = queue.claim(store, "w", 1.0, 60.0, lambda shape: 1, 1, 1)
        queue.release(store, claim, 2.0)
        assert queries.stranded(store) == {}
        marks.archive(store, "tiny", 3.0)
    end = train(WorkerOptions(workspace, "cpu"))
    assert (end.started, end.archived, end.stranded) == (False, ["tiny"], {"tiny": 1})


def test_a_budget_that_is_over_before_training_begins_still_makes_an_update(workspace, capfd):
    end = train(WorkerOptions(workspace, "cpu"), seconds=0.001)
    assert end.out_of_time
    assert end.left is not None
    with Store.open(workspace) as store:
        steps = [row.step for row in queries.runs_of(store) if row.status != "cancelled"]
    assert max(steps) >= 1
    assert end.left.updates == sum(20 - step for step in steps)
