"""A launcher without processes: its workers do what the test makes them do."""

import signal

from jobs.events import event
from jobs.launcher import Ending


class FakeWorker:
    """A worker that was started; what its pool did to it is kept."""

    def __init__(self, slot, pid, hear):
        self.slot = slot
        self.pid = pid
        self.id = f"w{pid}"
        self.ending = None
        self.drained = self.killed = self.left_alone = False
        self._hear = hear

    def says(self, name, **fields):
        self._hear(event(name, 0.0, self.id, **fields))

    def leaves(self, error=None):
        """Say goodbye and end, as a worker does that has nothing left to do."""
        self.says("worker_ended", reason="empty" if error is None else "error", error=error)
        self.ending = Ending(0 if error is None else 1, "")

    def crashes(self, exit=-signal.SIGKILL, tail=""):
        self.ending = Ending(exit, tail)

    def ended(self):
        return self.ending

    def drain(self):
        self.drained = True

    def kill(self):
        self.killed = True
        self.crashes()

    def let_go(self):
        self.left_alone = True


class FakeLauncher:
    """Keeps the workers that it started; `on_start` is called with each of them."""

    def __init__(self, on_start=lambda worker: None):
        self.started = []
        self.on_start = on_start

    def start(self, slot, hear):
        worker = FakeWorker(slot, 100 + len(self.started), hear)
        self.started.append(worker)
        worker.says("worker_started", pid=worker.pid, host="here", device="cpu")
        self.on_start(worker)
        return worker
