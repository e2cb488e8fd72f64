"""How many runs to train in one pack.

Runs of a pack share the cost of an update beside arithmetic: Python calls and, on a GPU, the launch of every step's
operations. Once arithmetic dominates, a larger pack saves nothing, and all its runs end later. The measurements are in
kernels/LOG.md.
"""

from __future__ import annotations

from rnnctl.devices import is_card
from rnnctl.study.pack_key import PackKey

MOST = {"cpu": 16, "cuda": 256}
# Multiply-adds of one step of the whole pack, beyond which adding runs gains nothing.
STEP_WORK = {"cpu": 2_000_000, "cuda": 400_000_000}


def most_in_a_pack(text: str, device: str, override: int | None = None) -> int:
    """Return how many runs of a pack key one worker trains together on a device, at most; a user may override it.

    text: the canonical text of the key. A run whose key cannot be read is trained alone.
    """
    try:
        key = PackKey.read(text)
    except ValueError:
        return 1
    if override is not None:
        return override
    kind = "cuda" if is_card(device) else "cpu"
    return max(1, min(MOST[kind], STEP_WORK[kind] // (key.train.batch * key.model.hidden**2)))
