"""Raising the updates of a study costs only the difference, and changes no bit."""

import threading

import pytest
import torch

from rnnctl.lab.plan import plan
from rnnctl.lab.records import plain
from rnnctl.lab.register import register
from rnnctl.lab.show import show
from rnnctl.lab.trajectories import Extensions, place_trajectories
from rnnctl.lab.work import build_worker
from rnnctl.lab.worker_options import WorkerOptions
from rnnctl.report.results import Result
from store import Store, checkpoints, history, queries
from store.origins import Origin, origins

STUDY = """\
study: tiny
base:
  task: {name: temporal_order, min_length: 10, max_length: 12}
  model: {hidden: 6, init: orthogonal}
  train: {updates: UPDATES, batch: 4, lr: 0.05}
  check: {every: 10, samples: 20, chunk: 10, diagnostic_batch: 2}
  stop: {solved: never}
seeds: [1, 2]
"""


def work(folder, updates, checkpoint_updates=None):
    """Register the study with so many updates, train in this process, and return the events."""
    file = folder / "tiny.yaml"
    file.write_text(STUDY.replace("UPDATES", str(updates)))
    register(folder, [file])
    return trained(folder, checkpoint_updates)


def trained(folder, checkpoint_updates=None):
    events = []
    with build_worker(
        WorkerOptions(folder, "cpu", checkpoint_updates=checkpoint_updates), events.append, threading.Event()
    ) as worker:
        worker.run()
    return events


def everything(folder):
    """Return all that is kept of each run that the study names, but for times, and where it began."""
    with Store.open(folder) as store:
        runs = {}
        for row in queries.runs_of(store, "tiny"):
            past = history.read(store, [row.run_id], traces=True)[row.run_id]
            newest = checkpoints.newest_sound(store, row.run_id).checkpoint
            state = torch.load(checkpoints.file_of(store.workspace, newest), weights_only=True)
            weights = {name: state.pop(name).numpy().tobytes() for name in ("weights", "best_weights")}
            del state["before_check"]["best_weights"]
            for kept in (state, row.summary):
                del kept["seconds"], kept["share_seconds"]
            arrays = {name: [array.tobytes() for array in arrays] for name, arrays in past.traces.items()}
            scalars = {name: values.tolist() for name, values in past.scalars.items()}
            what = repr((row.outcome, row.summary, past.steps.tolist(), scalars, state))
            runs[row.label] = what, arrays, weights
        return runs


@pytest.fixture
def extended(tmp_path):
    """A workspace whose study had 25 updates, and then 40; with the events of the second training."""
    folder = tmp_path / "extended"
    folder.mkdir()
    work(folder, 25)
    return folder, work(folder, 40)


def test_a_study_with_more_updates_goes_on_with_the_same_bits(extended, tmp_path):
    folder, events = extended
    steps = [(event["run"], event["step"]) for event in events if event["event"] == "check"]
    assert [step for _, step in steps] == [30, 30, 40, 40]
    heard = [event for event in events if event["event"] == "extended"]
    assert [event["step"] for event in heard] == [25, 25]
    with Store.open(folder) as store:
        for event in heard:
            began = origins(store).get(event["run"])
            assert (began.run, began.name, began.step) == (event["parent"], event["parent_name"], 25)
    anew = tmp_path / "anew"
    anew.mkdir()
    work(anew, 40)
    assert everything(folder) == everything(anew)


def test_plan_and_registration_tell_what_is_done_already(tmp_path):
    work(tmp_path, 25)
    file = tmp_path / "longer.yaml"
    longer = STUDY.replace("study: tiny", "study: longer").replace("UPDATES", "40")
    file.write_text(longer.replace("[1, 2]", "[1, 2, 3]"))
    (planned,) = plan([file], workspace=tmp_path)
    assert planned.extensions == Extensions(runs=2, done=50, updates=80)
    assert plan([file], workspace=tmp_path.parent)[0].extensions == Extensions()
    (registered,) = register(tmp_path, [file]).studies
    assert registered.extensions == planned.extensions
    trained(tmp_path)
    (registered,) = register(tmp_path, [file]).studies
    assert registered.extensions == Extensions()
    file.write_text(longer.replace("solved: never", "solved: never, patience: 1"))
    assert plan([file], workspace=tmp_path)[0].extensions == Extensions()


def extensions(folder, updates):
    """Return what `plan` tells of the study with so many updates."""
    file = folder / "planned.yaml"
    file.write_text(STUDY.replace("UPDATES", str(updates)))
    return plan([file], workspace=folder)[0].extensions


def test_a_checkpoint_before_the_end_of_its_run_is_not_told_to_runs_that_end_there(tmp_path):
    work(tmp_path, 40, checkpoint_updates=25)
    with Store.open(tmp_path) as store, store.transaction():
        store.execute("UPDATE checkpoints SET status = 'unsound', reason = 'lost' WHERE step = 40")
    assert extensions(tmp_path, 26) == Extensions(runs=2, done=50, updates=52)
    assert extensions(tmp_path, 25) == Extensions()
    assert [event for event in work(tmp_path, 25) if event["event"] == "extended"] == []


def test_a_run_that_has_begun_is_not_told_to_go_on_from_another(extended):
    folder, _ = extended
    with Store.open(folder) as store, store.transaction():
        store.execute("UPDATE attempts SET exact = 0 WHERE run_id IN (SELECT run_id FROM runs WHERE total = 40)")
    assert extensions(folder, 40) == Extensions()


def test_show_and_export_tell_where_a_run_began(extended):
    folder, events = extended
    event = next(event for event in events if event["event"] == "extended")
    with Store.open(folder) as store:
        details = show(store, event["run"])
        assert details.origin == Origin(event["parent"], event["parent_name"], 25)
        assert plain(details)["origin"] == {"run": event["parent"], "name": event["parent_name"], "step": 25}
        result = Result.of(queries.runs_of(store, run_ids=[event["run"]])[0])
        assert (result.extended_from, result.extended_at) == (event["parent"], 25)


def test_a_run_whose_origin_is_damaged_trains_from_an_older_one_or_from_the_start_and_says_so(tmp_path):
    work(tmp_path, 25)
    with Store.open(tmp_path) as store:
        files = {row.run_id: checkpoints.live(store, row.run_id) for row in queries.runs_of(store)}
        for own in files.values():
            for checkpoint in own:
                checkpoints.file_of(store.workspace, checkpoint).write_bytes(b"damaged")
    events = work(tmp_path, 40)
    assert [event for event in events if event["event"] == "extended"] == []
    heard = [event for event in events if event["event"] == "origin_unsound"]
    assert {(event["parent"], event["step"]) for event in heard} == {
        (run_id, checkpoint.step) for run_id, own in files.items() for checkpoint in own
    }
    with Store.open(tmp_path) as store:
        for event in heard:
            told = show(store, event["run"]).unfit_origins
            assert (told[0].run, told[0].reason) == (event["parent"], event["reason"])
            assert "instead of" in event["reason"]
    whole, anew = tmp_path, tmp_path / "anew"
    anew.mkdir()
    work(anew, 40)
    assert everything(whole) == everything(anew)


def test_runs_that_an_earlier_version_has_trained_are_gone_on_from(tmp_path):
    work(tmp_path, 20)
    with Store.open(tmp_path) as store, store.transaction():
        store.execute("DELETE FROM trajectories")
    assert [event["step"] for event in work(tmp_path, 30) if event["event"] == "extended"] == [20, 20]


def test_a_run_whose_spec_cannot_be_read_is_left_out(tmp_path):
    work(tmp_path, 20)
    with Store.open(tmp_path) as store:
        with store.transaction():
            store.execute("DELETE FROM trajectories")
            store.execute("""UPDATE runs SET spec = '{"seed": 1, "task": "gone"}' WHERE seq = 1""")
        place_trajectories(store)
        assert store.value("SELECT count(*) FROM trajectories") == 1
