"""How many kernels an update starts on a GPU, counted without one. Triton must be installed."""

from __future__ import annotations

from rnnctl.kernels.gpu.launch import recorded
from rnnctl.study.run import RunSpec
from rnnctl.training.member import begin, network_of


def has_kernels(spec: RunSpec) -> bool:
    """Return whether runs like this one train with GPU kernels, rather than through operations of torch.

    Runs that are fed symbols of their own do not (see rnnctl.study.teacher): the kernels go through a whole sequence at
    once, and its inputs have to be known before. Nor do runs whose updates take several batches, or whose loss is
    scaled: what the kernels do for an update begins with its batch and ends with new weights, without a look at whether
    its gradient overflows. Nor do runs whose answers have several values, or are not all asked.
    """
    train, sizes = spec.train, spec.task.sizes
    if not train.teacher.alone or train.accumulate > 1 or train.scales_loss:
        return False
    network = spec.model.network(sizes.inputs, sizes.outputs)
    return spec.task.question.has_gpu_head and network.kernel_tape is not None and train.optimizer.kernel() is not None


def launches_of_update(spec: RunSpec) -> int:
    """Return how many kernels an update of a pack with this run starts, whatever the number of its runs.

    They are counted as they are asked for, by an update whose memory is of torch's device "meta", which has no data.
    The run must have GPU kernels; see has_kernels.
    """
    from rnnctl.training.device_pack import DevicePack

    plain = spec.canonical()
    # Checks do not matter here; without this, their sequences would be drawn.
    least = spec.task.batch_multiple[0] if spec.task.batch_multiple else 1
    few = {"every": 2, "samples": least, "chunk": least, "screen": None, "diagnose_every": None, "snapshots": None}
    train = {**plain["train"], "updates": max(2, spec.train.updates)}  # after the last one there is a check
    spec = RunSpec.model_validate({**plain, "train": train, "check": {**plain["check"], **few}})
    task = spec.task.make()
    member, weights = begin("counted", spec, task, network_of(spec.model, task))
    pack = DevicePack([member], [weights], "meta")
    with recorded() as names:
        pack.update()
    return len(names)
