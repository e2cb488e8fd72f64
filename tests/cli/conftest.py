"""Workspaces that several test files read: each is trained once a session, whichever process comes first."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.studies import CELLS


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Return a function that has a folder of a name filled once a session, and returns it to every process."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # each process has a folder of its own in it

    def made(name: str, fill: Callable[[Path], None]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with open(shared / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                fill(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def cells(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A workspace with trained runs of three cells, for tests that leave its runs alone."""
    from tests.cli.command_line import (  # not above: it loads torch, which the environment has to precede
        rnnctl,
        workspace,
    )

    def fill(folder: Path) -> None:
        workspace(folder, CELLS)
        rnnctl("train", "--checkpoint-updates", 30, cwd=folder, check=0)

    return once("cells", fill)
