"""Every cell trains on the pretended device, by operations of torch, as it does on the CPU.

All tasks and optimizers do so in tests/slow.
"""

from __future__ import annotations

import pytest

from rnnctl.cells.catalogue import CELLS
from rnnctl.study.run import RunSpec
from rnnctl.training.pack import Pack
from tests.pretended.combinations import one_of_each_cell
from tests.pretended.device import pretended_device
from tests.pretended.weights import check_weights, without_compiled_loops
from tests.training.memory import train
from tests.training.same_bits import assert_same


def sampling(cell: str, share: float, seed: int) -> RunSpec:
    return RunSpec.model_validate(
        {
            "task": {"name": "grammar", "sentences": 100, "window": 6, "state": "carried"},
            "model": {"name": cell, "hidden": 8, "init": "linear" if cell == "gated" else "orthogonal"},
            "train": {"updates": 4, "batch": 2, "teacher": share},
            "check": {"every": 4, "samples": 4, "chunk": 2, "diagnostic_batch": 2},
            "seed": seed,
        }
    ).identified()


@pytest.mark.parametrize("cell", CELLS.names)
def test_runs_that_are_fed_their_own_symbols_are_those_of_the_cpu(cell, monkeypatch):
    without_compiled_loops(monkeypatch)
    runs = {"a": sampling(cell, 0.3, 1), "b": sampling(cell, 0.8, 2)}
    expected = train(runs)
    with pretended_device() as device:
        actual = train(runs, device=device.name, pack_factory=Pack)
    for run_id in runs:
        assert_same(actual, expected, run_id)


@one_of_each_cell
def test_the_weights_are_those_of_the_cpu(names, tmp_path, monkeypatch):
    check_weights(names, tmp_path, monkeypatch)
