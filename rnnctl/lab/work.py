"""One worker: what it does with the runs that it has claimed, and how it is put together. Loads torch."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jobs import identity
from jobs.child import CannotWork, abandon
from jobs.config import Settings
from jobs.events import Emit, event
from jobs.ledger import Ledger
from jobs.session import FitsLater, NeverFits, OutOfMemory, PackFailed, Session
from jobs.store_ledger import StoreLedger
from jobs.worker import Worker
from rnnctl import devices
from rnnctl.determinism import bit_environment, kernel_compiler, settle_torch
from rnnctl.kernels.files import kernel_files
from rnnctl.lab.worker_options import WorkerOptions
from rnnctl.study.run import RunSpec
from rnnctl.training.loop import Cadence, PackError, make_pack, train_packs
from rnnctl.training.memory import needs, shortage
from rnnctl.training.packing import has_room, most_in_a_pack, packs_of
from rnnctl.training.too_large import may_not_fit, room_on, too_large
from rnnctl.usercode.blame import blamed
from rnnctl.words import one_line
from store.queue import Claim
from store.workers import WorkerRow

Moved = Callable[[RunSpec], RunSpec]


def where_it_lies(run: RunSpec) -> RunSpec:
    """Return the run itself: its data is read where it was registered."""
    return run


def execute(
    session: Session,
    *,
    device: str,
    cadence: Cadence,
    peers: int = 1,
    moved: Moved = where_it_lies,
    most: int | None = None,
) -> None:
    """Train a session's runs until each has ended, is lost, or the session drains, in packs of runs that can share one
    on the device.

    peers: how many workers share the cores of this machine, this one included. moved: a run -> the same run, whose data
    lies where this machine can read it; it raises ValueError, in one line, if that cannot be had. most: how many runs
    the user lets a pack have; None for as many as may.

    Raise PackFailed if the runs of a pack cannot be trained. Its error is NeverFits if their data cannot be read, if
    one of them needs more memory than the device has or if the code of a user fails, FitsLater if a single run needs
    more than is free now, and OutOfMemory if several do, or if memory runs out while they train. End the process if a
    card does not answer any more.
    """
    groups = packs_of(_specs(session.claims, moved), device, most)
    for specs in groups:
        one = next(iter(specs.values()))
        if (problem := _data_problem(one)) is not None:
            raise PackFailed(NeverFits(problem), specs)
        room = room_on(device)
        if (large := too_large(one, room)) is not None:
            raise PackFailed(NeverFits(large.message), specs)
        if (warning := may_not_fit(one, room)) is not None:
            session.emit("notice", line=warning)
        if (reason := shortage(one, len(specs), device)) is not None:
            raise PackFailed(FitsLater(reason) if len(specs) == 1 else OutOfMemory(reason), specs)
    try:
        # Each pack of each worker has its share of the cores.
        factory = partial(make_pack, peers=peers * len(groups))
        train_packs(groups, session, device=device, cadence=cadence, pack_factory=factory)
    except PackError as failure:
        if not devices.ran_out_of_memory(failure.error):
            if not devices.answers(device):
                # Nothing can be trained in this process any more, and which pack did it is not known: errors of a card
                # arrive late. So the process ends as one that crashed, and its pool starts another.
                traceback.print_exception(failure.error)
                abandon()
            if (line := blamed(failure.error)) is not None:
                raise PackFailed(NeverFits(line), failure.run_ids) from failure.error
            raise PackFailed(failure.error, failure.run_ids) from failure.error
        failed = failure.run_ids
    else:
        if devices.is_card(device) and len(groups) > 1:
            # The memory of one stream is of no use to the streams of the next packs.
            devices.release_memory()
        return
    # Only now nothing refers to the tensors of the packs any more: the traceback did.
    devices.release_memory()
    one = next(specs[failed[0]] for specs in groups if failed[0] in specs)
    raise PackFailed(OutOfMemory(f"memory ran out; a run {needs(one, device)}"), failed)


def _data_problem(run: RunSpec) -> str | None:
    """Return why the data of a run cannot be read, in one line; None if it can be read, or there is none.

    Trying again does not help: the file is gone, or is another one. What is read is kept for the training.
    """
    if run.task.data is None:
        return None
    try:
        _ = run.task.make().n_inputs
    except (ValueError, OSError) as error:
        return _told(error)
    return None


def _told(error: Exception) -> str:
    """Return why data cannot be read, and what to do, in one line."""
    return one_line(f"{error}; once the data is there, rnnctl retry RUN puts the run back into the queue")


def _specs(claims: Sequence[Claim], moved: Moved) -> dict[str, RunSpec]:
    """Return the specs of claimed runs by their ids. Raise PackFailed if one, or its data, cannot be read."""
    specs: dict[str, RunSpec] = {}
    for claim in claims:
        try:
            spec = RunSpec.model_validate(claim.spec)
        except ValidationError as error:
            line = blamed(error)
            raise PackFailed(error if line is None else NeverFits(line), [claim.run_id]) from error
        try:
            specs[claim.run_id] = moved(spec)
        except ValueError as error:
            raise PackFailed(NeverFits(_told(error)), [claim.run_id]) from error
    return specs


def build_worker(options: WorkerOptions, emit: Emit, stop: threading.Event) -> Worker:
    """Return the worker of this process, after settling what bits depend on.

    emit: is called with every event. stop: once set, the worker drains. Raises CannotWork if this process was not
    started with the environment of a worker, or has no such device.
    """
    with settled():
        device, workers = devices.assigned(devices.resolve(options.device), options.slot, options.peers)
    ledger = StoreLedger(options.workspace, wanted=options.wanted)
    return worker_at(Place(ledger, device, workers, options.settings, options.peers), options, emit, stop)


@dataclass(frozen=True)
class Place:
    """Where a worker works, and by what it reaches the store from there."""

    ledger: Ledger
    device: str  # as torch names it
    workers_on_device: int  # this one included
    settings: Settings
    peers: int  # how many workers share the cores of this machine, this one included
    environment: Mapping[str, Any] = field(default_factory=dict)  # what is kept about this place, besides the usual
    moved: Moved = where_it_lies  # see `execute`
    clock: Callable[[], float] = time.time
    sibling: Callable[[WorkerRow], bool] = identity.sibling  # see `jobs.worker.Worker`


def worker_at(place: Place, options: WorkerOptions, emit: Emit, stop: threading.Event) -> Worker:
    """Return a worker of this process, in which `settled` was used before."""
    device = place.device
    devices.use(device)
    if not devices.is_card(device) and kernel_compiler():
        kernel_files().tell(lambda line: emit(event("notice", time.time(), None, line=line)))
    cadence = Cadence(options.checkpoint_seconds, options.checkpoint_updates)
    return Worker(
        place.ledger,
        partial(execute, device=device, cadence=cadence, peers=place.peers, moved=place.moved, most=options.pack),
        place.settings,
        max_pack=lambda shape, claims: most_in_a_pack(
            shape, device, place.workers_on_device, options.pack, _shapes(claims)
        ),
        more=lambda claims: has_room(_shapes(claims), device, options.pack),
        environment={**environment(device), **place.environment},
        device=device,
        events=emit,
        stop=stop,
        abandon=abandon,
        peers=options.peers,
        clock=place.clock,
        sibling=place.sibling,
    )


@contextmanager
def settled() -> Iterator[None]:
    """Settle what bits depend on, before the device of this process is looked for inside `with`.

    Raise CannotWork if this process was not started with the environment of a worker, or if there is no such device.
    """
    devices.open_queues()
    try:
        settle_torch()
        yield
    except (RuntimeError, ValueError) as error:
        raise CannotWork(str(error)) from error


def _shapes(claims: Sequence[Claim]) -> list[str]:
    return [claim.shape for claim in claims]


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
