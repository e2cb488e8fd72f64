"""Trained workspaces for tests of the Python face."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import rnnctl
from tests.cli.conftest import cells, once, unbroken  # noqa: F401 (fixtures)


@pytest.fixture(scope="session")
def lab(cells: Path) -> rnnctl.Workspace:  # noqa: F811
    """A workspace with trained runs of three cells, for tests that change nothing in it."""
    return rnnctl.Workspace(cells)


@pytest.fixture
def own(lab: rnnctl.Workspace, tmp_path: Path) -> rnnctl.Workspace:
    """A copy of that workspace, to be changed."""
    shutil.copytree(lab.folder, tmp_path / "own")
    return rnnctl.Workspace(tmp_path / "own")


@pytest.fixture
def there(own: rnnctl.Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> rnnctl.Workspace:
    """A workspace that may be changed, where training starts nothing."""
    from rnnctl.lab.train import TrainEnd  # loads torch, which needs settings first

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("rnnctl.lab.train.train", lambda *arguments, **options: TrainEnd(False))
    return own
