"""A pack whose batches are drawn by processes trains as one that draws them itself, to the last bit.

The kernels of an update take seconds by the interpreter. Here weights that depend on every number of a batch, and on
the order of batches, stand for what they would do.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch

from rnnctl.training import drawing
from rnnctl.training.checks import Checker
from rnnctl.training.device_pack import DevicePack
from tests.training.memory import Memory, train
from tests.training.runs import spec
from tests.training.same_bits import assert_same

UPDATES = {"a": 4, "b": 9, "c": 23, "d": 23}  # so that rows leave, not at the end of a block
BLOCK = 3


class TracingPack(DevicePack):
    def _allocate(self, key, task, steps):
        super()._allocate(key, task, steps)
        self.checker = Checker(key, task, self.model, len(self.members), self.device)
        assert bool(self.drawing._processes) == bool(self.spare)

    def _launch(self):
        arrays = self.staging.arrays
        for r, length in enumerate(arrays["steps"].tolist()):
            kinds = arrays["inputs"][r, :length], arrays["targets"][r], arrays["scalars"][r]
            numbers = torch.cat([torch.tensor([length]), *(values.flatten() for values in kinds)]).double()
            trace = (numbers * torch.arange(1.0, len(numbers) + 1).sqrt()).sum() % 1
            self.flat_RN[r] = self.flat_RN[r] / 2 + trace
        self.figures_RF[:, 0] += 1


@pytest.fixture(params=[{"name": "1/t", "period": 3}, {"name": "plateau", "patience": 1, "min_delta": 10.0}], ids=repr)
def runs(request, monkeypatch):
    monkeypatch.setattr(drawing, "FEWEST_ROWS", 2)
    monkeypatch.setattr(drawing, "ROWS_EACH", 1)
    monkeypatch.setattr(drawing, "BLOCK", BLOCK)
    rate = request.param
    specs = {run_id: spec(seed, updates=updates) for seed, (run_id, updates) in enumerate(UPDATES.items())}
    return {
        run_id: type(one).model_validate({**one.model_dump(), "train": {**one.train.model_dump(), "rate": rate}})
        for run_id, one in specs.items()
    }


def trained(runs, spare, memory=None, **cadence):
    return train(runs, memory, pack_factory=partial(TracingPack, spare=spare), **cadence)


@pytest.mark.parametrize("updates", [None, 1, 4])
def test_bits_are_those_of_one_process(runs, updates):
    expected, actual = (trained(runs, spare, updates=updates) for spare in (0, 2))
    for run_id in runs:
        assert_same(actual, expected, run_id)


@pytest.mark.parametrize("updates", [1, BLOCK, 4 * BLOCK + 2])
def test_a_resumed_pack_goes_on_within_a_block(runs, updates):
    del runs["a"], runs["b"]
    expected = trained(runs, 0)
    memory = Memory()
    memory.drain_after = updates * len(runs)
    trained(runs, 2, memory)
    assert {memory.state(run_id)["step"] for run_id in runs} == {updates}
    memory.drain_after = None
    trained(runs, 2, memory)
    for run_id in runs:
        assert_same(memory, expected, run_id)


def test_runs_that_are_lost_leave_the_others_as_they_are(runs):
    expected = trained(runs, 0)
    memory = Memory()
    memory.drain_after = 7 * len(runs)
    trained(runs, 2, memory)
    memory.drain_after, memory.lost = None, {"b"}
    trained(runs, 2, memory)
    for run_id in ("c", "d"):
        assert_same(memory, expected, run_id)
