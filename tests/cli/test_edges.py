"""Paths that are empty, and output that nobody reads."""

import subprocess
import sys

import pytest

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
