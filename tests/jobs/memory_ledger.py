"""A ledger in memory, for tests: what `jobs.ledger.Ledger` promises, without SQLite, files or other processes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np

from jobs.config import LONGEST_WAIT
from jobs.ledger import ResumePoint
from store import Conflict, LeaseLost
from store.checkpoints import Checkpoint, PassedOver
from store.extension import Relative
from store.history import History
from store.queue import CLOCK_TOLERANCE, Claim, Holding, Rescued
from store.workers import WorkerRow


@dataclass
class Job:
    """A run and all that is kept of it."""

    record: object
    status: str = "queued"
    outcome: str | None = None
    attempt: int = 0
    worker: str | None = None
    claimed_at: float = 0.0
    lease_until: float = 0.0
    not_before: float = 0.0
    strikes: int = 0
    step: int = 0
    error: str | None = None
    summary: dict = field(default_factory=dict)
    steps: list = field(default_factory=list)  # of the history
    contents: dict = field(default_factory=dict)  # step -> checkpoint's content; None where it is damaged
    ended_as: list = field(default_factory=list)
    start_step: int = 0

    @property
    def checkpointed(self):
        return max(self.contents, default=0)


class MemoryLedger:
    """One ledger for all threads. `folder` is where checkpoints are put for those who resume from them."""

    look_every = 0.0

    def __init__(self, folder, *records):
        self.folder = folder
        self.jobs = {record.run_id: Job(record) for record in records}
        self.rows = {}  # worker id -> its record, when it started and when it last beat; until it ends
        self.connections = 0
        self.refusals = []  # errors that the next calls raise, the last one first
        self._lock = threading.RLock()

    def __enter__(self):
        self.connections += 1
        return self

    def __exit__(self, *_):
        self.connections -= 1

    def another(self, timeout):
        return self

    def start(self, worker, environment, now):
        with self._turn():
            self.rows[worker.id] = [worker, now, now]

    def end(self, worker, now):
        with self._turn():
            self.rows.pop(worker, None)

    def workers(self):
        with self._turn():
            held = [job.worker for job in self.jobs.values()]
            return [
                WorkerRow(**vars(worker), started=started, beat_at=beat_at, running=held.count(worker.id))
                for worker, started, beat_at in self.rows.values()
            ]

    def claim(self, worker, now, settings, max_pack, fair, shape=None):
        with self._turn():
            if worker not in self.rows:
                return []
            due = self._due(now, settings)
            if shape is None and due:
                first = due[0]
                if first.strikes >= settings.alone_from:
                    return [self._start_attempt(first, worker, now, settings.lease)]
                shape = first.record.shape
            alike = [job for job in due if job.record.shape == shape and job.strikes < settings.alone_from]
            if alike:
                alike = alike[: max_pack(shape) * fair]
            pack = alike[: -(-len(alike) // fair)]
            return [self._start_attempt(job, worker, now, settings.lease) for job in pack]

    def quarantine(self, run_id, error, now):
        with self._turn():
            self.jobs[run_id].status, self.jobs[run_id].error = "quarantined", error

    def due_shapes(self, now, settings, most):
        with self._turn():
            return list(
                dict.fromkeys(j.record.shape for j in self._due(now, settings) if j.strikes < settings.alone_from)
            )[:most]

    def _due(self, now, settings):
        queued = [job for job in self.jobs.values() if job.status == "queued"]
        return [job for job in queued if not now < job.not_before <= now + LONGEST_WAIT]

    def _start_attempt(self, job, worker, now, lease):
        job.status, job.attempt, job.worker = "running", job.attempt + 1, worker
        job.claimed_at, job.lease_until = now, now + lease
        job.step = job.start_step = job.checkpointed
        record = job.record
        return Claim(
            record.run_id,
            job.attempt,
            worker,
            dict(record.spec),
            record.shape,
            record.label,
            record.total,
            job.step,
            job.strikes,
            True,
        )

    def pending(self):
        with self._turn():
            return any(job.status in ("queued", "running") for job in self.jobs.values())

    def beat(self, worker, held, now, lease, extend):
        with self._turn():
            if worker in self.rows:
                self.rows[worker][2] = now
            ours = [(self.jobs[claim.run_id], step) for claim, step in held if self._holds(claim)]
            for job, step in ours:
                job.step = step
                if extend:
                    job.lease_until = now + lease
            return {job.record.run_id for job, _ in ours}

    def resume(self, claim, now):
        with self._turn():
            job = self._held(claim)
            damaged = [step for step, content in sorted(job.contents.items(), reverse=True) if content is None]
            for step in damaged:
                del job.contents[step]
            job.step = step = job.checkpointed
            if damaged:
                job.steps = [kept for kept in job.steps if kept <= step and job.contents]
                job.start_step = step
            path = None
            if job.contents:
                path = self.folder / f"{claim.run_id}-{step}"
                path.write_bytes(job.contents[step])
            unsound = [Checkpoint(claim.run_id, 0, step, f"{claim.run_id}-{step}", "", 0) for step in damaged]
            return ResumePoint(step, path, [PassedOver(checkpoint, "is damaged") for checkpoint in unsound])

    def relatives(self, claim, trajectory):
        with self._turn():
            alike = [
                (step, run_id)
                for run_id, job in self.jobs.items()
                for step, content in job.contents.items()
                if run_id != claim.run_id and job.record.trajectory == trajectory and content is not None
            ]
            return [self._relative(run_id, step) for step, run_id in sorted(alike, reverse=True) if step <= claim.total]

    def unfit(self, claim):
        return []

    def _relative(self, run_id, step):
        path, job = self.folder / f"{run_id}-{step}", self.jobs[run_id]
        path.write_bytes(job.contents[step])
        past = History(np.array(job.steps, np.int64), {}, {})
        source = Checkpoint(run_id, job.attempt, step, path.name, "", 0)
        return Relative(source, path, job.record.label, dict(job.record.spec), past)

    def extend(self, claim, relative, step, checked, write, summary, now):
        parent = self.jobs[relative.run_id]
        if parent.contents.get(relative.source.step) is None:
            return False
        self.commit(claim, step, write, [], summary, now, None)
        with self._turn():
            job = self._held(claim)
            job.steps = [kept for kept in parent.steps if kept <= checked]
            job.start_step = step
            return True

    def commit(self, claim, step, write, history, summary, now, outcome):
        file = self.folder / f"{claim.run_id}-{step}.tmp"
        with file.open("wb") as out:
            write(out)
        with self._turn():
            job = self._held(claim)
            steps = [row.step for row in history]
            if set(steps) & set(job.steps):
                raise Conflict("history was written twice")
            job.contents = {**dict(sorted(job.contents.items())[-1:]), step: file.read_bytes()}
            job.steps += steps
            job.summary, job.step = dict(summary), step
            if step > job.start_step:
                job.strikes = 0
            if outcome is not None:
                job.outcome, job.error = outcome, None
                self._end_attempt(job, "done", "done")

    def release(self, claim, now):
        with self._turn():
            self._end_attempt(self._held(claim), "released", "queued")

    def postpone(self, claim, reason, now, wait):
        with self._turn():
            job = self._held(claim)
            job.error, job.not_before = reason, now + wait
            self._end_attempt(job, "released", "queued")

    def release_from(self, workers, now):
        with self._turn():
            ids = set(workers)
            for worker in ids:
                self.rows.pop(worker, None)
            held = [self._holding(job) for job in self.jobs.values() if job.worker in ids]
            for holding in held:
                self._end_attempt(self.jobs[holding.run_id], "released", "queued")
            return held

    def fail(self, claim, error, now, settings):
        with self._turn():
            return self._strike(self._held(claim), "failed", error, now, settings)

    def rescue(self, dead_workers, now, settings):
        with self._turn():
            dead = set(dead_workers)
            for worker in dead:
                self.rows.pop(worker, None)
            self._shift_leases(now)
            rescued = []
            for job in self.jobs.values():
                if job.status == "running" and (job.worker in dead or job.lease_until < now):
                    held, ended_as = self._holding(job), "crashed" if job.worker in dead else "lost"
                    status = self._strike(job, ended_as, ended_as, now, settings)
                    rescued.append(Rescued(held.run_id, held.attempt, held.worker, ended_as, job.strikes, status))
            return rescued

    def _shift_leases(self, now):
        for job in self.jobs.values():
            beat_at = self.rows[job.worker][2] if job.worker in self.rows else 0.0
            sign_of_life = max(job.claimed_at, beat_at) if beat_at < job.lease_until else job.claimed_at
            if job.status == "running" and sign_of_life > now + CLOCK_TOLERANCE:
                job.lease_until -= sign_of_life - now
                job.claimed_at = min(job.claimed_at, now)
        for row in self.rows.values():
            if row[2] > now + CLOCK_TOLERANCE:
                row[2] = now

    def cancel(self, run_id):
        """Cancel a run, as a user does."""
        self._end_attempt(self.jobs[run_id], "cancelled", "cancelled")

    def _turn(self):
        if self.refusals:
            raise self.refusals.pop()
        return self._lock

    def _holds(self, claim):
        job = self.jobs[claim.run_id]
        return (job.status, job.attempt, job.worker) == ("running", claim.attempt, claim.worker)

    def _held(self, claim):
        if not self._holds(claim):
            raise LeaseLost(f"run {claim.run_id} is no longer held")
        return self.jobs[claim.run_id]

    def _holding(self, job):
        return Holding(job.record.run_id, job.attempt, job.worker)

    def _strike(self, job, ended_as, error, now, settings):
        job.strikes += 1
        final = "failed" if ended_as == "failed" else "quarantined"
        status = final if job.strikes >= settings.strike_limit else "queued"
        job.error, job.not_before = error, now + settings.wait(job.strikes)
        self._end_attempt(job, ended_as, status)
        return status

    def _end_attempt(self, job, ended_as, status):
        job.ended_as.append(ended_as)
        job.status, job.worker, job.step = status, None, job.checkpointed
