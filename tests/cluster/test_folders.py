"""Temporary folders of workers and drivers, which do not outlive them for long."""

from __future__ import annotations

import os
from pathlib import Path

from rnnctl.cluster.folders import temporary_folder


def old(folder: Path) -> Path:
    os.utime(folder, (0.0, 0.0))
    return folder


def test_a_folder_is_there_inside_and_gone_afterwards(tmp_path: Path) -> None:
    with temporary_folder("x-", tmp_path) as folder:
        (folder / "file").write_text("content")
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_folders_of_processes_that_are_gone_are_removed_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "x-left").mkdir()
    (tmp_path / "x-left" / "file").write_text("content")
    old(tmp_path / "x-left")
    (tmp_path / "x-new").mkdir()  # its process has not locked it yet
    (tmp_path / "y-other").mkdir()
    old(tmp_path / "y-other")
    (tmp_path / "x-link").symlink_to(tmp_path / "y-other")
    with temporary_folder("x-", tmp_path) as living:
        old(living)
        with temporary_folder("x-", tmp_path) as second:
            names = {path.name for path in tmp_path.iterdir()}
    assert names == {"x-new", "y-other", "x-link", living.name, second.name}
