"""Frozen weights in a pack of GPU kernels: they keep their bits, and everything else trains as on the CPU."""

from __future__ import annotations

import pytest
import torch

from rnnctl.cells.catalogue import CELLS
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.study.run import RunSpec
from rnnctl.training.device_pack import DevicePack
from rnnctl.training.loop import make_pack
from rnnctl.training.member import begin, network_of
from tests.pretended.device import pretended_device
from tests.training.close import assert_close
from tests.training.memory import train
from tests.training.runs import explosive
from tests.training.same_bits import assert_same


def small(cell: str = "rnn", **train_keys: object) -> RunSpec:
    hidden = 24 if "slots" in CELLS[cell].model_fields else 8  # a slot with few relu units may learn nothing at once
    return RunSpec.model_validate(
        {
            "task": {"name": "temporal_order", "min_length": 10, "max_length": 10},
            "model": {"name": cell, "hidden": hidden, "init": "linear" if cell == "gated" else "orthogonal"},
            "train": {"updates": 2, "batch": 2, "clip": 0.1, **train_keys},
            "check": {"every": 2, "samples": 2, "chunk": 2, "diagnostic_batch": 1},
            "stop": {"solved": "never"},
        }
    )


def with_frozen(run: RunSpec, *names: str, **changes: object) -> RunSpec:
    plain = run.model_dump(mode="json")
    plain["train"] |= {"freeze": list(names), **changes}
    return RunSpec.model_validate(plain)


def initial(run: RunSpec) -> torch.Tensor:
    task = run.task.make()
    return begin("a", run, task, network_of(run.model, task))[1]


def assert_kept(run: RunSpec, weights: torch.Tensor) -> None:
    layout = network_of(run.model, run.task.make()).layout
    before, after = (layout.views(flat.unsqueeze(0)) for flat in (initial(run), weights))
    for name in before:
        assert torch.equal(before[name], after[name]) == (name in run.train.frozen), name


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS.names if OPTIMIZERS[name].kernel() is not None])
def test_each_run_of_a_pack_keeps_what_it_freezes(optimizer):
    plain = small(optimizer={"name": optimizer}, omega=0.5)
    runs = {"none": plain, "W_hh": with_frozen(plain, "W_hh"), "ends": with_frozen(plain, "W_uh", "b_hy")}
    expected = train(runs)
    with pretended_device() as device:
        actual = train(runs, device=device.name)
        alone = train({"W_hh": runs["W_hh"]}, device=device.name)
    assert_same(alone, actual, "W_hh")
    for run_id, run in runs.items():
        assert_kept(run, actual.state(run_id)["weights"])
        assert_close(actual, expected, run_id, run)
        kept = actual.state(run_id)["kept"]
        if kept is not None:
            untouched = initial(run) == actual.state(run_id)["weights"]
            assert torch.equal(kept[:, untouched], expected.state(run_id)["kept"][:, untouched])


@pytest.mark.parametrize("cell", [name for name in CELLS.names if name != "rnn"])
def test_every_cell_keeps_what_it_freezes(cell):
    run = small(cell, lr=1.0, clip=10.0)
    run = with_frozen(run, network_of(run.model, run.task.make()).recurrent[0], "W_hy")
    expected = train({"a": run})
    with pretended_device() as device:
        actual = train({"a": run}, device=device.name)
    assert_kept(run, actual.state("a")["weights"])
    assert_close(actual, expected, "a", run)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, which the interpreter computes with
def test_the_guard_leaves_a_frozen_matrix_alone():
    run = with_frozen(explosive(1.0), "W_hh", updates=1, batch=1)
    plain = run.model_dump(mode="json")
    run = RunSpec.model_validate({**plain, "check": {**plain["check"], "samples": 2, "chunk": 2}})
    with pretended_device() as device:
        state = train({"a": run}, device=device.name).state("a")
    assert torch.equal(state["weights"], initial(run))
    assert state["window"]["guarded"] or state["last"]["guard_share"]


def test_runs_that_are_fed_their_own_symbols_train_without_kernels():
    for teacher, kernels in ((1.0, True), (0.5, False)):
        run = RunSpec.model_validate(
            {
                "task": {"name": "grammar", "sentences": 100, "window": 4},
                "model": {"hidden": 4, "init": "orthogonal"},
                "train": {"batch": 2, "teacher": teacher},
                "check": {"samples": 4, "chunk": 2, "diagnostic_batch": 2},
            }
        ).identified()
        task = run.task.make()
        member, weights = begin("a", run, task, network_of(run.model, task))
        with pretended_device() as device:
            pack = make_pack([member], [weights], device.name)
        assert isinstance(pack, DevicePack) == kernels
