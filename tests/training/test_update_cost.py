"""What an update of a small network costs besides its arithmetic. A clock would measure the machine, so the operations
of torch are counted: each takes a microsecond or more, and an update of EC1 has 70 of them.
"""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rnnctl.bench.cases import pack_of
from tests.training.runs import spec


class Counting(TorchDispatchMode):
    """Counts the operations of torch."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation, _types, args=(), kwargs=None):
        self.count += 1
        return operation(*args, **(kwargs or {}))


def test_an_update_makes_few_operations_of_torch():
    with torch.no_grad():
        one = pack_of([spec(1)])
        one.update()
        with Counting() as counting:
            one.update()
    assert counting.count <= 72  # 68 with torch 2.11
