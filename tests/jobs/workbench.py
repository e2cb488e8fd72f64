"""A workspace, a clock and workers for tests without processes or sleep."""

import threading

from jobs import identity
from jobs.config import Settings
from jobs.rescue import Rescuer
from jobs.store_ledger import StoreLedger
from jobs.worker import Worker
from store import Store, queries
from store.workers import WorkerRecord
from tests.jobs import toy


class Workbench:
    """A workspace, a clock that only the test moves, and workers in this process whose events are kept."""

    def __init__(self, workspace):
        self.workspace = workspace
        self.now = 1000.0
        self.said = []
        self.stop = threading.Event()
        self.abandoned = threading.Event()

    def ledger(self):
        return StoreLedger(self.workspace)

    def worker(self, execute=toy.execute, packs=1, peers=1, more=lambda claims: False, **settings):
        return Worker(
            self.ledger(),
            execute,
            Settings(**settings),
            max_pack=lambda shape, claims: packs,
            environment={"test": 1},
            device="cpu",
            events=self.said.append,
            stop=self.stop,
            abandon=self.abandoned.set,
            peers=peers,
            more=more,
            clock=lambda: self.now,
        )

    def finish(self, worker):
        """Take turns of a second each until nothing is left."""
        for _ in range(100):
            if worker.run_once(self.now) == "empty":
                return
            self.now += 1.0
        raise AssertionError("the worker does not come to an end")

    def ghost(self, name="ghost", **changes):
        """Register a worker like this process with the changes, let it claim one run, and never beat for it."""
        me = {**vars(identity.here()), **changes}
        with self.ledger() as ledger:
            ledger.start(WorkerRecord(name, device="cpu", **me), {"test": 1}, self.now)
            return ledger.claim(name, self.now, Settings(), lambda shape: 1, 1)

    def dead(self, name="ghost"):
        """Like `ghost`, for a worker whose process has died: its pid belongs to another process."""
        return self.ghost(name, pid_started=identity.here().pid_started - 1)

    def rescuer(self):
        return Rescuer(Settings(), self.say)

    def say(self, name, **fields):
        self.said.append({"event": name, **fields})

    def names(self):
        return [event["event"] for event in self.said]

    def heard(self, name):
        return [event for event in self.said if event["event"] == name]

    def run(self, run_id):
        with Store.open(self.workspace, readonly=True) as store:
            return queries.runs_of(store, run_ids=[run_id])[0]

    def attempts(self, run_id):
        with Store.open(self.workspace, readonly=True) as store:
            return queries.attempts(store, run_id)

    def files(self, run_id):
        return sorted((self.workspace / "checkpoints" / run_id).glob("*"))
