"""A run that goes on from another one has the bits of one trained from the start, with GPU kernels too."""

from __future__ import annotations

import pytest
import torch

from rnnctl.study.run import RunSpec
from tests.pretended.device import pretended_device
from tests.training.memory import Memory, train
from tests.training.runs import explosive, spec
from tests.training.same_bits import assert_same


def with_updates(run: RunSpec, updates: int) -> RunSpec:
    plain = run.model_dump(mode="json")
    return RunSpec.model_validate({**plain, "train": {**plain["train"], "updates": updates}})


def test_runs_go_on_in_a_pack():
    small = {"hidden": 4, "samples": 4, "chunk": 2, "diagnostic_batch": 2, "every": 2}
    runs = {f"long {seed}": spec(seed, updates=4, **small) for seed in (1, 2)}
    memory = Memory()
    memory.specs = {"short": with_updates(runs["long 1"], 3), **runs}
    with pretended_device() as device:
        expected = train(runs, device=device.name)
        train({"short": memory.specs["short"]}, memory, device.name)
        train(runs, memory, device.name)
    for run_id in runs:
        assert_same(memory, expected, run_id)
    assert memory.origins == {"long 1": ("short", 3)}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, which the interpreter computes with
def test_a_diverged_run_diverges_again():
    parent = with_updates(explosive("none"), 3)
    memory = Memory()
    memory.specs = {"short": parent, "long": with_updates(parent, 5)}
    with pretended_device() as device:
        expected = train({"long": memory.specs["long"]}, device=device.name)
        train({"short": parent}, memory, device.name)
        train({"long": memory.specs["long"]}, memory, device.name)
    assert memory.origins == {"long": ("short", memory.state("short")["step"])}
    assert memory.outcomes == {"short": "diverged", "long": "diverged"}
    # How many batches were drawn before the host noticed depends on when it looked, and does not matter any more.
    end, end_anew = ({**kept.state("long"), "feed": None} for kept in (memory, expected))
    assert torch.equal(end.pop("weights"), end_anew.pop("weights"))
    assert repr(end) == repr(end_anew)
    assert repr(memory.history["long"]) == repr(expected.history["long"])
