"""Fixtures. They import the store when they are used: it loads numpy, which tests/conftest.py has to precede."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.store.processes import PATIENCE

ROOT = Path(__file__).parents[2]


@pytest.fixture
def lab(tmp_path: Path):
    from tests.store.laboratory import Laboratory

    made = Laboratory(tmp_path / "workspace")
    yield made
    made.store.close()


@pytest.fixture
def held(lab):
    """One run, claimed by worker w."""
    lab.register("a", *lab.runs(1))
    lab.start("w")
    (claim,) = lab.claim("w")
    return claim


@pytest.fixture
def filled(lab):
    """A workspace with rows of runs in each table but lineage: a run that is done, and one in the queue."""
    from store import Store, answers
    from store.answers import Answer
    from tests.checks import CheckRow

    lab.register("a", *lab.runs(2))
    lab.start("w")
    (claim,) = lab.claim("w")
    lab.commit(claim, 10, [CheckRow(0, {"nll": 1.0}), CheckRow(10, {"nll": 0.5}, {"h": [1.0, 2.0]})])
    lab.commit(claim, 20, [CheckRow(20, {"nll": 0.25})], outcome="budget")
    answers.add(lab.store, [Answer(claim.run_id, "lengths", 20, {"length": 5}, {"loss": 0.5})], 30.0)
    lab.store.close()  # so that no page of the file is remembered
    lab.store = Store.open(lab.folder)
    return lab


@pytest.fixture
def marked(filled):
    """The same, with a tag, notes, a priority, and an archived study whose file no longer names a run."""
    from store import marks, priorities
    from store.wanted import Wanted

    filled.register("b", *filled.runs(1, start=2))
    filled.register("b", *filled.runs(1, start=1))
    marks.tag(filled.store, ["r1-s00000"], "good", 31.0)
    marks.note_run(filled.store, "r1-s00000", "a note", 32.0)
    marks.note_study(filled.store, "a", "another note", 33.0)
    priorities.give(filled.store, Wanted(runs=("r1-s00001",)), 5, 35.0)
    marks.archive(filled.store, "b", 34.0)
    return filled


@pytest.fixture
def start_python() -> Iterator[Callable[..., subprocess.Popen]]:
    """Start fresh interpreters that can import the store; none of them outlives the test."""
    started = []

    def start(code: str, *arguments: object) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run_python(start_python: Callable[..., subprocess.Popen]) -> Callable[..., str]:
    """Run code in a fresh interpreter, which must exit with status 0; return what it printed."""

    def run(code: str, *arguments: object) -> str:
        process = start_python(code, *arguments)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        return out

    return run
