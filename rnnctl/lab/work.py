"""One worker: what it does with the runs that it has claimed, and how it is put together. Loads torch."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

from jobs.child import CannotWork, abandon
from jobs.events import Emit
from jobs.ledger import StoreLedger
from jobs.session import OutOfMemory, Session
from jobs.worker import Worker
from rnnctl import devices
from rnnctl.determinism import bit_environment, settle_torch
from rnnctl.lab.worker_options import WorkerOptions
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.loop import Cadence, make_pack, train_pack
from rnnctl.training.memory import needs, shortage
from rnnctl.training.packing import most_in_a_pack


def execute(session: Session, *, device: str, cadence: Cadence, peers: int = 1) -> None:
    """Train a session's runs until each has ended, is lost, or the session drains.

    peers: how many workers share the cores of this machine, this one included.

    Raise OutOfMemory if not even one run fits into the memory of the device, or if it runs out while they train.
    """
    specs = {claim.run_id: RunSpec.model_validate(claim.spec) for claim in session.claims}
    key = PackKey.of(next(iter(specs.values())))
    if (reason := shortage(key, device)) is not None:
        raise OutOfMemory(reason)
    try:
        train_pack(specs, session, device=device, cadence=cadence, pack_factory=partial(make_pack, peers=peers))
        return
    except RuntimeError as error:
        if not devices.ran_out_of_memory(error):
            raise
    # Only now nothing refers to the tensors of the pack any more: the traceback did.
    devices.release_memory()
    raise OutOfMemory(f"memory ran out; a run {needs(key, device)}")


def build_worker(options: WorkerOptions, emit: Emit, stop: threading.Event) -> Worker:
    """Return the worker of this process, after settling what bits depend on.

    emit: is called with every event. stop: once set, the worker drains. Raises CannotWork if this process was not
    started with the environment of a worker, or has no such device.
    """
    try:
        settle_torch()
        device, workers = devices.assigned(devices.resolve(options.device), options.slot, options.peers)
    except (RuntimeError, ValueError) as error:
        raise CannotWork(str(error)) from error
    devices.use(device)
    cadence = Cadence(options.checkpoint_seconds, options.checkpoint_updates)
    return Worker(
        StoreLedger(options.workspace),
        partial(execute, device=device, cadence=cadence, peers=options.peers),
        options.settings,
        max_pack=partial(most_in_a_pack, device=device, workers=workers, override=options.pack),
        environment=environment(device),
        device=device,
        events=emit,
        stop=stop,
        abandon=abandon,
        peers=options.peers,
    )


def environment(device: str) -> dict[str, Any]:
    """Return where a run is trained: `bits` is what its bits depend on; the rest is for people."""
    return {
        "bits": bit_environment(device),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "device": device,
        "git": _git_state(),
    }


def _git_state() -> str | None:
    """Return the commit that this program runs from, with `+` if there are uncommitted changes.

    None if it does not run from a git checkout.
    """
    here = Path(__file__).resolve().parent
    try:
        tracked = subprocess.run(
            ["git", "ls-files", "--error-unmatch", Path(__file__).name], cwd=here, capture_output=True, timeout=5
        )
        if tracked.returncode:
            return None
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=5)
        changes = subprocess.run(["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return head.stdout.strip() + ("+" if changes.stdout.strip() else "") if head.returncode == 0 else None
