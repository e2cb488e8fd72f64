"""Every command has help and is in the reference."""

import re
from pathlib import Path

import pytest

from tests.cli.command_line import (
    rnnctl,
)

REFERENCE = Path(__file__).parents[2] / "rnnctl/docs/commands.md"


COMMANDS = (
    "init", "studies", "plan", "trust", "corpus", "grammar", "train", "status", "runs", "examine", "effects", "answers",
    "plot", "report", "show", "diff", "evaluate", "probe", "refine", "export", "retry", "cancel", "archive", "tag",
    "note", "delete", "merge", "doctor", "backup", "bench", "gradcheck",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_is_in_the_reference(command, tmp_path):
    done = rnnctl(command, "--help", cwd=tmp_path, check=0)
    usage, about = done.stdout.split("\n\n")[:2]
    assert usage.startswith("Usage: ")
    assert about.strip()
    assert not re.search(r"<\w+(\[\w+\]| range)?>|\[\[", done.stdout), "no types of Python, no brackets in brackets"
    assert f"rnnctl {command}" in REFERENCE.read_text()


def test_the_list_of_commands_is_whole(tmp_path):
    listed = re.findall(r"^  ([a-z]+)  ", rnnctl("--help", cwd=tmp_path, check=0).stdout, re.M)
    assert sorted(listed) == sorted(COMMANDS)


def test_an_option_before_the_command_is_told_where_it_belongs(tmp_path):
    said = rnnctl("-w", ".", "status", cwd=tmp_path, check=2).stderr
    assert "No such option: -w (options come after the command, as in `rnnctl status -w DIR`)" in said


def test_version(tmp_path):
    assert re.fullmatch(r"rnnctl \d+\.\d+\.\d+\n", rnnctl("--version", cwd=tmp_path, check=0).stdout)
