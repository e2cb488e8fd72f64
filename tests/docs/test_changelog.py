"""The changelog's queries find the runs that a fault concerns, and no others."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnctl.cells.rnn.section import SmartTanhInit
from tests.store.laboratory import Laboratory

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


def _query(file: str) -> str:
    """Return the query that the changelog says to save under this name."""
    text = CHANGELOG.read_text(encoding="utf-8")
    (query,) = re.findall(rf"`{re.escape(file)}`(?:(?!```).)+?```sql\n(.+?)```", text, re.S)
    return query


def _answer(lab: Laboratory, file: str) -> list[tuple[Any, ...]]:
    lab.store.close()
    with closing(sqlite3.connect(lab.folder / "rnnctl.db")) as connection:
        return connection.execute(_query(file)).fetchall()


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
    assert _answer(lab, "mixed.sql") == [
        ("study-again", "AGAIN1", again[1]),
        ("study-mixed", "MIXED1", mixed[1]),
        ("study-mixed", "MIXED3", mixed[3]),
    ]


def test_the_query_lists_runs_whose_share_of_connections_was_truncated(tmp_path):
    lab = _Lab(tmp_path / "workspace")
    lab.start("worker")
    shares = [0.01, 0.05, 0.1, 0.15, 0.29, 0.3, 0.33, 0.5, 0.57, 0.58, 0.995, 1.0, 15, 1]
    cases = [(connections, hidden) for connections in shares for hidden in (5, 25, 50, 100, 127)]
    runs = [
        replace(run, spec={"model": {"hidden": hidden, "init": {"name": "smart_tanh", "connections": connections}}})
        for run, (connections, hidden) in zip(lab.runs(len(cases), "shares"), cases, strict=True)
    ]
    waiting = replace(lab.runs(1, "waits")[0], spec=runs[cases.index((0.29, 100))].spec)
    lab.register("study", *runs)
    for claim in lab.claim("worker", now=lab.now(), pack=len(runs)):
        lab.commit(claim, 1000, outcome="budget")
    lab.register("later", waiting)
    expected = {}
    for run, (connections, hidden) in zip(runs, cases, strict=True):
        before = max(1, int(connections * hidden)) if isinstance(connections, float) else connections
        now = SmartTanhInit(connections=connections).count(hidden)
        if before != now:
            expected[run.run_id] = before, now
    assert len(expected) >= 20
    assert {run_id: counts for _, _, run_id, *counts in _answer(lab, "shares.sql")} == {
        run_id: list(counts) for run_id, counts in expected.items()
    }
