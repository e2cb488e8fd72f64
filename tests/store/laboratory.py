"""A small laboratory to test the store with: registered runs, workers, and commits in one line each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from store import Store, checkpoints, commits, extension, queue, registry, trajectories, workers
from store.checkpoints import Checkpoint
from store.queue import Claim
from store.registry import RunRecord, StudyRecord
from tests.checks import CheckRow

LEASE = 60.0


class Laboratory:
    """A workspace, its store, and shorthands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store.create(folder)

    def runs(self, n: int, shape: str = "s", start: int = 0) -> list[RunRecord]:
        return [
            RunRecord(
                run_id=f"r1-{shape}{i:05d}",
                config_id=f"c-{shape}{i // 2}",
                shape=shape,
                spec={"shape": shape, "seed": i},
                label=f"{shape.upper()}{i}",
                total=1000,
            )
            for i in range(start, start + n)
        ]

    def register(self, study: str, *runs: RunRecord, now: float = 1.0) -> registry.Registered:
        return registry.register(
            self.store, [StudyRecord(study, f"about {study}", f"study: {study}", list(runs))], now
        )[0]

    def start(self, worker: str, environment: dict[str, Any] | None = None, now: float = 1.0) -> str:
        record = workers.WorkerRecord(worker, "host", "boot", 1, 0.5, "cpu")
        workers.start(self.store, record, environment or {"bits": {"threads": 1}}, now)
        return worker

    def claim(self, worker: str, now: float = 10.0, pack: int = 1, fair: int = 1, alone_from: int = 1) -> list[Claim]:
        return queue.claim(self.store, worker, now, LEASE, lambda shape: pack, fair, alone_from)

    def write(self, claim: Claim, step: int, content: bytes = b"weights") -> Checkpoint:
        return checkpoints.write(
            self.store.workspace, claim.run_id, claim.attempt, step, lambda file: file.write(content)
        )

    def commit(
        self,
        claim: Claim,
        step: int,
        rows: Sequence[CheckRow] = (),
        outcome: str | None = None,
        now: float = 20.0,
        content: bytes = b"weights",
    ) -> Checkpoint:
        checkpoint = self.write(claim, step, content)
        commits.commit(self.store, claim, checkpoint, rows, {"step": step}, now, outcome)
        return checkpoint

    def rescue(self, now: float, *dead: str, limit: int = 3) -> list[queue.Rescued]:
        return queue.rescue(self.store, now, dead, limit, lambda strikes: 0.0)

    def job(self, run_id: str) -> dict[str, Any]:
        return dict(self.store.row("SELECT * FROM jobs WHERE run_id = ?", (run_id,)))

    def status(self, run_id: str) -> str:
        return self.job(run_id)["status"]

    def attempt(self, run_id: str, attempt: int) -> dict[str, Any]:
        sql = "SELECT * FROM attempts WHERE run_id = ? AND attempt = ?"
        return dict(self.store.row(sql, (run_id, attempt)))

    def everything(self) -> tuple[list[str], dict[str, bytes]]:
        """Each row and each checkpoint file that is kept: equal before and after what must change nothing."""
        connection = sqlite3.connect(self.store.workspace.database)
        try:
            dump = list(connection.iterdump())
        finally:
            connection.close()
        files = sorted(self.store.workspace.checkpoints.rglob("*.*"))
        return dump, {str(path): path.read_bytes() for path in files}


def go_on(lab: Laboratory, claim: Claim, source: str, checked: int) -> bool:
    """Let a claimed run begin at the newest checkpoint of another one, with its history up to a step."""
    with lab.store.transaction():
        trajectories.place(lab.store, {source: "t", claim.run_id: "t"})
    relative = next(each for each in extension.relatives(lab.store, claim, "t") if each.run_id == source)
    checkpoint = lab.write(claim, relative.source.step, b"weights of its own")
    return extension.extend(lab.store, claim, checkpoint, relative, checked, {"step": relative.source.step}, 40.0)
