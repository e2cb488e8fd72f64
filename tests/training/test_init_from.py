"""Runs that begin with weights from a file: those of another run, to the bit, alone, packed and resumed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnctl.cells.catalogue import CELLS
from rnnctl.parts import names_of
from rnnctl.report.export.npz import exported_weights
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import sections_of
from rnnctl.training.member import begin, network_of
from rnnctl.training.trained import Trained
from rnnctl.weight_files import write_safetensors
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

HIDDEN = 8


def model_of(cell):
    """A model of a small cell whose initial biases, where keys set them, are not the defaults."""
    drawn = [name for init in sections_of(cell.model_fields["init"]) for name in names_of(init)]
    return {
        "name": names_of(cell)[0],
        "hidden": HIDDEN,
        "init": next(name for name in ("xavier", "linear") if name in drawn),
        **dict.fromkeys(cell.bias_keys, 2.0),
    }


MODELS = {names_of(cell)[0]: model_of(cell) for cell in CELLS}


def spec(model, **more):
    return RunSpec.model_validate(
        {
            "task": {"name": "temporal_order", "min_length": 10, "max_length": 12},
            "model": model,
            "train": {"updates": 6, "batch": 5, "lr": 0.1, **more.pop("train", {})},
            "check": {"every": 2, "samples": 40, "chunk": 20, "diagnostic_batch": 3},
            "stop": {"solved": "never"},
            **more,
        }
    )


def from_file(model, path, **more):
    rest = {key: model[key] for key in ("name", "hidden")}
    return spec({**rest, "init": {"name": "from", "file": str(path)}}, **more).identified()


@pytest.fixture(params=MODELS)
def before(request, tmp_path):
    """A trained run: its model, spec and memory, and files of its last weights."""
    model = MODELS[request.param]
    run = spec(model)
    memory = train({run.run_id: run})
    trained = Trained.from_state(memory.state(run.run_id), run.run_id, run)
    weights = exported_weights(trained, "last")
    np.savez_compressed(tmp_path / "state.npz", **weights, updates=np.arange(3), label=np.array("run"))
    with (tmp_path / "weights.safetensors").open("wb") as file:
        write_safetensors(file, weights, {"label": "run"})
    return model, run, memory, tmp_path


@pytest.mark.parametrize("file", ["state.npz", "weights.safetensors"])
def test_a_run_begins_where_another_one_ended(before, file):
    model, parent, memory, folder = before
    run = from_file(model, folder / file, seed=5)
    _, flat_N = begin(run.run_id, run, run.task.make(), network_of(run.model, run.task.make()))
    assert torch.equal(flat_N, memory.state(parent.run_id)["weights"])
    after = train({run.run_id: run})
    first, last = after.history[run.run_id][0], memory.history[parent.run_id][-1]
    assert first.step == 0
    for name in ("valid_loss", "valid_error", "rho"):
        assert first.scalars[name] == last.scalars[name]


def test_the_bits_are_the_same_alone_packed_and_resumed(before):
    model, _, _, folder = before
    runs = [from_file(model, folder / file, seed=seed) for file, seed in (("state.npz", 1), ("weights.safetensors", 2))]
    runs.append(spec(model, seed=3))
    assert len({PackKey.of(run) for run in runs}) == 1
    pack = {run.run_id: run for run in runs}
    together = train(pack)
    for run_id, run in pack.items():
        assert_same(train({run_id: run}), together, run_id)
    resumed = Memory()
    resumed.drain_after = 7
    train(pack, resumed)
    for path in folder.iterdir():  # a run that has begun needs its file no more
        path.unlink()
    resumed.drain_after = None
    train(pack, resumed)
    for run_id in pack:
        assert_same(resumed, together, run_id)


def test_a_file_is_the_same_run_in_either_format_and_anywhere(before):
    model, _, _, folder = before
    npz, safetensors = (from_file(model, folder / file) for file in ("state.npz", "weights.safetensors"))
    assert npz.run_id == safetensors.run_id
    moved = folder / "elsewhere.npz"
    (folder / "state.npz").rename(moved)
    assert from_file(model, moved).run_id == npz.run_id
    assert RunSpec.model_validate(npz.canonical()).run_id == npz.run_id  # the file is not there: none is read


def test_other_weights_are_another_run_and_a_changed_file_is_refused(before):
    model, parent, memory, folder = before
    run = from_file(model, folder / "weights.safetensors")
    weights = exported_weights(Trained.from_state(memory.state(parent.run_id), parent.run_id, parent), "last")
    name = next(iter(weights))
    with (folder / "weights.safetensors").open("wb") as file:
        write_safetensors(file, {**weights, name: weights[name] + 1}, {})
    assert from_file(model, folder / "weights.safetensors").run_id != run.run_id
    for change in (lambda: None, (folder / "weights.safetensors").unlink):
        change()
        with pytest.raises(ValueError, match="file .*weights.safetensors") as error:
            train({run.run_id: run})
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("cell", list(CELLS), ids=lambda cell: names_of(cell)[0])
def test_a_key_that_sets_biases_has_no_meaning_beside_a_file(cell):
    model = {"name": names_of(cell)[0], "hidden": HIDDEN, "init": {"name": "from", "file": "none"}}
    section = cell.model_validate(model)
    assert bool(section.biases) == bool(cell.bias_keys)
    for key in cell.bias_keys:
        with pytest.raises(ValueError, match=f"{key} 2.0 has no meaning beside init from"):
            cell.model_validate({**model, key: 2.0})


def test_weights_of_float32_begin_a_run_in_float64(before):
    model, parent, memory, folder = before
    run = from_file(model, folder / "state.npz", train={"dtype": "float64"})
    _, flat_N = begin(run.run_id, run, run.task.make(), network_of(run.model, run.task.make()))
    assert torch.equal(flat_N, memory.state(parent.run_id)["weights"].double())
