"""How many runs to train in one pack, and how many packs at once.

Runs of a pack share the cost of an update beside arithmetic: Python calls and, on a GPU, launches of kernels. On a CPU,
arithmetic soon dominates; then a larger pack saves nothing, and all its runs end later. The measurements are in
kernels/LOG.md. On a GPU, runs of a pack train side by side, and memory sets the limit.

On a GPU the runs of several pack keys share a pack if they have one wide key and train with kernels. Several packs can
train side by side there too. A pass through time has one program or more for each run (its cell
tells how many). Packs are added until there are PROGRAMS_AT_ONCE programs for each multiprocessor of the card, or
MOST_PACKS packs, or until memory is full. On a CPU one pack is trained at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from rnnctl.devices import gpu_kernel_compiler, is_card, multiprocessors
from rnnctl.kernels.gpu.launch import blocks
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.memory import bytes_of_run, runs_that_fit

MOST_ON_CPU, MOST_ON_CARD = 16, 256
# Multiply-adds of one step of the whole pack, beyond which adding runs gains nothing on a CPU.
STEP_WORK = 2_000_000

MOST_PACKS = 64
PROGRAMS_AT_ONCE = 8  # programs of passes through time for each multiprocessor of a card


def most_in_a_pack(
    text: str, device: str, workers: int = 1, override: int | None = None, taken: Sequence[str] = ()
) -> int:
    """Return how many runs of a pack key one worker trains together on a device, at most; a user may override it.

    text: the canonical text of the key. A run whose key cannot be read is trained alone. workers: how many train on
    this device, this one included; on a card, they share what memory is free now. taken: for each run that this worker
    will train on a card at the same time, in other packs, the text of its key; 0 is returned if no run fits beside
    these.
    """
    try:
        key = PackKey.read(text)
    except ValueError:
        return 1
    if is_card(device):
        key = key.wide  # also of runs without kernels, which take no more
    if taken:
        fitting = runs_that_fit(key, device, workers, sum(_needs(other)[0] for other in taken))
        return min(fitting, MOST_ON_CARD if override is None else override)
    if override is not None:
        return override
    if is_card(device):
        most = min(MOST_ON_CARD, runs_that_fit(key, device, workers))
    else:
        most = min(MOST_ON_CPU, STEP_WORK // (key.train.batch * key.model.hidden**2))
    return max(1, most)


def has_room(taken: Sequence[str], device: str, override: int | None = None) -> bool:
    """Return whether a worker should train another pack at the same time as others. Memory is not looked at.

    taken: for each run of the others, the text of its pack key. override: how many runs a pack has at most, if a user
    says so.
    """
    if not is_card(device):
        return False
    most = MOST_ON_CARD if override is None else override
    together = Counter(_wide_text(text) for text in taken)
    if sum(blocks(runs, most) for runs in together.values()) >= MOST_PACKS:
        return False
    return sum(_needs(text)[1] for text in taken) < PROGRAMS_AT_ONCE * multiprocessors(device)


def shared_on_card(spec: RunSpec) -> tuple[PackKey, bool]:
    """Return what a run has in common with all runs that can share a pack with it on a card: its wide key if it trains
    with GPU kernels, else its pack key; and whether it does.
    """
    key = PackKey.of(spec)
    if not gpu_kernel_compiler():
        return key, False
    from rnnctl.training.launches import has_kernels

    return (key.wide, True) if has_kernels(spec) else (key, False)


def packs_of(runs: Mapping[str, RunSpec], device: str, override: int | None = None) -> list[dict[str, RunSpec]]:
    """Return the packs that one worker makes of its runs on a device. runs: run id -> spec. override: see has_room."""
    together: dict[tuple[PackKey, bool], list[str]] = {}
    for run_id, spec in runs.items():
        shared = shared_on_card(spec) if is_card(device) else (PackKey.of(spec), False)
        together.setdefault(shared, []).append(run_id)
    most = len(runs) if not is_card(device) else MOST_ON_CARD if override is None else override
    return [
        {run_id: runs[run_id] for run_id in alike[first : first + most]}
        for alike in together.values()
        for first in range(0, len(alike), most)
    ]


def _wide_text(text: str) -> str:
    """Return the text of the wide key of a pack key; a key that cannot be read has no other."""
    try:
        return PackKey.read(text).wide.text
    except ValueError:
        return text


@lru_cache(maxsize=4096)
def _needs(text: str) -> tuple[int, int]:
    """Return what a run of a pack key takes of a card: bytes, and programs of a pass through time."""
    try:
        key = PackKey.read(text).wide
    except ValueError:
        return 0, 0
    return bytes_of_run(key), key.model.programs(key.train.batch, key.train.precision)
