"""The estimate of a run's memory against the buffers of a pack that trains by GPU kernels."""

from __future__ import annotations

import pytest
import torch

from rnnctl.cells.catalogue import CELLS
from rnnctl.kernels.gpu.launch import recorded
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.tasks.catalogue import TASKS
from rnnctl.tasks.section import LengthsSection
from rnnctl.training.device_checks import DeviceChecker, KernelValidator
from rnnctl.training.device_pack import DevicePack
from rnnctl.training.member import begin, network_of
from rnnctl.training.memory import bytes_of_run


@pytest.mark.parametrize("hidden", [24, 200])
@pytest.mark.parametrize("task", [name for name in TASKS.names if issubclass(TASKS[name], LengthsSection)])
@pytest.mark.parametrize("cell", CELLS.names)
def test_the_estimate_covers_all_buffers(cell, task, hidden):
    if TASKS[task].real_inputs and not CELLS[cell].takes_reals:
        pytest.skip("the cell takes no real inputs")
    spec = RunSpec.model_validate(
        {
            "task": {"name": task},
            "model": {"name": cell, "hidden": hidden},
            "train": {"optimizer": "adam"},
            "check": {"samples": 600, "chunk": 300},
        }
    )
    made = spec.task.make()
    network = network_of(spec.model, made)
    if network.kernel_tape is None or not made.question.has_gpu_head:
        pytest.skip("there are no GPU kernels")
    pack = DevicePack(*([each] for each in begin("one", spec, made, network)), "cpu")
    assert isinstance(pack.checker, DeviceChecker)
    with recorded():  # without starting a kernel
        pack.update()
        pack.checker._pass(pack.networks([0]), torch.ones(1))
    held, estimate = held_bytes(pack), bytes_of_run(PackKey.of(spec).wide)
    assert held <= estimate, estimate / held


def held_bytes(pack: DevicePack) -> int:
    """The bytes that a pack takes on a device, once it has made an update and a check."""
    checker = pack.checker
    assert isinstance(checker, DeviceChecker)
    assert isinstance(checker.validator, KernelValidator)
    validation = checker.validator._tape(checker.validator.cut.sequences)
    tensors = [pack.flat_RN, pack.grads_RN, pack.kept_RSN, pack.flags_RN, pack.staging._device, *pack.passes._gathering]
    for tape in (pack.passes, checker.passes, validation):
        tensors += [tape.arena, tape.carry_RBC, *tape._turned.values()]
    return sum(tensor.untyped_storage().nbytes() for tensor in [*tensors, validation.wrong_RA])
