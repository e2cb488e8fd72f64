"""Shell completion: the script that a shell reads, and the words that it is given, without loading the laboratory."""

import shutil
import sys

import pytest

from tests.cli.command_line import in_a_process

HEAVY = ("torch", "matplotlib", "sqlite_utils", "numpy", "numba")

COMMAND_LINE = f"""\
import atexit, sys
atexit.register(lambda: print("loaded:", *sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr))
sys.argv[0] = "rnnctl"
from rnnctl.cli.app import main
main()
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs a bash to be completed for")
def test_show_completion_prints_a_script_for_the_shell_that_asks(tmp_path):
    program = [sys.executable, "-c", COMMAND_LINE, "--show-completion"]
    # The command after it keeps bash from being replaced by the program: the shell is looked for among its parents.
    shell = ["bash", "-c", '"$@" && true', "bash", *program]
    done = in_a_process(*shell, cwd=tmp_path, check=0)
    assert "complete -o default -F _rnnctl_completion rnnctl" in done.stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rnnctl pl", ["plan", "plot"]),
        ("rnnctl train --wo", ["--workers", "--workspace"]),
        ("rnnctl train --device cu", ["cuda"]),
    ],
)
def test_words_are_completed_and_nothing_heavy_is_loaded(tmp_path, line, offered):
    asked = {"_RNNCTL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = in_a_process(sys.executable, "-c", COMMAND_LINE, cwd=tmp_path, **asked)
    assert done.stdout.split() == offered
    assert done.stderr == "loaded:\n"
