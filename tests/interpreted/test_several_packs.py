"""Several packs with GPU kernels, interpreted, trained at once: the same bits as each alone."""

from __future__ import annotations

from rnnctl.training.loop import Cadence, train_packs
from tests.pretended.device import pretended_device
from tests.training.memory import Memory, train
from tests.training.runs import spec
from tests.training.same_bits import assert_same

SMALL = {"updates": 2, "samples": 4, "chunk": 2, "diagnostic_batch": 2}  # a program of a kernel takes milliseconds here


def test_runs_of_several_packs_have_the_same_bits_as_alone():
    packs = [
        {"a1": spec(1, **SMALL), "a2": spec(2, omega=0, **SMALL)},
        {"b": spec(3, hidden=16, activation="sigmoid", **SMALL)},
    ]
    with pretended_device() as device:
        together = Memory()
        together.drain_after = 3  # updates: after the first round
        train_packs(packs, together, device=device.name, cadence=Cadence())
        together.drain_after = None
        train_packs(packs, together, device=device.name, cadence=Cadence())
        launches = device.take().launches
        alone = [train(pack, device=device.name) for pack in packs]
        assert launches["forward"] >= 4  # of the vanilla RNN: kernels were used
    for pack, memory in zip(packs, alone, strict=True):
        for run_id in pack:
            assert_same(memory, together, run_id)
            assert memory.outcomes[run_id] == together.outcomes[run_id]
