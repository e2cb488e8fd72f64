"""Taking jobs back from workers that are dead, or that have let their lease end."""

from collections.abc import Callable

from jobs.config import Settings
from jobs.identity import alive, rebooted_since
from store import Store, queue, workers
from store.workers import WorkerRow


class Rescuer:
    """Looks for dead workers and ended leases; call `rescue` every `rescue_every` seconds.

    Any number of rescuers may look at once: the store takes a job back in one transaction, for whoever comes first.
    """

    def __init__(self, settings: Settings, say: Callable[..., None]):
        self._settings = settings
        self._say = say
        self._looked_at: float | None = None
        self._look_from = 0.0
        self._waited = False

    def rescue(self, store: Store, now: float) -> None:
        """Requeues or quarantines what dead workers held, and says so. Those that a reboot ended cost no strike."""
        if self._others_need_time(now):
            return
        dead = [worker for worker in workers.current(store) if alive(worker) is False]
        rebooted = [worker.id for worker in dead if rebooted_since(worker)]
        if rebooted:
            for held in queue.release_from(store, rebooted, now):
                self._say("rescued", run=held.run_id, **{"from": held.worker})
        crashed = [worker.id for worker in dead if worker.id not in rebooted]
        settings = self._settings
        for found in queue.rescue(store, now, crashed, settings.strike_limit, settings.wait):
            name = "quarantined" if found.status == "quarantined" else "rescued"
            self._say(name, run=found.run_id, **{"from": found.worker})

    def _others_need_time(self, now: float) -> bool:
        """Whether this process has just slept, and so perhaps every other one with it.

        After a laptop wakes up or its clock is set, all leases look ended at once. Their owners get one beat's time to
        extend them, once for each such gap.
        """
        before, self._looked_at = self._looked_at, now
        slept = before is not None and now - before > self._settings.beat + self._settings.rescue_every
        if slept and not self._waited:
            self._waited = True
            self._look_from = now + self._settings.beat
        if now < self._look_from:
            return True
        self._waited = False
        return False


def live_workers(store: Store, now: float, lease: float) -> list[WorkerRow]:
    """The workers that may want jobs: those not dead that gave a sign of life within a lease."""
    return [worker for worker in workers.current(store) if alive(worker) is not False and worker.beat_at > now - lease]
