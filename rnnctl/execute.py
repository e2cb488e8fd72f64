"""What a worker does with the runs that it has claimed: read their specs and train them as a pack."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnctl.determinism import bit_environment, resolve_device, settle_torch
from rnnctl.study.run import RunSpec
from rnnctl.training.loop import Cadence, train_pack
from rnnctl.training.packing import most_in_a_pack

if TYPE_CHECKING:
    from jobs.config import Settings
    from jobs.session import Session
    from jobs.worker import Worker


def execute(session: Session, *, device: str, cadence: Cadence) -> None:
    """Train a session's runs until each has ended, is lost, or the session drains."""
    specs = {claim.run_id: RunSpec.model_validate(claim.spec) for claim in session.claims}
    train_pack(specs, session, device=device, cadence=cadence)


def build_worker(
    emit: Callable[[dict], None],
    stop: threading.Event,
    *,
    workspace: Path,
    device: str,
    cadence: Cadence,
    settings: Settings,
    peers: int,
    pack: int | None,
) -> Worker:
    """A worker for this process; settles what bits depend on before anything else. Loads torch.

    pack: how many runs to train together at most; None leaves it to their shape.
    """
    from jobs.child import abandon
    from jobs.ledger import StoreLedger
    from jobs.worker import Worker

    settle_torch()
    device = resolve_device(device)
    return Worker(
        StoreLedger(workspace),
        partial(execute, device=device, cadence=cadence),
        settings,
        max_pack=partial(most_in_a_pack, device=device, override=pack),
        environment=environment(device),
        device=device,
        events=emit,
        stop=stop,
        abandon=abandon,
        peers=peers,
    )


def environment(device: str) -> dict[str, Any]:
    """Where a run was trained. `bits` is what its bits depend on; the rest is for people."""
    return {
        "bits": bit_environment(device),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "git": _git_state(),
    }


def _git_state() -> str | None:
    """The commit that this program runs from, `+` for uncommitted changes; None outside a checkout."""
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
