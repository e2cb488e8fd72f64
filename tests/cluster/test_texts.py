"""Data that travels to a node: once, verified there, and the run stays the same run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnctl.cluster import texts
from rnnctl.cluster.texts import Data, Shelf, Shipment, Texts
from rnnctl.study.run import RunSpec
from tests.places import TEXT, small_data


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The cache of the node, empty at first."""
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    texts._folder.cache_clear()
    yield tmp_path / "cache" / "data"
    texts._folder.cache_clear()


@pytest.fixture
def data(tmp_path):
    """Places of data as the driver has them: a text, and arrays for every task that reads some."""
    (tmp_path / "driver").mkdir()
    small_data(tmp_path / "driver")
    folder = tmp_path / "driver" / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text(TEXT[:700])
    (folder / "b.txt").write_text(TEXT[700:])
    return tmp_path / "driver"


def spec(**task: Any) -> RunSpec:
    return RunSpec.model_validate({"task": task, "model": {"name": "rnn", "hidden": 16}}).identified()


def runs(data: Path) -> dict[str, RunSpec]:
    arrays = str(data / "one.npz")
    return {
        "a text": spec(name="text", corpus=str(data / "one"), window=20),
        "a folder": spec(name="text", corpus=str(data / "folder"), window=20),
        "the standard library": spec(name="text", corpus="stdlib", window=20),
        "trials": spec(name="recorded", file=arrays),
        "arrays": spec(name="arrays", file=arrays),
    }


def symbols(run: RunSpec) -> list[bytes]:
    """What the run reads, drawn from its training data."""
    batch = run.task.make().draw(np.random.default_rng(3), 4)
    return [np.asarray(batch.inputs).tobytes(), np.asarray(batch.targets).tobytes()]


@pytest.mark.parametrize("kind", ["a text", "a folder", "the standard library", "trials", "arrays"])
def test_a_run_reads_the_same_from_a_file_of_the_node(data, cache, kind):
    run = runs(data)[kind]
    moved = Texts(Shelf()).moved(run)
    assert moved.run_id == run.run_id
    assert moved.common_text == run.common_text
    ((place, sha256),) = moved.data
    assert Path(place).parent == cache
    assert sha256 == run.data[0][1]
    before = symbols(run)
    shutil.rmtree(data)
    assert symbols(moved) == before


def test_initial_weights_travel_too(data, tmp_path, cache):
    file = tmp_path / "weights.npz"
    plain = RunSpec.model_validate({"task": {"name": "temporal_order"}, "model": {"name": "rnn", "hidden": 16}})
    task = plain.task.make()
    shapes = plain.model._exported(plain.model.network(task.n_inputs, task.n_outputs).layout.shapes)
    np.savez(file, **{name: np.full(shape, 0.25, np.float32) for name, shape in shapes})
    init = {"name": "from", "file": str(file)}
    run = RunSpec.model_validate(
        {"task": {"name": "temporal_order"}, "model": {"name": "rnn", "hidden": 16, "init": init}}
    ).identified()
    moved = Texts(Shelf()).moved(run)
    file.unlink()
    assert Path(moved.data[0][0]).parent == cache
    assert moved.run_id == run.run_id
    drawn = moved.model.init.draw(np.random.default_rng(0), shapes, [])
    assert all((weight == 0.25).all() for weight in drawn.values())


def test_a_file_travels_once_to_a_node_whatever_number_of_runs_and_processes_read_it(data, tmp_path, monkeypatch):
    shelf, run = Shelf(), runs(data)["a text"]
    other = run.model_copy(update={"seed": run.seed + 1})
    process, another = Texts(shelf), Texts(shelf)
    for here in (process, another):
        for each in (run, other, run):
            here.moved(each)
    assert shelf.handed_out == 1
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "of another node"))
    texts._folder.cache_clear()
    Texts(shelf).moved(run)
    assert shelf.handed_out == 2


def test_a_damaged_file_of_the_node_is_fetched_again(data):
    shelf, run = Shelf(), runs(data)["a text"]
    path = Path(Texts(shelf).moved(run).data[0][0])
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + b"?")
    Texts(shelf).moved(run)
    assert path.read_bytes() == sound
    assert shelf.handed_out == 2


class Garbling(Shelf):
    def content(self, spec: Any, data: Data) -> Shipment:
        sound = super().content(spec, data)
        return Shipment(sound.sha256, (sound.content or b"")[1:])


def test_what_is_damaged_on_its_way_is_not_kept(data, cache):
    with pytest.raises(ValueError, match="one was damaged on its way to this node, or has changed"):
        Texts(Garbling()).moved(runs(data)["a text"])
    assert not [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_a_text_that_has_changed_since_the_run_was_registered_is_noticed(data):
    run = runs(data)["a text"]
    (data / "one").write_text("another text, " * 99)
    moved = Texts(Shelf()).moved(run)
    with pytest.raises(ValueError, match="is another than the run's"):
        symbols(moved)


def test_a_text_that_is_gone_is_one_line(data):
    run = runs(data)["a text"]
    (data / "one").unlink()
    with pytest.raises(ValueError, match="cannot be sent to this node: corpus .*: no such file or folder") as gone:
        Texts(Shelf()).moved(run)
    assert "\n" not in str(gone.value)


def test_only_what_a_run_reads_is_handed_out(data, tmp_path):
    (tmp_path / "secret").write_text("secret")
    shipment = Shelf().content(runs(data)["a text"].canonical(), (str(tmp_path / "secret"), ""))
    assert (shipment.content, shipment.problem) == (None, f"the run does not read {tmp_path / 'secret'}")


def test_a_run_without_data_asks_for_nothing():
    run = RunSpec.model_validate({"task": {"name": "temporal_order"}, "model": {"name": "rnn", "hidden": 16}})
    shelf = Shelf()
    assert Texts(shelf).moved(run) is run
    assert shelf.handed_out == 0


def test_without_a_cache_a_process_keeps_its_own_files(data, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    texts._folder.cache_clear()
    run = runs(data)["a text"]
    moved = Texts(Shelf()).moved(run)
    assert Path(moved.data[0][0]).parent.parent == tmp_path
    assert symbols(moved) == symbols(run)
