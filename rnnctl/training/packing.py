"""How many runs to train in one pack.

A pack shares the cost of launching each time step's operations, which is what small networks spend their time on; it
has nothing to share once the arithmetic of a step outweighs the launch, and its buffers then only crowd the cache.
"""

from __future__ import annotations

import re

MOST = {"cpu": 16, "cuda": 256}
# Multiply-adds of one step of the whole pack, beyond which adding runs gains nothing.
STEP_WORK = {"cpu": 2_000_000, "cuda": 400_000_000}


def most_in_a_pack(shape: str, device: str) -> int:
    """How many runs of a shape (RunSpec.shape) one worker trains together on a device, at most."""
    found = re.search(r"-H(\d+)-B(\d+)-", shape)
    assert found, shape
    hidden, batch = map(int, found.groups())
    return max(1, min(MOST[device], STEP_WORK[device] // (batch * hidden * hidden)))
