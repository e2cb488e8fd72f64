"""How many kernels an update starts on a GPU, counted without one."""

from __future__ import annotations

from rnnctl.devices import gpu_kernel_compiler
from rnnctl.kernels.gpu.launch import recorded
from rnnctl.study.run import RunSpec
from rnnctl.training.member import begin, network_of

NO_COMPILER = "Triton is not installed"


def has_kernels(spec: RunSpec) -> bool:
    """Return whether a run trains with GPU kernels, rather than through operations of torch. Triton must be there."""
    network = network_of(spec.model, spec.task.make())
    return network.kernel_tape is not None and spec.train.optimizer.kernel() is not None


def launches_of_update(spec: RunSpec) -> int | str:
    """Return how many kernels an update of a pack with this run starts, whatever the number of its runs.

    They are counted as they are asked for by an update whose memory is of torch's device "meta", which has no data.
    Return the reason, in words, where they cannot be counted.
    """
    if not gpu_kernel_compiler():
        return NO_COMPILER
    if not has_kernels(spec):
        return "there are no GPU kernels for it, so torch starts several for each time step"
    from rnnctl.training.device_pack import DevicePack

    plain = spec.canonical()
    # Checks do not matter here; without this, their sequences would be drawn.
    few = {"every": 2, "samples": 1, "chunk": 1, "screen": None, "diagnose_every": None, "diagnostic_batch": 1}
    train = {**plain["train"], "updates": max(2, spec.train.updates)}  # after the last one there is a check
    spec = RunSpec.model_validate({**plain, "train": train, "check": {**plain["check"], **few}})
    task = spec.task.make()
    member, weights = begin("counted", spec, task, network_of(spec.model, task))
    pack = DevicePack([member], [weights], "meta")
    with recorded() as names:
        pack.update()
    return len(names)
