"""How many runs to train in one pack.

Runs of a pack share the cost of an update beside arithmetic: Python calls and, on a GPU, launches of kernels. On a CPU,
arithmetic soon dominates; then a larger pack saves nothing, and all its runs end later. The measurements are in
kernels/LOG.md. On a GPU, runs of a pack train side by side, and memory sets the limit.
"""

from __future__ import annotations

from rnnctl.devices import is_card
from rnnctl.study.pack_key import PackKey
from rnnctl.training.memory import runs_that_fit

MOST_ON_CPU, MOST_ON_CARD = 16, 256
# Multiply-adds of one step of the whole pack, beyond which adding runs gains nothing on a CPU.
STEP_WORK = 2_000_000


def most_in_a_pack(text: str, device: str, workers: int = 1, override: int | None = None) -> int:
    """Return how many runs of a pack key one worker trains together on a device, at most; a user may override it.

    text: the canonical text of the key. A run whose key cannot be read is trained alone. workers: how many train on
    this device, this one included; on a card, they share what memory is free now.
    """
    try:
        key = PackKey.read(text)
    except ValueError:
        return 1
    if override is not None:
        return override
    if is_card(device):
        most = min(MOST_ON_CARD, runs_that_fit(key, device, workers))
    else:
        most = min(MOST_ON_CPU, STEP_WORK // (key.train.batch * key.model.hidden**2))
    return max(1, most)
