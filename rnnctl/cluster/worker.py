"""What a worker of a cluster does: the same as `rnnctl worker`, with the ledger in place of the store. Loads torch."""

from __future__ import annotations

import threading
from functools import partial

from jobs.child import work
from jobs.events import Emit
from jobs.worker import Worker
from rnnctl import devices
from rnnctl.cluster.texts import Texts
from rnnctl.cluster.trainer import Seat
from rnnctl.host import cores
from rnnctl.lab.usercode import code_of
from rnnctl.lab.work import Place, settled, where_it_lies, worker_at
from rnnctl.lab.worker_options import WorkerOptions
from rnnctl.usercode.permission import allow_code


def train(options: WorkerOptions, seat: Seat, emit: Emit, stop: threading.Event) -> int:
    """Train until nothing is left or `stop` is set; return an exit status, and raise, as `jobs.child.work` does."""
    with allow_code(options.allow_code), code_of(options.workspace):
        return work(partial(_build, options, seat), emit, stop)


def _build(options: WorkerOptions, seat: Seat, emit: Emit, stop: threading.Event) -> Worker:
    """Return the worker of this process. Its device is named: Ray hides no cards from a worker that asks for none."""
    with settled():
        [device] = devices.resolve(seat.asked.device)
    place = Place(
        seat.ledger,
        device,
        seat.asked.workers_on_device,
        seat.settings(options.settings),
        seat.asked.workers_on(cores()),
        {"node": seat.node},
        moved=where_it_lies if seat.shelf is None else Texts(seat.shelf).moved,
        clock=seat.clock,
        sibling=seat.ledger.is_ours,
    )
    return worker_at(place, options, emit, stop)
