"""Paths that are empty, output that nobody reads, and systems that are not supported."""

import subprocess
import sys

import pytest

from rnnctl.cli import app
from rnnctl.cli.output import FAILURE
from tests.cli.command_line import environment, one_line, rnnctl


@pytest.mark.parametrize(
    "args",
    [
        ["status", "-w", ""],
        ["refine", "tiny", "--recipe", ""],
        ["backup", ""],
        ["plot", "x", "y", "-o", ""],
        ["export", "x", "-f", "csv", "-o", ""],
    ],
)
def test_an_empty_path_is_refused(tmp_path, args):
    one_line(rnnctl(*args, cwd=tmp_path, check=2), "an empty text is no path")


def test_help_that_nobody_reads_is_no_failure(tmp_path):
    code = f"{sys.executable} -m rnnctl --help | true; exit ${{PIPESTATUS[0]}}"
    assert subprocess.run(["bash", "-c", code], cwd=tmp_path, env=environment(), check=False).returncode == 0


def test_on_windows_every_command_says_what_to_use(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", ["rnnctl", "status"])
    assert app._run() == FAILURE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("rnnctl: Windows is not supported")
    assert captured.err.count("\n") == 1
