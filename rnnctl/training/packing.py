"""How many runs to train in one pack.

A pack shares what an update costs beside arithmetic: calls, and on a GPU the launch of every step's operations. Once
the arithmetic outweighs that it has nothing left to share, and runs that wait for each other only end later. Measured
in kernels/LOG.md.
"""

from __future__ import annotations

import re

MOST = {"cpu": 16, "cuda": 256}
# Multiply-adds of one step of the whole pack, beyond which adding runs gains nothing.
STEP_WORK = {"cpu": 2_000_000, "cuda": 400_000_000}


def most_in_a_pack(shape: str, device: str, override: int | None = None) -> int:
    """How many runs of a shape (RunSpec.shape) one worker trains together on a device, at most; a user may override."""
    if override is not None:
        return override
    found = re.search(r"-H(\d+)-B(\d+)-", shape)
    assert found, shape
    hidden, batch = map(int, found.groups())
    return max(1, min(MOST[device], STEP_WORK[device] // (batch * hidden * hidden)))
