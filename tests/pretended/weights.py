"""Training on the pretended device, by operations of torch, against training on the CPU.

Whatever touches a tensor of the wrong device raises there. Bits are the same, since the operations are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from rnnctl.training.pack import Pack
from tests.pretended.combinations import a_text, drawn_runs
from tests.pretended.device import pretended_device
from tests.training.memory import train
from tests.training.same_bits import assert_same


def without_compiled_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU train as it does without compiled loops: a pretended device has none either."""
    for module in ("cells.base.passes", "optimizers.section"):
        monkeypatch.setattr(f"rnnctl.{module}.kernel_compiler", lambda: None)


def check_weights(names: Mapping[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train two drawn runs of a combination on both, and compare their bits."""
    without_compiled_loops(monkeypatch)
    runs = drawn_runs(names, a_text(folder, monkeypatch), updates=4)
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
