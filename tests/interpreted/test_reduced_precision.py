"""Kernels whose products have factors of a narrow type, interpreted, against what torch simulates on a CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from triton.runtime.interpreter import InterpreterBuilder

from rnnctl.cells.base.section import REDUCED
from rnnctl.cells.catalogue import CELLS
from rnnctl.study.run import RunSpec
from rnnctl.training.device_pack import DevicePack
from rnnctl.training.member import begin, network_of
from rnnctl.training.packing import packs_of
from tests.gpu_shapes import sized
from tests.pretended.device import pretended_device
from tests.pretended.kernels import CELLS_WITH_KERNELS
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

# The inputs of one task are symbols, those of the other are real numbers.
PAIRS = [(cell, "temporal_order") for cell in CELLS_WITH_KERNELS]
PAIRS += [(cell, "addition") for cell in CELLS_WITH_KERNELS if CELLS[cell].takes_reals]
HIDDEN = {"gated": 5}  # an interpreted program takes milliseconds


def a_run(cell: str, task: str, precision: str, updates: int = 1, seed: int = 1, **train: Any) -> RunSpec:
    """Return a run whose check comes after its last update."""
    settings = {"task": {"name": task, "min_length": 10, "max_length": 12}, "seed": seed}
    made = sized(cell, HIDDEN.get(cell, 20), 3, **settings, train={"precision": precision, "lr": 0.5, **train})
    plain = made.model_dump(mode="json")
    plain["train"]["updates"] = plain["check"]["every"] = updates
    return RunSpec.model_validate(plain).identified()


def on_device(*runs: RunSpec) -> tuple[Memory, Any]:
    """Train runs together on the pretended device. Return what they left, and what was launched."""
    with pretended_device() as device:
        return train({str(spec.seed): spec for spec in runs}, device=device.name), device.take().launches


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize(("cell", "task"), PAIRS)
def test_an_update_is_that_of_the_simulation(cell, task, precision):
    run, plain = (a_run(cell, task, each) for each in (precision, "ieee"))
    trained, launches = on_device(run)
    assert launches["products"] > 0
    actual, simulated, exact = (
        memory.state("1")["weights"] for memory in (trained, train({"1": run}), train({"1": plain}))
    )
    effect = torch.linalg.vector_norm(simulated - exact)
    # Here and there a state lies between two narrow numbers, and float32 rounds it to this or that side.
    assert 0 < torch.linalg.vector_norm(actual - simulated) < 0.1 * effect


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize(("cell", "task"), PAIRS)
def test_all_factors_of_an_update_are_of_the_narrow_type(cell, task, precision, monkeypatch):
    kinds, dot = set(), InterpreterBuilder.create_dot

    def observed(builder: Any, a: Any, b: Any, *others: Any) -> Any:
        kinds.update(str(factor.dtype.scalar) for factor in (a, b))
        return dot(builder, a, b, *others)

    monkeypatch.setattr(InterpreterBuilder, "create_dot", observed)
    run = a_run(cell, task, precision, updates=2)
    drawn = run.task.make()
    member, weights = begin("a", run, drawn, network_of(run.model, drawn))
    with pretended_device() as device:
        pack = DevicePack([member], [weights], device.name)
        kinds.clear()  # of the floor
        pack.update()
        pack.close()
    assert kinds == {{"bfloat16": "bf16", "float16": "fp16"}[precision]}


@pytest.mark.parametrize("precision", REDUCED)
def test_checks_are_not_rounded(precision):
    history = {each: on_device(a_run("rnn", "addition", each))[0].history["1"] for each in (precision, "ieee")}
    before, after = zip(*history.values(), strict=True)
    assert before[0].scalars == before[1].scalars
    assert after[0].scalars["valid_loss"] != after[1].scalars["valid_loss"]


def test_a_run_has_the_same_bits_alone_in_a_pack_and_resumed():
    runs = [a_run("gru", "temporal_order", "bfloat16", updates=2, seed=seed) for seed in (1, 2)]
    together, _ = on_device(*runs)
    alone, _ = on_device(runs[0])
    assert_same(alone, together, "1")
    resumed = Memory()
    resumed.drain_after = 1
    with pretended_device() as device:
        train({"1": runs[0]}, resumed, device.name)
        assert resumed.state("1")["step"] == 1
        resumed.drain_after = None
        train({"1": runs[0]}, resumed, device.name)
    assert_same(resumed, together, "1")


def test_a_run_whose_loss_is_scaled_trains_by_operations_of_torch():
    scaled = a_run("rnn", "addition", "float16", loss_scale="dynamic")
    trained, launches = on_device(scaled)
    assert "products" not in launches
    assert "skip_share" in trained.history["1"][-1].scalars
    plain = a_run("rnn", "addition", "float16", seed=2)
    with pytest.raises(ValueError, match="cannot be trained together"):
        on_device(scaled, plain)
    runs = {"scaled": scaled, "plain": plain}
    assert packs_of(runs, "cuda:0") == [{name: spec} for name, spec in runs.items()]
    assert packs_of(runs, "cpu") == [runs]
