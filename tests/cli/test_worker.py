"""The hidden `worker` command, called by hand."""

import json
import os
import pty
import subprocess
import sys

import pytest

from rnnctl.determinism import BIT_VARIABLES
from tests.cli.command_line import PATIENCE, in_a_process, one_line, rnnctl


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "OPTIONS"),
        (["not json"], "not JSON"),
        (["{}"], "workspace"),
        (['{"workspace": "/w", "lease": -1}'], "--lease: -1 is not allowed"),
        (['{"workspace": "/w", "divice": "cpu"}'], "did you mean device?"),
        (["[" * 100_000], "not JSON"),
        (['{"slot": ' + "9" * 5000 + "}"], "not JSON"),
        (["\x1b[31m\n"], "not JSON"),
        (["7"], "a JSON object, not 7"),
        (["{}", "{}"], "unexpected extra argument"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(tmp_path, args, words):
    told = rnnctl("worker", *args, cwd=tmp_path, check=2)
    one_line(told, words)
    assert "unexpected Rec" not in told.stderr
    if len(args) < 2:
        one_line(told, "rnnctl train starts them")


def by_hand(folder, **environment):
    """Run a worker of this folder in a process of its own, because it takes over stdout and signals."""
    options = json.dumps({"workspace": str(folder)})
    return in_a_process(sys.executable, "-m", "rnnctl", "worker", options, cwd=folder, check=1, **environment)


def test_without_a_workspace_the_one_event_says_so(tmp_path):
    done = by_hand(tmp_path, **BIT_VARIABLES)
    event = json.loads(done.stdout)
    assert (event["event"], event["reason"]) == ("worker_ended", "error")
    assert event["error"].startswith("no workspace in")
    assert done.stderr == ""


def test_without_the_environment_of_a_worker_one_line_says_so(tmp_path):
    done = by_hand(tmp_path, **{**BIT_VARIABLES, "OMP_NUM_THREADS": "2"})
    [line] = done.stderr.splitlines()
    assert "without OMP_NUM_THREADS" in line
    assert json.loads(done.stdout)["error"] == line


@pytest.mark.parametrize("stdin", ["terminal", "closed"])
def test_without_a_pipe_for_orders_it_says_who_starts_workers(tmp_path, stdin):
    command = [sys.executable, "-m", "rnnctl", "worker", json.dumps({"workspace": str(tmp_path)})]
    if stdin == "closed":
        command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(command, cwd=tmp_path, stdin=theirs, capture_output=True, text=True, timeout=PATIENCE)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    one_line(done, "orders", "rnnctl train starts them")
