"""The share of a run's wall time that is spent on storage instead of training."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from jobs.config import Settings
from jobs.session import Session
from jobs.store_ledger import StoreLedger
from jobs.worker import Worker
from rnnctl.bench.cases import ec7
from rnnctl.bench.registered import register
from rnnctl.study.run import RunSpec
from rnnctl.training.loop import Cadence, train_pack
from rnnctl.training.member import Member
from rnnctl.training.pack import Pack


class TimedPack(Pack):
    """A pack that adds up the seconds spent in updates and checks."""

    def __init__(self, members: Sequence[Member], weights: Sequence[torch.Tensor], device: str) -> None:
        super().__init__(members, weights, device)
        self.seconds = 0.0

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start

    def update(self) -> list[Member]:
        with self._timed():
            return super().update()

    def check_initial(self, rows: Sequence[int]) -> None:
        with self._timed():
            super().check_initial(rows)

    def check(self, rows: Sequence[int], diverged: Sequence[Member] = ()) -> dict[int, str | None]:
        with self._timed():
            return super().check(rows, diverged)


class TimedTraining:
    """Trains the runs of a worker's sessions, as the worker's `execute`, and keeps the time."""

    def __init__(self) -> None:
        self.packs: list[TimedPack] = []
        self.seconds = 0.0  # of whole sessions, from the claim to the commit of the result

    def __call__(self, session: Session) -> None:
        start = time.perf_counter()
        specs = {claim.run_id: RunSpec.model_validate(claim.spec) for claim in session.claims}
        train_pack(specs, session, device="cpu", cadence=Cadence(2.0), pack_factory=self._pack)
        self.seconds += time.perf_counter() - start

    def _pack(self, members: Sequence[Member], weights: Sequence[torch.Tensor], device: str) -> Pack:
        self.packs.append(TimedPack(members, weights, device))
        return self.packs[-1]

    @property
    def bookkeeping_share(self) -> float:
        """The share of the time outside updates and checks."""
        return 1 - sum(pack.seconds for pack in self.packs) / self.seconds


def bookkeeping_share(updates: int = 3000) -> float:
    """Return the share of a run's wall time spent on database, checkpoints, progress and history.

    A worker in this process trains one run of EC7 in a temporary workspace, with screened checks every 20 updates and a
    checkpoint every 2 seconds.
    """
    training = TimedTraining()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        register(root, [ec7(screen=1000, diagnose_every=200)], updates)
        worker = Worker(
            StoreLedger(root),
            training,
            Settings(),
            max_pack=lambda shape, claims: 1,
            environment={},
            device="cpu",
            events=lambda event: None,
            stop=threading.Event(),
            abandon=lambda: None,
        )
        with worker:
            worker.run()
    return training.bookkeeping_share
