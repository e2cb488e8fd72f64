"""Taking jobs back from workers that are dead, or that have let their lease end."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.config import Settings
from jobs.events import Say
from jobs.identity import alive, rebooted_since
from jobs.ledger import Ledger
from store.queue import Rescued
from store.workers import WorkerRow


class Rescuer:
    """Looks for dead workers and ended leases; call `rescue` every `rescue_every` seconds. It looks no more often than
    every `look_every` seconds of the ledger.

    Any number of rescuers may look at once: the store takes a job back in one transaction, for whoever comes first.
    """

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._called_at: float | None = None
        self._looked_at: float | None = None
        self._look_from = 0.0
        self._waited = False

    def rescue(self, ledger: Ledger, now: float) -> None:
        """Requeue or quarantine what dead workers held, and say so. Workers that a reboot ended cost no strike."""
        if self._others_need_time(now) or self._looked_lately(ledger, now):
            return
        dead = [worker for worker in ledger.workers() if alive(worker) is False]
        rebooted = [worker.id for worker in dead if rebooted_since(worker)]
        if rebooted:
            for held in ledger.release_from(rebooted, now):
                self._say("rescued", run=held.run_id, **{"from": held.worker})
        crashed = [worker.id for worker in dead if worker.id not in rebooted]
        say_rescued(ledger.rescue(crashed, now, self._settings), self._say)

    def _others_need_time(self, now: float) -> bool:
        """Return whether this process has just slept, and so perhaps every other one with it.

        After a laptop wakes up or its clock is set, all leases look ended at once. Their owners get the time of one
        beat to extend them, once for each such gap.
        """
        before, self._called_at = self._called_at, now
        slept = before is not None and now - before > self._settings.beat + self._settings.rescue_every
        if slept and not self._waited:
            self._waited = True
            self._look_from = now + self._settings.beat
        self._look_from = min(self._look_from, now + self._settings.beat)  # in case the clock was set back since
        if now < self._look_from:
            return True
        self._waited = False
        return False

    def _looked_lately(self, ledger: Ledger, now: float) -> bool:
        """Return whether it is too early for another look; if it is not, this is one."""
        before = self._looked_at
        if before is not None and 0 <= now - before < ledger.look_every:
            return True
        self._looked_at = now
        return False


def say_rescued(rescued: Iterable[Rescued], say: Say) -> None:
    """Say which runs were taken from their workers."""
    for run in rescued:
        name = "quarantined" if run.status == "quarantined" else "rescued"
        say(name, run=run.run_id, **{"from": run.worker})


def live_workers(ledger: Ledger, now: float, lease: float) -> list[WorkerRow]:
    """Return the workers that may want jobs: those not dead that gave a sign of life within a lease.

    A sign of life far in the future, from before the clock was set back, says nothing about now.
    """
    return [worker for worker in ledger.workers() if alive(worker) is not False and abs(now - worker.beat_at) < lease]
