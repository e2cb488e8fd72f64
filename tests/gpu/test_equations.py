"""Training by kernels on a card, against the equations as operations of torch."""

from __future__ import annotations

import pytest
import torch

from rnnctl.cells.base.section import REDUCED
from rnnctl.cells.catalogue import CELLS
from rnnctl.study.run import RunSpec
from rnnctl.training.pack import Pack
from tests.gpu_shapes import short_task, sized, variants
from tests.pretended.combinations import a_text, each_combination
from tests.pretended.kernels import CELLS_WITH_KERNELS
from tests.training.close import assert_close
from tests.training.memory import Memory, train

# Of weights after a few updates, relative to the greatest, against float64. The factors of tf32 have 10 bits.
FLOAT32, TF32 = 1e-5, 2e-2
ALL = [(cell, variant) for cell in CELLS.names for variant in variants(CELLS[cell])]


@each_combination
def test_weights_of_every_cell_task_and_optimizer(names, tmp_path, monkeypatch):
    place, *_ = a_text(tmp_path, monkeypatch)
    optimizer = {"optimizer": names["train.optimizer"]}
    check_precision(sized(names["model"], 50, 20, task=short_task(names["task"], place), train=optimizer), FLOAT32)


@pytest.mark.parametrize("hidden", [16, 50, 100, 128, 200, 512])
@pytest.mark.parametrize("cell", CELLS.names)
def test_weights_of_every_size(cell, hidden):
    check_precision(sized(cell, hidden, 20), FLOAT32)


@pytest.mark.parametrize(("cell", "variant"), ALL, ids=lambda value: str(value))
def test_weights_of_every_setting_of_a_cell(cell, variant):
    check_precision(sized(cell, 40, 10, **variant), FLOAT32)


@pytest.mark.parametrize("hidden", [50, 200])
@pytest.mark.parametrize("cell", CELLS.names)
def test_weights_with_tf32(cell, hidden):
    check_precision(sized(cell, hidden, 20, train={"precision": "tf32"}), TF32)


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize("hidden", [50, 200])
@pytest.mark.parametrize("cell", CELLS_WITH_KERNELS)
def test_weights_with_factors_of_a_narrow_type(cell, hidden, precision):
    """They are near those that the simulation has, much nearer than those without rounding are."""
    spec = sized(cell, hidden, 20, updates=1, train={"precision": precision})
    plain = sized(cell, hidden, 20, updates=1)
    simulated = train({"a": spec}, device="cuda", pack_factory=Pack).state("a")["weights"]
    exact = train({"a": plain}, device="cuda", pack_factory=Pack).state("a")["weights"]
    off = torch.linalg.vector_norm(train({"a": spec}, device="cuda").state("a")["weights"] - simulated)
    assert 0 < off < 0.1 * torch.linalg.vector_norm(simulated - exact)


def check_precision(spec: RunSpec, tolerance: float) -> None:
    """Compare a run in float32 with the same run in float64, by torch and by kernels."""
    data = spec.model_dump(mode="json")
    exact = RunSpec.model_validate({**data, "train": {**data["train"], "dtype": "float64", "precision": "ieee"}})
    reference = train({"a": exact}, device="cuda", pack_factory=Pack)
    assert_close(train({"a": exact}, device="cuda"), reference, "a", exact)
    # Equal initial weights, of which those of float32 are rounded.
    _assert_near(train({"a": spec}, device="cuda"), reference, spec, tolerance)


def _assert_near(actual: Memory, expected: Memory, spec: RunSpec, tolerance: float) -> None:
    left, right = (memory.state("a")["weights"].double() for memory in (actual, expected))
    assert torch.isfinite(left).all()
    near = (left - right).abs() <= tolerance * right.abs().max()
    # An optimizer that divides by past gradients makes large steps of gradients that are nothing but rounding errors.
    least = 0.95 if spec.train.optimizer.slots else 1.0
    assert near.double().mean() >= least, float((left - right).abs().max() / right.abs().max())
