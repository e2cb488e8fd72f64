"""Every cell, task and optimizer trains with GPU kernels, interpreted, on the pretended device, as the CPU does."""

from __future__ import annotations

from tests.pretended.combinations import a_text, drawn_runs, each_combination
from tests.pretended.device import pretended_device
from tests.training.close import assert_close
from tests.training.memory import train

UPDATES = 2  # a program of a kernel takes milliseconds here


@each_combination
def test_the_weights_are_those_of_the_cpu(names, tmp_path, monkeypatch):
    runs = drawn_runs(names, a_text(tmp_path, monkeypatch), UPDATES)
    expected = train(runs)
    with pretended_device() as device:
        actual = train(runs, device=device.name)
    for run_id, spec in runs.items():
        assert_close(actual, expected, run_id, spec)
