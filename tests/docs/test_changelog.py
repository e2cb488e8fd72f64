"""The changelog's query finds the runs that 0.1.0 trained with the wrong optimizer, and no others."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from pathlib import Path

from tests.store.laboratory import Laboratory

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


def _query() -> str:
    (query,) = re.findall(r"```sql\n(.+?)```", CHANGELOG.read_text(encoding="utf-8"), re.S)
    return query


def _train(lab: Laboratory, shape: str, *optimizers: str, fails: bool = False, again: bool = False) -> list[str]:
    """Let one worker claim one run for each optimizer as a pack, and finish or fail it. Returns the run ids."""
    runs = [
        # 0.2.0 writes the optimizer of a run that is registered again as a section.
        replace(run, spec={"train": {"optimizer": {"name": optimizer} if again else optimizer}})
        for run, optimizer in zip(lab.runs(len(optimizers), shape), optimizers, strict=True)
    ]
    lab.register(f"study-{shape}", *runs)
    claims = lab.claim("worker", now=lab.now(), pack=len(runs))
    assert len(claims) == len(runs)
    for claim in claims:
        if fails:
            lab.fail(claim)
        else:
            lab.commit(claim, 1000, outcome="budget")
    return [run.run_id for run in runs]


class _Lab(Laboratory):
    """A laboratory with a clock, so that every claim has a start of its own."""

    time = 10.0

    def now(self) -> float:
        self.time += 1.0
        return self.time

    def fail(self, claim) -> None:
        from store import queue

        queue.fail(self.store, claim, "TypeError: cannot unpack", self.now(), 1, lambda strikes: 0.0)


def test_the_query_lists_adam_runs_that_were_trained_beside_sgd(tmp_path):
    lab = _Lab(tmp_path / "workspace")
    lab.start("worker")
    mixed = _train(lab, "mixed", "sgd", "adam", "sgd", "adam")
    again = _train(lab, "again", "sgd", "adam", again=True)
    _train(lab, "adam", "adam", "adam")
    _train(lab, "sgd", "sgd")
    _train(lab, "crashed", "adam", "sgd", fails=True)
    lab.store.close()
    with sqlite3.connect(lab.folder / "rnnctl.db") as connection:
        rows = connection.execute(_query()).fetchall()
    connection.close()
    assert rows == [
        ("study-again", "AGAIN1", again[1]),
        ("study-mixed", "MIXED1", mixed[1]),
        ("study-mixed", "MIXED3", mixed[3]),
    ]
