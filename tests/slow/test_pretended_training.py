"""Every cell, task and optimizer trains on the pretended device, by operations of torch, as it does on the CPU."""

from __future__ import annotations

from tests.pretended.combinations import each_combination
from tests.pretended.weights import check_weights


@each_combination
def test_the_weights_are_those_of_the_cpu(names, tmp_path, monkeypatch):
    check_weights(names, tmp_path, monkeypatch)
