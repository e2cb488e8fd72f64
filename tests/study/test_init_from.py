"""Files of initial weights in a study: found when it is read, and every mistake told in one line with its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnctl.study.errors import SpecError
from rnnctl.study.loading import read_study, recipe_of
from rnnctl.weight_files import write_safetensors

STUDY = """\
study: s
base:
  task: temporal_order
  model: MODEL
  train: {updates: 20}
"""
FROM = "{name: rnn, hidden: 4, init: {name: from, file: FILE}}"


def weights(hidden=4, **changed):
    """Weights of an rnn on temporal order."""
    shapes = {"W_uh": (6, hidden), "W_hh": (hidden, hidden), "b_hh": (hidden,), "W_hy": (hidden, 4), "b_hy": (4,)}
    arrays = {name: np.random.default_rng(1).standard_normal(shape) for name, shape in shapes.items()}
    return {name: array for name, array in {**arrays, **changed}.items() if array is not None}


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(file="w.safetensors", **changed):
        with Path(file).open("wb") as target:
            write_safetensors(target, weights(**changed), {})
        return file

    return write


def read(model, file="w.safetensors", more=""):
    return read_study(STUDY.replace("MODEL", model).replace("FILE", file) + more, "s.yaml")


def test_a_run_knows_the_hash_and_the_absolute_path(write, tmp_path):
    (run,) = read(FROM, write()).runs
    init = run.spec.model.init
    assert init.file == str(tmp_path / "w.safetensors")
    assert len(init.sha256) == 64
    assert run.spec.data == ((init.file, init.sha256),)
    assert run.spec.canonical()["model"]["init"] == {"name": "from", "file": init.file, "sha256": init.sha256}


def test_files_can_vary_and_equal_files_are_one_run(write):
    for file, changed in (("a", {}), ("b", {}), ("c", {"b_hh": np.ones(4)})):
        write(file, **changed)
    grid = "grid: {model.init: [{name: from, file: a}, {name: from, file: b}, {name: from, file: c}, orthogonal]}\n"
    runs = read("{name: rnn, hidden: 4, init: orthogonal}", more=grid).runs
    assert [run.spec.model.init.name for run in runs] == ["from", "from", "orthogonal"]


def test_ids_of_other_runs_do_not_change():
    (run,) = read("{name: lstm, hidden: 4}").runs
    assert run.spec.run_id == "r1-5fcdb1fce674"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"W_hh": None, "b_hh": None}, "lacks W_hh, b_hh: it has the weights of another network"),
        ({"W_hi": np.ones((4, 4))}, "has 1 weight more, W_hi: it is of another network"),
        ({"hidden": 5}, "W_uh has shape (6, 5), the network needs (6, 4)"),
        ({"b_hh": np.ones((4, 1))}, "b_hh has shape (4, 1), the network needs (4,)"),
        ({"W_hh": np.full((4, 4), np.nan)}, "W_hh has a number that is not finite"),
        ({"b_hy": np.array([0, 0, np.inf, 0])}, "b_hy has a number that is not finite"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(write, changed, message):
    with pytest.raises(SpecError) as error:
        read(FROM, write(**changed))
    assert str(error.value) == f"s.yaml:4: base.model.init.file: file w.safetensors: {message}"


def test_other_arrays_of_a_file_do_not_matter(write):
    expected = read(FROM, write()).runs[0].spec.run_id
    assert read(FROM, write("more", updates=np.arange(3.0))).runs[0].spec.run_id == expected


@pytest.mark.parametrize("key", ["lstm, forget_bias: 0.5", "gru, update_bias: 0.0"])
def test_a_bias_that_the_file_has_cannot_be_set(write, key):
    write()
    with pytest.raises(SpecError, match=r"^s.yaml:4: base.model.\w+_bias: .* has no meaning beside init from"):
        read(f"{{name: {key}, hidden: 4, init: {{name: from, file: w.safetensors}}}}")


def test_a_hash_that_is_not_that_of_the_file_is_refused(write):
    write()
    with pytest.raises(SpecError, match=r"^s.yaml:4: base.model.init.sha256: sha256 f+ is not that of file w.safet"):
        read(FROM.replace("FILE}", f"FILE, sha256: {'f' * 64}}}"))


def test_a_recipe_can_name_another_file(write):
    (run,) = read(FROM, write()).runs
    write("other", b_hh=np.ones(4))
    text = STUDY.replace("MODEL", FROM).replace("FILE", "w.safetensors")
    recipe = recipe_of(f"{text}refine:\n  best: 1\n  variants: {{other: {{model.init.file: other}}}}\n", "s")
    changed = recipe.variants[0].of(run.spec)
    assert Path(changed.model.init.file).name == "other"
    assert changed.model.init.sha256 != run.spec.model.init.sha256
    recipe = recipe_of(f"{text}refine:\n  best: 1\n  variants: {{longer: {{train.updates: 30}}}}\n", "s")
    assert recipe.variants[0].of(run.spec).model == run.spec.model
