"""Every cell, task and optimizer trains on the pretended device, by operations of torch, as it does on the CPU.

Whatever touches a tensor of the wrong device raises there. Bits are the same, since the operations are.
"""

from __future__ import annotations

from functools import partial

import pytest

from rnnctl.training.pack import Pack
from tests.pretended.combinations import a_text, drawn_runs, each_combination
from tests.pretended.device import pretended_device
from tests.training.memory import train
from tests.training.same_bits import assert_same


@pytest.fixture
def _torch_alone(monkeypatch):
    """The CPU as it is without compiled loops: a pretended device has none either."""
    for module in ("cells.base.passes", "optimizers.adam"):
        monkeypatch.setattr(f"rnnctl.{module}.kernel_compiler", lambda: None)


@each_combination
@pytest.mark.usefixtures("_torch_alone")
def test_the_weights_are_those_of_the_cpu(names, tmp_path, monkeypatch):
    runs = drawn_runs(names, a_text(tmp_path, monkeypatch), updates=4)
    by_torch = partial(train, runs, pack_factory=Pack)
    expected = by_torch()
    with pretended_device() as device:
        actual = by_torch(device=device.name)
    for run_id in runs:
        assert_same(actual, expected, run_id)
    traffic = device.take()
    assert traffic.launches
    assert traffic.into.count
    assert traffic.out.count
