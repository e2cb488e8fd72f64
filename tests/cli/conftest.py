"""Workspaces that several test files read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    # Not above: it loads torch, which the environment has to precede.
    from tests.cli.command_line import train_here, workspace

    def fill(folder: Path) -> None:
        workspace(folder, CELLS)
        train_here(folder, checkpoint_updates=30)

    return once("cells", fill)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose four runs are done, for the tests of one file that leave its runs alone."""
    from tests.cli.command_line import train_here, workspace

    folder = workspace(tmp_path_factory.mktemp("trained") / "w")
    train_here(folder)
    return folder


@pytest.fixture(scope="session")
def unbroken(once: Callable[[str, Callable[[Path], None]], Path]) -> dict[str, dict[str, Any]]:
    """The bits of the study of `survival`, trained by a worker that nobody disturbed."""
    from tests.cli.command_line import bits
    from tests.cli.survival import STUDY, trained_in_one_go

    return bits(once("unbroken", lambda folder: trained_in_one_go(folder, STUDY)))


@pytest.fixture
def few_studies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the only packaged studies that are listed: all of them have thousands of runs."""
    from rnnctl.lab import studies

    names = ["quickstart", "temporal-order-ec"]
    paths = studies.packaged_studies()
    monkeypatch.setattr(studies, "packaged_studies", lambda: {name: paths[name] for name in names})
    return names
